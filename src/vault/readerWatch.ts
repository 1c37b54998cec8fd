import { decodeLeaf, type AuditLeaf } from '../crypto/leaf.ts';
import { selectLeavesAfter } from '../db/audit.ts';
import { insertAnomalies, selectMarks, type AnomalyRow } from '../db/anomalies.ts';
import { moveReaderWatch, putCounts, selectReaderWatch, type WatchRow } from '../db/readerWatch.ts';
import type { Statement } from '../db/statement.ts';
import { VaultError } from '../errors.ts';
import { load, write } from './act.ts';
import { markOf, sealAnomaly, type Anomaly } from './anomalies.ts';
import { decoysByCustomer } from './decoyList.ts';
import { touchesOf, type Touch } from './decoyTouches.ts';
import { eventStatement } from './events.ts';
import { settlesAfterMs } from './extentPass.ts';
import { firstIdAt } from './ids.ts';
import type { TenantKeys } from './keyring.ts';
import { underLease } from './lease.ts';
import { countedUp } from './readerCounts.ts';
import { freezing } from './readerFreezes.ts';
import { believes, macOf } from './rowMac.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/** Leaves of one commit. */
const pageSize = 1_000;
/** What a look at the newest leaves repeats of the look before: for leaves that were made first and committed second. */
const overlapMs = 2_000;

/** How far this process has looked at the newest leaves, by tenant; what it misses there, the counting sees for good. */
export type Heads = Map<string, string>;

/**
 * Watches the log: every leaf is counted once, when all that could come before it is there, and whoever touches a decoy is told
 * within a second or two. Any number of processes may do it; one at a time does, for a tenant. No request waits for it.
 */
export async function watchReaders(vault: Vault, heads: Heads): Promise<void> {
  for (const tenantId of vault.watch.tenants()) {
    // A tenant in trouble leaves the others watched over.
    await watchTenant(vault, tenantId, heads).catch(() => undefined);
  }
}

async function watchTenant(vault: Vault, tenantId: string, heads: Heads): Promise<void> {
  const policy = vault.watch.policy(tenantId);
  if (policy.profile.monitoring === undefined && policy.profile.decoys === undefined) return;
  if (!(await hasNews(vault, tenantId, heads))) return;
  await underLease(vault, tenantId, 'reader_watch', async (renew) => {
    const keys = await vault.keyring.tenant(tenantId);
    await lookAtNewest(vault, keys, policy, heads);
    while ((await countPage(vault, keys, policy)) && (await renew()));
  });
}

/** Is there a leaf that this process has not looked at, or none has counted? */
async function hasNews(vault: Vault, tenantId: string, heads: Heads): Promise<boolean> {
  const [[row]] = await load(vault, tenantId, [selectReaderWatch(tenantId)]);
  if (row === undefined) return true;
  const now = vault.now();
  const [[newest], [uncounted]] = await load(vault, tenantId, [
    selectLeavesAfter(tenantId, undefined, heads.get(tenantId) ?? row.afterId, firstIdAt(new Date(now + 1)), 1),
    selectLeavesAfter(tenantId, undefined, row.afterId, firstIdAt(new Date(now - settlesAfterMs)), 1),
  ]);
  return newest !== undefined || uncounted !== undefined;
}

/** The next page of leaves, counted. False when there is nothing left that is whole. */
async function countPage(vault: Vault, keys: TenantKeys, policy: Policy): Promise<boolean> {
  const { tenantId } = keys;
  const until = firstIdAt(new Date(vault.now() - settlesAfterMs));
  const [[row]] = await load(vault, tenantId, [selectReaderWatch(tenantId)]);
  // What was before there was a watch is none of it.
  if (row === undefined) return move(vault, keys, until, undefined, []).then(() => false);
  if (!believes(vault, keys, 'reader_watch', row)) throw new VaultError('integrity_failure');
  const [page] = await load(vault, tenantId, [selectLeavesAfter(tenantId, undefined, row.afterId, until, pageSize)]);
  const last = page.at(-1);
  if (last === undefined) return false;
  const leaves = page.flatMap(readable);
  const { rows, found } = await countedUp(vault, keys, policy.profile, leaves);
  const decoys = await decoysByCustomer(vault, keys);
  const news = await notTold(vault, keys, [...found, ...touchesOf(policy.profile, decoys, leaves)]);
  await move(vault, keys, last.id, row.mac, [putCounts(tenantId, rows), ...telling(vault, keys, news)]);
  return page.length === pageSize;
}

async function move(
  vault: Vault,
  keys: TenantKeys,
  afterId: string,
  was: Buffer | undefined,
  statements: readonly Statement[],
): Promise<void> {
  const row: WatchRow = { afterId, mac: macOf(keys, 'reader_watch', { afterId }) };
  await write(vault, keys.tenantId, [...statements, moveReaderWatch(keys.tenantId, row, was)]);
}

/** The newest leaves, for decoys alone: they are counted later, when they are whole. */
async function lookAtNewest(vault: Vault, keys: TenantKeys, policy: Policy, heads: Heads): Promise<void> {
  const { tenantId } = keys;
  const now = vault.now();
  const decoys = await decoysByCustomer(vault, keys);
  if (decoys.size > 0) {
    const from = heads.get(tenantId) ?? firstIdAt(new Date(now - settlesAfterMs));
    for (let after = from; ;) {
      const until = firstIdAt(new Date(now + 1));
      const [page] = await load(vault, tenantId, [selectLeavesAfter(tenantId, undefined, after, until, pageSize)]);
      const news = await notTold(vault, keys, touchesOf(policy.profile, decoys, page.flatMap(readable)));
      if (news.length > 0) await write(vault, tenantId, telling(vault, keys, news));
      after = page.at(-1)?.id ?? after;
      if (page.length < pageSize) break;
    }
  }
  heads.set(tenantId, firstIdAt(new Date(now - overlapMs)));
}

/** What is to be told, once: what it is about, and whom to stop. */
export interface Found {
  readonly anomaly: Anomaly;
  readonly about: readonly string[];
  readonly freeze?: Touch['freeze'];
}

async function notTold(vault: Vault, keys: TenantKeys, found: readonly Found[]): Promise<readonly Found[]> {
  // Of several in one page the first is told.
  const once = [...new Map(found.toReversed().map((one) => [one.about.join(' '), one])).values()];
  if (once.length === 0) return [];
  const marks = once.map(({ about }) => markOf(keys, about));
  const [known] = await load(vault, keys.tenantId, [selectMarks(keys.tenantId, marks)]);
  return once.filter((_, i) => !known.some(({ mark }) => marks[i]?.equals(mark)));
}

function telling(vault: Vault, keys: TenantKeys, news: readonly Found[]): Statement[] {
  if (news.length === 0) return [];
  const now = vault.now();
  const rows: AnomalyRow[] = news.map(({ anomaly, about }) => sealAnomaly(keys, anomaly, about, now));
  const events = rows.map(({ id }) => ({ kind: 'anomaly.found', objectId: id }) as const);
  const frozen = news.flatMap(({ freeze }) => freeze ?? []);
  return [
    insertAnomalies(keys.tenantId, rows),
    eventStatement(vault, keys.tenantId, ...events),
    ...freezing(keys, frozen, new Date(now), undefined, null),
  ];
}

/** One that was altered tells nothing; `amanat audit verify` finds it. */
function readable({ id, leaf: bytes }: { readonly id: string; readonly leaf: Buffer }): readonly AuditLeaf[] {
  try {
    const leaf = decodeLeaf(bytes);
    return leaf.id === id ? [leaf] : [];
  } catch {
    return [];
  }
}
