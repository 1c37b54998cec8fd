import { selectAdmissions, type AdmissionRow } from '../db/admissions.ts';
import { commit } from '../db/commit.ts';
import type { Database } from '../db/database.ts';
import { selectDestroyedKeys, type DestroyedKey } from '../db/destroyedKeys.ts';
import { selectPolicyHeads, type PolicyHeadRow } from '../db/policyHeads.ts';
import {
  selectPolicyVersions,
  selectRecentPolicyNotices,
  type PolicyNoticeRow,
  type StoredVersionRow,
} from '../db/policies.ts';
import { selectFreezesSince, type KnownFreeze } from '../db/readerFreezes.ts';
import { selectCutOffs, selectRevocations } from '../db/tokens.ts';
import { selectTenantKeyChanges, type KeyChange } from '../db/tenants.ts';
import { VaultError } from '../errors.ts';
import type { Judge } from '../policy/judge.ts';
import { profileReader, type parseProfile, type Profile } from '../policy/profile.ts';
import { openAdmissions, type Admissions } from './admissionMemory.ts';
import { clockMarginMs } from './accessToken.ts';
import type { Caller } from './caller.ts';
import { frozenReaders, type FrozenReaders } from './frozenReaders.ts';
import { openKeyChanges, type KeyChanges } from './keyChanges.ts';
import type { Keyring } from './keyring.ts';
import { cutOffKeptMs, cutOffOf, forgetStopped, isStopped, nobodyStopped, type Stopped } from './stopped.ts';
import { rounds } from './rounds.ts';
import { openStanding, type PolicyRead, type OnBroken, type Standing } from './standing.ts';
import { keysIfAny } from './tenantRows.ts';

const lookEveryMs = 1_000;
/** Nobody is served on a look older than this; with the look itself it keeps revocation within 5 seconds (P8). */
const freshForMs = 4_000;
/** The policy version in force for a tenant, with its judge. */
export interface Policy extends Judge {
  readonly profile: Profile;
  readonly number: number;
  /** Since when it is in force. Milliseconds since the epoch. */
  readonly from: number;
  /** Names the version in answers and in the audit: `kalak/1`. */
  readonly label: string;
}

/** What this process knows of changes that any process made: at most five seconds old, or nobody is served. */
export interface Watch {
  /**
   * The version in force at this moment, by the second and without a look where its day was known before.
   * Throws `sealed` for a tenant without a policy, `integrity_failure` for one whose stored policy cannot be read or is
   * not as it was published.
   */
  policy(tenantId: string): Policy;
  tenants(): readonly string[];
  /** Or frozen. */
  isRevoked(caller: Caller): boolean;
  /** Was this client, or this member of staff, stopped? */
  isFrozen: FrozenReaders['isFrozen'];
  /** What a client's recipient, or a member of staff, has undertaken. */
  admission: Admissions['of'];
  /** At once when the last good look is recent, else looks. Throws `audit_unavailable` when it cannot. */
  fresh(): Promise<void>;
  /** Reads what is new. Calls that come while one is under way share it. */
  look(): Promise<void>;
  /** The same by a look that begins now: for what was just committed. A failure is made up for by the next one. */
  lookAnew(): Promise<void>;
  /** What this process just committed holds here at once. */
  revokeToken(tokenId: string, expiresAt: number): void;
  cutOff(clientId: string, at: number): void;
  start(): void;
  stop(): void;
}

interface Known {
  readonly readProfile: typeof parseProfile;
  readonly policies: Map<string, Standing>;
  /** The highest version that was read of each tenant. */
  readonly versions: Map<string, number>;
  readonly stopped: Stopped;
  readonly frozen: FrozenReaders;
  readonly admissions: Admissions;
  readonly keyChanges: KeyChanges;
}

const nothingKnown = (): Known => ({
  readProfile: profileReader(),
  policies: new Map(),
  versions: new Map(),
  stopped: nobodyStopped(),
  frozen: frozenReaders(),
  admissions: openAdmissions(),
  keyChanges: openKeyChanges(),
});

export function openWatch(
  db: Database,
  keyring: Keyring,
  now: () => number,
  onBroken: OnBroken = () => {},
  onDestroyed: (gone: readonly DestroyedKey[]) => void = () => {},
  /** What has to be known before anything else is; a look that fails here is none. */
  first: () => Promise<void> = async () => undefined,
): Watch {
  const known = nothingKnown();
  let lookedAt: number | undefined;
  let looking: Promise<void> | undefined;

  async function lookOnce(): Promise<void> {
    const at = now();
    await first();
    const changes = await readChanges(db, known, at, lookedAt);
    onDestroyed(changes.destroyed);
    await known.keyChanges.learn(keyring, changes.keys, () => onBroken('tenant_keys'));
    await known.frozen.learn(keyring, changes.freezes, () => onBroken('reader_freeze'));
    await known.admissions.learn(keyring, changes.admissions, () => onBroken('admissions'));
    await learnPolicies(keyring, known, changes, onBroken);
    forgetStopped(known.stopped, at);
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
    policy: (tenantId) => policyOf(known, tenantId, now()),
    tenants: () => [...known.policies.keys()],
    isRevoked: (caller) => isStopped(known.stopped, caller) || known.frozen.isFrozen(caller),
    isFrozen: known.frozen.isFrozen,
    admission: known.admissions.of,
    fresh: async () => {
      if (!isFresh()) await look().catch(unknown);
    },
    look,
    lookAnew: () => lookAfter(looking, look),
    revokeToken: (tokenId, expiresAt) => void known.stopped.tokens.set(tokenId, expiresAt),
    cutOff: (clientId, at) => void known.stopped.clients.set(clientId, { disabled: true, validFrom: at }),
    ...everySecond(look),
  };
}

/** A look that fails is made up for by the next one; until then `fresh` refuses. */
function everySecond(look: () => Promise<void>): Pick<Watch, 'start' | 'stop'> {
  let stopRounds: (() => void) | undefined;
  return {
    start: () => void (stopRounds ??= rounds(lookEveryMs, look)),
    stop() {
      stopRounds?.();
      stopRounds = undefined;
    },
  };
}

function unknown(): never {
  throw new VaultError('audit_unavailable', [], 1);
}

/** The one under way may have read before the commit. */
async function lookAfter(looking: Promise<void> | undefined, look: () => Promise<void>): Promise<void> {
  await looking?.catch(() => undefined);
  await look().catch(() => undefined);
}

interface Changes {
  readonly heads: readonly PolicyHeadRow[];
  readonly versions: readonly StoredVersionRow[];
  readonly notices: readonly PolicyNoticeRow[];
  readonly destroyed: readonly DestroyedKey[];
  readonly freezes: readonly KnownFreeze[];
  readonly admissions: readonly AdmissionRow[];
  readonly keys: readonly KeyChange[];
}

async function readChanges(db: Database, known: Known, at: number, lookedAt: number | undefined): Promise<Changes> {
  // Behind the look before: for other clocks, and for transactions that took long to commit.
  const since = new Date(lookedAt === undefined ? 0 : lookedAt - clockMarginMs);
  const cutSince = new Date(Math.max(since.getTime(), at - cutOffKeptMs));
  const versions = [...known.versions].map(([tenantId, number]) => ({ tenantId, number }));
  // At the first look nothing is in memory.
  const destroyedSince = lookedAt === undefined ? new Date(at) : since;
  const tenants = versions.map(({ tenantId }) => tenantId);
  const [heads, revocations, cutOffs, published, ...rest] = await commit(db, 'directory', [
    selectPolicyHeads(),
    selectRevocations(since, new Date(at)),
    selectCutOffs(cutSince),
    selectPolicyVersions(versions),
    selectRecentPolicyNotices(tenants, since),
    selectDestroyedKeys(destroyedSince),
    selectFreezesSince(since),
    selectAdmissions(since),
    selectTenantKeyChanges(),
  ]);
  for (const row of revocations) known.stopped.tokens.set(row.tokenId, row.expiresAt.getTime());
  for (const row of cutOffs) known.stopped.clients.set(row.clientId, cutOffOf(row, at));
  const [notices, destroyed, freezes, admissions, keys] = rest;
  return { heads, versions: published, notices, destroyed, freezes, admissions, keys };
}

async function learnPolicies(
  keyring: Keyring,
  known: Known,
  { heads, versions, notices }: Changes,
  onBroken: OnBroken,
): Promise<void> {
  for (const tenantId of new Set([...versions, ...notices].map((row) => row.tenantId))) {
    const own = <Row extends { readonly tenantId: string }>(rows: readonly Row[]) =>
      rows.filter((row) => row.tenantId === tenantId);
    const read = { head: own(heads)[0], versions: own(versions), notices: own(notices) };
    await learnPolicy(keyring, known, tenantId, read, onBroken);
  }
}

/** A tenant whose keys are not to be had stays unknown, and is asked about again by the next look. */
async function learnPolicy(
  keyring: Keyring,
  known: Known,
  tenantId: string,
  read: PolicyRead,
  onBroken: OnBroken,
): Promise<void> {
  const keys = await keysIfAny(keyring, tenantId);
  if (keys === undefined) return;
  const standing = known.policies.get(tenantId) ?? openStanding(known.readProfile);
  standing.learn(keys, read, onBroken);
  known.policies.set(tenantId, standing);
  for (const { number } of read.versions.slice(-1)) known.versions.set(tenantId, number);
}

function policyOf(known: Known, tenantId: string, at: number): Policy {
  const policy = known.policies.get(tenantId)?.policyAt(at);
  if (policy === undefined) throw new VaultError('sealed');
  return policy;
}
