import { decodeLeaf } from '../crypto/leaf.ts';
import { selectLeafPage, selectNewestLeaf, selectOldestLeaf } from '../db/auditVerification.ts';
import { momentIn, type Sample } from './customerSweep.ts';
import { firstIdAt, timeOf } from './ids.ts';
import { asked, type Flaw, type Ground } from './sweepGround.ts';
import { contradicted } from './toldObjects.ts';

const pageSize = 500;
/** Leaves that follow on each moment of a sample. */
const drawnAtOnce = 20;

/** Is what the log tells of there, and as new as it tells? All leaves up to now, or so many from moments that the seed says. */
export async function sweepLog(
  ground: Ground,
  sample: Sample | undefined,
  onShare: (share: number) => void,
): Promise<Flaw | undefined> {
  const { tenantId } = ground.keys;
  const [oldest] = await asked(ground, selectOldestLeaf(tenantId));
  const [newest] = await asked(ground, selectNewestLeaf(tenantId));
  if (oldest === undefined || newest === undefined) return undefined;
  const [first, last] = [timeOf(oldest.id), timeOf(newest.id)];
  if (sample === undefined)
    return sweepAll(ground, newest.id, (at) => onShare((at - first) / Math.max(1, last - first)));
  for (let n = 0; n < sample.size; n += 1) {
    const from = firstIdAt(new Date(momentIn(first, last, `${sample.seed}/leaves/${n}`)));
    const { flaw } = await sweepPage(ground, from, newest.id, drawnAtOnce);
    if (flaw !== undefined) return flaw;
    onShare((n + 1) / sample.size);
  }
  return undefined;
}

async function sweepAll(ground: Ground, newestId: string, onMoment: (at: number) => void): Promise<Flaw | undefined> {
  for (let after: string | undefined; ;) {
    const { flaw, last } = await sweepPage(ground, after, newestId, pageSize);
    if (flaw !== undefined || last === undefined) return flaw;
    after = last;
    onMoment(timeOf(last));
  }
}

async function sweepPage(
  ground: Ground,
  after: string | undefined,
  newestId: string,
  limit: number,
): Promise<{ readonly flaw: Flaw | undefined; readonly last: string | undefined }> {
  const { db, keys, counted } = ground;
  const page = await asked(ground, selectLeafPage(keys.tenantId, after, newestId, limit));
  counted.leaves += page.length;
  // A leaf that is none is for `amanat audit verify` to name.
  const leaves = page.flatMap(({ leaf }) => {
    try {
      return [decodeLeaf(leaf)];
    } catch {
      return [];
    }
  });
  return { flaw: await contradicted(db, keys.tenantId, leaves), last: page.at(-1)?.id };
}
