import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Database } from './db/database.ts';
import { acceptances } from './http/acceptances.ts';
import { accesses } from './http/accesses.ts';
import { acts, type DeclareAct } from './http/acts.ts';
import { anomalies } from './http/anomalies.ts';
import { audit } from './http/audit.ts';
import { auditProofs } from './http/auditProofs.ts';
import { authenticator, callerRecalled } from './http/auth.ts';
import { changes } from './http/changes.ts';
import { breakGlass } from './http/breakGlass.ts';
import { clients } from './http/clients.ts';
import { complaints } from './http/complaints.ts';
import { consents } from './http/consents.ts';
import { cookieChecks } from './http/cookieChecks.ts';
import { copyLinks } from './http/copyLinks.ts';
import { customers } from './http/customers.ts';
import { contactPoints } from './http/contactPoints.ts';
import { decoys } from './http/decoys.ts';
import { deliveries } from './http/deliveries.ts';
import { events } from './http/events.ts';
import { extracts } from './http/extracts.ts';
import { exportRegister } from './http/exportRegister.ts';
import { exports } from './http/exports.ts';
import { feedback } from './http/feedback.ts';
import { grants } from './http/grants.ts';
import { holds } from './http/holds.ts';
import { createHttp, type Http, type HttpOptions } from './http/http.ts';
import { incidents } from './http/incidents.ts';
import { inventory } from './http/inventory.ts';
import { invoices } from './http/invoices.ts';
import { legalDocuments } from './http/legalDocuments.ts';
import { legalOrders } from './http/legalOrders.ts';
import { messages } from './http/messages.ts';
import { inquiries } from './http/inquiries.ts';
import { misuseReports } from './http/misuseReports.ts';
import { notices } from './http/notices.ts';
import { oauth } from './http/oauth.ts';
import { orders } from './http/orders.ts';
import { permissions } from './http/permissions.ts';
import { policies } from './http/policies.ts';
import { readerFreezes } from './http/readerFreezes.ts';
import { requests } from './http/requests.ts';
import { retention } from './http/retention.ts';
import { statistics } from './http/statistics.ts';
import { recipients } from './http/recipients.ts';
import { vaultSeal } from './http/seal.ts';
import { staffUndertakings } from './http/staffUndertakings.ts';
import { supplementaryRequests } from './http/supplementaryRequests.ts';
import { system } from './http/system.ts';
import { webhooks } from './http/webhooks.ts';
import { keyPeriods as usualPeriods, type KeyPeriods } from './keyPeriods.ts';
import type { KeyFolder, RootKey } from './keys/folder.ts';
import { liveKeys } from './keys/liveKeys.ts';
import type { Log } from './log.ts';
import type { Senders } from './sending/sender.ts';
import { tokenVerifier } from './vault/accessToken.ts';
import type { Caller } from './vault/caller.ts';
import { openCeilings } from './vault/ceilings.ts';
import { deliveryMemory } from './vault/deliveryMemory.ts';
import { forgetDestroyed } from './vault/erasure.ts';
import { grantMemory } from './vault/grantOf.ts';
import { openKeyring } from './vault/keyring.ts';
import { liveKeyring } from './vault/liveKeyring.ts';
import { openPeers } from './vault/processes.ts';
import { openReads } from './vault/reads.ts';
import { openSeal } from './vault/seal.ts';
import { openSealing } from './vault/sealing.ts';
import { newThrottle } from './vault/throttle.ts';
import type { Vault } from './vault/vault.ts';
import { openWatch } from './vault/watch.ts';
import type { WitnessState } from './vault/witness.ts';
import { openWrites } from './vault/writes.ts';

const hourMs = 3_600_000;

/** What a process serves with. */
export interface Parts {
  readonly db: Database;
  /** `undefined`: sealed from the start. */
  readonly keys: KeyFolder | undefined;
  readonly issuer: string;
  readonly now: () => number;
  readonly log: Log;
  /** Of a process that serves; without them nothing is sent. */
  readonly senders?: Senders;
  readonly keyPeriods?: KeyPeriods;
  /** How long a tenant's unwrapped keys are used without asking the root key again; an hour when absent. Milliseconds. */
  readonly keyLifetimeMs?: number;
  /** Keys that can be had without asking anybody, once a sealing was lifted. */
  readonly reload?: () => Promise<KeyFolder | undefined>;
  /** Of a process that serves. */
  readonly witnessState?: Vault['witnessState'];
  readonly cosigned?: Vault['cosigned'];
  readonly installation?: Vault['installation'];
  /** May much be sealed in a thread beside this one? False where every core has a process of its own. */
  readonly sealsBeside?: boolean;
  /** The vault was sealed, or opened again. */
  readonly onSeal?: (sealed: boolean) => void;
}

export function openVault(parts: Parts): Vault {
  // No closure below may keep `parts`, which holds the keys: they have to be gone when the vault is sealed.
  const {
    db,
    issuer,
    now,
    log,
    senders = {},
    keyPeriods = usualPeriods,
    onSeal = () => undefined,
    reload = async () => undefined,
  } = parts;
  const notice: Vault['notice'] = (event, code) => log.event(event, { code });
  const keys = liveKeys(parts.keys);
  const rootById: Pick<ReadonlyMap<string, RootKey>, 'get'> = { get: (id) => keys.root.byId.get(id) };
  const isSealed = (): boolean => keys.sealed;
  const limits = { isSealed, lifetimeMs: parts.keyLifetimeMs ?? hourMs, now };
  const sealing =
    parts.sealsBeside === false ? undefined : openSealing(() => log.event('fault', { code: 'sealing_thread_gone' }));
  const keyring = liveKeyring(openKeyring(db, rootById, now, sealing), limits);
  const seal = openSeal({ db, keys, keyring, now, reload, onChange: onSeal });
  const memory = { keyring, grants: grantMemory(), deliveries: deliveryMemory() };
  const onBroken = (kind: string): void => notice('integrity_failure', kind);
  return {
    db,
    keys,
    seal,
    keyPeriods,
    peers: openPeers(db, keys, now),
    ...memory,
    watch: openWatch(
      db,
      keyring,
      now,
      onBroken,
      (gone) => forgetDestroyed(memory, gone),
      () => seal.look(),
    ),
    reads: openReads(db, now),
    ceilings: openCeilings(db, now),
    writes: openWrites(db),
    issuer,
    senders,
    ...outsideOf(parts),
    now,
    notice,
    announce: (event, raised) => log.event(event, raised),
  };
}

function outsideOf({ witnessState, cosigned, installation }: Parts) {
  return {
    witnessState: witnessState ?? ((): WitnessState => ({ code: 'none', at: undefined })),
    cosigned: cosigned ?? (async () => undefined),
    installation,
  };
}

const openapiFile = fileURLToPath(new URL('../openapi.yaml', import.meta.url));

/** What is acts of known callers and nothing else. Those of the hot path first: the router looks in this order. */
const nouns: readonly ((declare: DeclareAct, vault: Vault) => void)[] = [
  customers,
  deliveries,
  orders,
  grants,
  consents,
  contactPoints,
  cookieChecks,
  permissions,
  messages,
  invoices,
  audit,
  auditProofs,
  clients,
  vaultSeal,
  legalOrders,
  legalDocuments,
  holds,
  exportRegister,
  exports,
  events,
  notices,
  requests,
  incidents,
  readerFreezes,
  breakGlass,
  anomalies,
  decoys,
  webhooks,
  recipients,
  staffUndertakings,
  misuseReports,
  complaints,
  inquiries,
  feedback,
  supplementaryRequests,
  accesses,
  changes,
  statistics,
  retention,
  extracts,
  acceptances,
];

/** The whole HTTP side over a vault. */
export function createApp(
  vault: Vault,
  log: Log,
  options: Pick<HttpOptions<Caller>, 'rate' | 'mostInFlight' | 'turnstile' | 'patience'> = {},
): Http<Caller> {
  const { verify, recall } = tokenVerifier(vault.keys, vault.issuer, vault.now);
  const http = createHttp<Caller>({
    ...options,
    log,
    now: vault.now,
    authenticate: authenticator(verify, vault.watch),
    callerOfHead: callerRecalled(recall),
    clientOf: (caller) => caller.clientId,
    tenantOf: (caller) => caller.tenantId,
    isSealed: vault.seal.sealed,
  });
  const declare = acts(http, vault);
  for (const noun of nouns) noun(declare, vault);
  copyLinks(declare, http, vault);
  policies(declare, http, vault);
  inventory(declare, http, vault);
  oauth(http, vault, newThrottle(vault.now));
  system(http, vault, readFileSync(openapiFile, 'utf8'));
  return http;
}
