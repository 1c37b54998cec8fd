import type { AuditLeaf } from '../crypto/leaf.ts';
import { deleteCountsBefore, selectCounts, selectPastCounts, type CountKey, type CountRow } from '../db/readerWatch.ts';
import type { Profile } from '../policy/profile.ts';
import { load, write } from './act.ts';
import type { Anomaly, AnomalyKind } from './anomalies.ts';
import type { TenantKeys } from './keyring.ts';
import { boundsOf, hitsOf, lengthOf, type Measure, type Monitoring } from './readerMeasures.ts';
import type { Found } from './readerWatch.ts';
import { believes, macOf } from './rowMac.ts';
import type { Vault } from './vault.ts';

/** Bytes of a person's keyed hash. */
const seenLength = 6;
/** So many windows of a reader's own make a past. */
const enoughPast = 3;

interface Counting extends CountKey {
  readonly measure: Measure;
  count: number;
  readonly seen: Set<string>;
}

/** What these leaves make of the counts, and what of it is unusual. */
export async function countedUp(
  vault: Vault,
  keys: TenantKeys,
  profile: Profile,
  leaves: readonly AuditLeaf[],
): Promise<{ readonly rows: readonly CountRow[]; readonly found: readonly Found[] }> {
  const { monitoring } = profile;
  if (monitoring === undefined) return { rows: [], found: [] };
  const hits = leaves.flatMap((leaf) => hitsOf(profile, monitoring, leaf));
  const counts = await countsOf(vault, keys, hits);
  for (const hit of hits) {
    const counting = counts.get(nameOf(hit));
    if (counting !== undefined)
      countOne(keys, counting, hit.subjectId, boundsOf(monitoring, hit.measure, hit.readerKind).most);
  }
  const found: Found[] = [];
  for (const counting of counts.values()) {
    const { most } = boundsOf(monitoring, counting.measure, counting.readerKind);
    if (counting.count >= most) found.push(foundOf(monitoring, counting, counting.measure, most));
    else if (counting.measure === 'reads') found.push(...(await againstPast(vault, keys, monitoring, counting)));
  }
  return { rows: [...counts.values()].map((counting) => rowOf(keys, counting)), found };
}

function countOne(keys: TenantKeys, counting: Counting, subjectId: string | undefined, most: number): void {
  if (subjectId === undefined) {
    counting.count += 1;
    return;
  }
  // At the threshold it is told; who comes after that makes no difference.
  if (counting.seen.size >= most) return;
  counting.seen.add(keys.hash('anomaly/seen', subjectId).subarray(0, seenLength).toString('hex'));
  counting.count = counting.seen.size;
}

async function countsOf(vault: Vault, keys: TenantKeys, hits: readonly CountKey[]): Promise<Map<string, Counting>> {
  const wanted = new Map(hits.map((hit) => [nameOf(hit), hit]));
  const [rows] = await load(vault, keys.tenantId, [selectCounts(keys.tenantId, [...wanted.values()])]);
  // One that somebody rewrote begins anew; the operator is told.
  const known = new Map(
    rows.filter((row) => believes(vault, keys, 'reader_counts', row)).map((row) => [nameOf(row), row]),
  );
  return new Map(
    [...wanted].map(([name, { measure, readerKind, reader, windowStart }]) => {
      const row = known.get(name);
      const key = { measure: measure as Measure, readerKind, reader, windowStart };
      return [name, { ...key, count: row?.count ?? 0, seen: new Set(row === undefined ? [] : seenIn(row.seen)) }];
    }),
  );
}

const nameOf = ({ measure, readerKind, reader, windowStart }: CountKey): string =>
  [measure, readerKind, reader, windowStart.getTime()].join(' ');

const seenIn = (seen: Buffer): string[] =>
  Array.from({ length: seen.length / seenLength }, (_, i) =>
    seen.subarray(i * seenLength, (i + 1) * seenLength).toString('hex'),
  );

function rowOf(keys: TenantKeys, { measure, readerKind, reader, windowStart, count, seen }: Counting): CountRow {
  const row = { measure, readerKind, reader, windowStart, count, seen: Buffer.from([...seen].join(''), 'hex') };
  return { ...row, mac: macOf(keys, 'reader_counts', row) };
}

/** So many times the mean of the windows in which this reader read at all. */
async function againstPast(
  vault: Vault,
  keys: TenantKeys,
  monitoring: Monitoring,
  counting: Counting,
): Promise<readonly Found[]> {
  const { atLeast, timesOwnPast, past } = monitoring.reads;
  if (counting.count < atLeast) return [];
  const since = new Date(counting.windowStart.getTime() - lengthOf(past));
  const [rows] = await load(vault, keys.tenantId, [selectPastCounts(keys.tenantId, counting, since)]);
  const genuine = rows.filter((row) => believes(vault, keys, 'reader_counts', row));
  if (genuine.length < enoughPast) return [];
  const most = (timesOwnPast * genuine.reduce((sum, { count }) => sum + count, 0)) / genuine.length;
  return counting.count > most ? [foundOf(monitoring, counting, 'own_past', Math.ceil(most))] : [];
}

/** Once a window, whichever way it was too much. */
function foundOf(
  monitoring: Monitoring,
  { measure, readerKind, reader, windowStart, count }: Counting,
  kind: AnomalyKind,
  threshold: number,
): Found {
  const { windowMs } = boundsOf(monitoring, measure, readerKind);
  const anomaly: Anomaly = {
    kind,
    ...(readerKind === 'client' ? { clientId: reader } : { actor: reader }),
    from: windowStart.toISOString(),
    to: new Date(windowStart.getTime() + windowMs).toISOString(),
    count,
    threshold,
  };
  return { anomaly, about: [measure, readerKind, reader, windowStart.toISOString()] };
}

/** Counts that nobody is held against any more. */
export async function forgetCounts(
  vault: Vault,
  { monitoring }: Profile,
  tenantId: string,
  atMost: number,
): Promise<void> {
  if (monitoring === undefined) return;
  const { reads, subjects, outOfHours, refused } = monitoring;
  const kept = [reads.past, subjects.window, outOfHours.window, refused.window].map(lengthOf);
  const before = new Date(vault.now() - 2 * Math.max(...kept));
  await write(vault, tenantId, [deleteCountsBefore(tenantId, before, atMost)]);
}
