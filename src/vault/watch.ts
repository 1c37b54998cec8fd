import { commit } from '../db/commit.ts';
import type { Database } from '../db/database.ts';
import { selectDestroyedKeys, type DestroyedKey } from '../db/erasure.ts';
import { DbFault } from '../db/fault.ts';
import { selectPolicyVersions, type PolicyRow } from '../db/tenants.ts';
import { selectCutOffs, selectRevocations, type CutOffRow, type RevocationRow } from '../db/tokens.ts';
import { VaultError } from '../errors.ts';
import { judgeFor, type Judge } from '../policy/judge.ts';
import { parseProfile, type Profile } from '../policy/profile.ts';
import { clockMarginMs, maxLifetimeSeconds } from './accessToken.ts';
import type { Caller } from './caller.ts';
import type { Keyring } from './keyring.ts';
import { checkMac } from './rowMac.ts';

const lookEveryMs = 1_000;
/** Nobody is served on a look older than this; with the look itself it keeps revocation within 5 seconds (P8). */
const freshForMs = 4_000;
/** After this, every token that a cut-off could concern has expired. */
const cutOffKeptMs = maxLifetimeSeconds * 1000 + clockMarginMs;

/** The policy version in force for a tenant, with its judge. */
export interface Policy extends Judge {
  readonly profile: Profile;
  readonly number: number;
  /** Names the version in answers and in the audit: `kalak/1`. */
  readonly label: string;
}

/** What this process knows of changes that any process made: at most five seconds old, or nobody is served. */
export interface Watch {
  /**
   * Throws `sealed` for a tenant without a policy, `integrity_failure` for one whose stored policy cannot be read or is
   * not as it was published.
   */
  policy(tenantId: string): Policy;
  tenants(): readonly string[];
  isRevoked(caller: Caller): boolean;
  /** At once when the last good look is recent, else looks. Throws `audit_unavailable` when it cannot. */
  fresh(): Promise<void>;
  /** Reads what is new. Calls that come while one is under way share it. */
  look(): Promise<void>;
  /** What this process just committed holds here at once. */
  revokeToken(tokenId: string, expiresAt: number): void;
  cutOff(clientId: string, at: number): void;
  start(): void;
  stop(): void;
}

interface CutOff {
  readonly disabled: boolean;
  readonly validFrom: number;
}

interface Known {
  readonly policies: Map<string, Policy | 'broken'>;
  readonly versions: Map<string, number>;
  /** Token id to the moment it expires. */
  readonly revoked: Map<string, number>;
  readonly cutOffs: Map<string, CutOff>;
}

export function openWatch(
  db: Database,
  keyring: Keyring,
  now: () => number,
  onBrokenPolicy: () => void = () => {},
  onDestroyed: (gone: readonly DestroyedKey[]) => void = () => {},
): Watch {
  const known: Known = { policies: new Map(), versions: new Map(), revoked: new Map(), cutOffs: new Map() };
  let lookedAt: number | undefined;
  let looking: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;

  async function lookOnce(): Promise<void> {
    const at = now();
    const { policies, destroyed } = await readChanges(db, known, at, lookedAt);
    onDestroyed(destroyed);
    for (const row of policies) if ((await learnPolicy(keyring, known, row)) === 'broken') onBrokenPolicy();
    forget(known, at);
    lookedAt = at;
  }

  function look(): Promise<void> {
    return (looking ??= lookOnce().finally(() => void (looking = undefined)));
  }

  const isFresh = (): boolean => {
    const age = lookedAt === undefined ? Infinity : now() - lookedAt;
    // A clock that was set back makes no look young.
    return age >= 0 && age < freshForMs;
  };

  return {
    policy: (tenantId) => policyOf(known, tenantId),
    tenants: () => [...known.policies.keys()],
    isRevoked: (caller) => isRevoked(known, caller),
    async fresh() {
      if (isFresh()) return;
      await look().catch(() => {
        throw new VaultError('audit_unavailable', [], 1);
      });
    },
    look,
    revokeToken: (tokenId, expiresAt) => void known.revoked.set(tokenId, expiresAt),
    cutOff: (clientId, at) => void known.cutOffs.set(clientId, { disabled: true, validFrom: at }),
    start() {
      // A look that fails is made up for by the next one; until then `fresh` refuses.
      timer ??= setInterval(() => void look().catch(() => {}), lookEveryMs).unref();
    },
    stop() {
      clearInterval(timer);
      timer = undefined;
    },
  };
}

async function readChanges(
  db: Database,
  known: Known,
  at: number,
  lookedAt: number | undefined,
): Promise<{ readonly policies: readonly PolicyRow[]; readonly destroyed: readonly DestroyedKey[] }> {
  // Behind the look before: for other clocks, and for transactions that took long to commit.
  const since = new Date(lookedAt === undefined ? 0 : lookedAt - clockMarginMs);
  const cutSince = new Date(Math.max(since.getTime(), at - cutOffKeptMs));
  const versions = [...known.versions].map(([tenantId, number]) => ({ tenantId, number }));
  // At the first look nothing is in memory.
  const destroyedSince = lookedAt === undefined ? new Date(at) : since;
  const [revocations, cutOffs, policies, destroyed] = await commit(db, 'directory', [
    selectRevocations(since, new Date(at)),
    selectCutOffs(cutSince),
    selectPolicyVersions(versions, new Date(at)),
    selectDestroyedKeys(destroyedSince),
  ]);
  for (const row of revocations) known.revoked.set(row.tokenId, expiryOf(row));
  for (const row of cutOffs) known.cutOffs.set(row.clientId, cutOffOf(row));
  return { policies, destroyed };
}

const expiryOf = (row: RevocationRow): number => row.expiresAt.getTime();
const cutOffOf = (row: CutOffRow): CutOff => ({ disabled: row.disabled, validFrom: row.validFrom.getTime() });

/** A tenant whose keys are not to be had stays unknown, and is asked about again by the next look. */
async function learnPolicy(keyring: Keyring, known: Known, row: PolicyRow): Promise<Policy | 'broken' | undefined> {
  const policy = await readPolicy(keyring, row);
  if (policy === undefined) return undefined;
  known.policies.set(row.tenantId, policy);
  known.versions.set(row.tenantId, row.number);
  return policy;
}

/** One tenant's policy that cannot be read, or was not published here, closes that tenant and no other. */
async function readPolicy(keyring: Keyring, row: PolicyRow): Promise<Policy | 'broken' | undefined> {
  try {
    checkMac(await keyring.tenant(row.tenantId), 'policy_versions', row);
    const profile = parseProfile(row.source);
    if (profile.id !== row.profile) return 'broken';
    return Object.freeze({ ...judgeFor(profile), profile, number: row.number, label: `${profile.id}/${row.number}` });
  } catch (error) {
    if (error instanceof DbFault) throw error;
    return error instanceof VaultError && error.code === 'sealed' ? undefined : 'broken';
  }
}

function policyOf(known: Known, tenantId: string): Policy {
  const policy = known.policies.get(tenantId);
  if (policy === undefined) throw new VaultError('sealed');
  if (policy === 'broken') throw new VaultError('integrity_failure');
  return policy;
}

function isRevoked(known: Known, caller: Caller): boolean {
  if (known.revoked.has(caller.tokenId)) return true;
  const cut = known.cutOffs.get(caller.clientId);
  if (cut === undefined) return false;
  // A disabled client gets no new token, so whatever it shows was issued before, whatever its clock said.
  return cut.disabled || caller.issuedAt < cut.validFrom;
}

function forget(known: Known, at: number): void {
  for (const [tokenId, expiresAt] of known.revoked) if (expiresAt <= at) known.revoked.delete(tokenId);
  for (const [clientId, cut] of known.cutOffs) {
    if (cut.validFrom + cutOffKeptMs < at) known.cutOffs.delete(clientId);
  }
}
