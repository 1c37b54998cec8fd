import { newWebhookSecret } from '../crypto/webhookSignature.ts';
import { selectWebhook, type WebhookFacts, type WebhookRow } from '../db/webhooks.ts';
import { VaultError } from '../errors.ts';
import { load } from './act.ts';
import type { TenantKeys } from './keyring.ts';
import { forResealing, openRecord, sealNew, sealNext, type Value, type Values } from './record.ts';
import { checkMac, macOf } from './rowMac.ts';
import { timeView } from './shownTime.ts';
import type { Vault } from './vault.ts';

/** A secret that a webhook is signed with, and until when; the newest has no end. */
export interface SigningSecret {
  readonly secret: string;
  /** RFC 3339. */
  readonly until: string | null;
}

/** What only the vault reads of an endpoint. */
export interface Endpoint {
  readonly url: string;
  /** Newest first. */
  readonly secrets: readonly SigningSecret[];
}

const valuesOf = ({ url, secrets }: Endpoint): Values =>
  new Map<string, Value>([
    ['url', url],
    ['secrets', secrets.map(({ secret, until }) => ({ secret, until }))],
  ]);

export const freshSecret = (): SigningSecret => ({ secret: newWebhookSecret(), until: null });

export function newEndpoint(
  keys: TenantKeys,
  facts: Omit<WebhookFacts, 'mac' | 'version'>,
  endpoint: Endpoint,
): WebhookRow & { readonly digest: Buffer } {
  return signedRow(keys, facts, sealNew(keys, 'webhook', facts.id, valuesOf(endpoint)));
}

/** The next version of its row, on the one that was read. */
export function nextEndpoint(
  keys: TenantKeys,
  row: WebhookRow,
  change: Partial<Pick<WebhookFacts, 'disabledAt' | 'disabledReason'>>,
  endpoint = openEndpoint(keys, row),
): WebhookRow & { readonly digest: Buffer } {
  return signedRow(keys, { ...row, ...change }, sealNext(keys, 'webhook', row, valuesOf(endpoint)));
}

function signedRow(
  keys: TenantKeys,
  { id, clientId, audience, kinds, createdAt, disabledAt, disabledReason }: Omit<WebhookFacts, 'mac' | 'version'>,
  { version, keyVersion, dataKey, sealed, digest }: ReturnType<typeof sealNew>,
) {
  const facts = { id, clientId, audience, kinds, version, createdAt, disabledAt, disabledReason };
  return { ...facts, mac: macOf(keys, 'webhooks', facts), keyVersion, dataKey, sealed, digest };
}

export function openEndpoint(keys: TenantKeys, row: WebhookRow): Endpoint {
  const record = openRecord(keys, 'webhook', row);
  const value = (label: string) => forResealing(record.value(label));
  return { url: value('url') as string, secrets: value('secrets') as unknown as readonly SigningSecret[] };
}

/** An endpoint of this tenant. Throws `not_found`, and `integrity_failure` for one that is not as it was made here. */
export async function webhookOf(vault: Vault, keys: TenantKeys, id: string): Promise<WebhookRow> {
  const [[row]] = await load(vault, keys.tenantId, [selectWebhook(keys.tenantId, id)]);
  if (row === undefined) throw new VaultError('not_found');
  checkMac(keys, 'webhooks', row);
  return row;
}

/** As it is shown; no secret is part of it. */
export function webhookView(keys: TenantKeys, row: WebhookRow) {
  const { id, clientId, audience, kinds, version, createdAt, disabledAt, disabledReason } = row;
  return {
    id,
    clientId,
    role: audience,
    url: openEndpoint(keys, row).url,
    kinds: [...kinds],
    disabled: disabledAt !== null,
    ...(disabledReason === null ? {} : { disabledReason }),
    ...timeView('disabledAt', disabledAt),
    version,
    ...timeView('createdAt', createdAt),
  };
}
