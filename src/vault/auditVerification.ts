/**
 * Does the log hold, and does it agree with what is stored? Three passes over a tenant, each a bounded page at a time: the tree over
 * the leaves, with every checkpoint that was signed; every leaf by itself, in the tree, and against the rows it speaks of; then
 * every record against the newest leaf that wrote it. What was changed, moved, rolled back, emptied, taken away, added or signed
 * anew shows in one of them.
 */
import type { AuditLeaf } from '../crypto/leaf.ts';
import { selectLeafPage, selectNewestLeaf, type VerifiedLeafRow } from '../db/auditVerification.ts';
import { commit } from '../db/commit.ts';
import type { Database } from '../db/database.ts';
import type { Breach, BreachCode } from './breach.ts';
import { timeOf } from './idTime.ts';
import { checkLeaf } from './leafCheck.ts';
import type { LogTrust } from './logCheck.ts';
import { verifyRecords } from './recordVerification.ts';
import { contradicted } from './toldObjects.ts';
import { verifyTree } from './treeVerification.ts';
import { unlogged } from './unlogged.ts';

export interface Verification {
  readonly tenantId: string;
  readonly leaves: number;
  readonly records: number;
  /** Leaves that the tree over them has, and that wait for it; checkpoints that were verified. */
  readonly size: number;
  /** Of the leaves of the tree, those whose time was over: their hashes are there, what they said is not. */
  readonly expired: number;
  readonly pending: number;
  readonly checkpoints: number;
  /** Undefined when all of it holds. */
  readonly breach: Breach | undefined;
}

/** How far it is: a share of the whole, from 0 to 1, and what was looked at so far. */
export type OnProgress = (share: number, leaves: number, records: number) => void;

const pageSize = 500;
/** Of the whole work, the parts that the tree and the leaves are taken for. */
const treeShare = 0.2;
const leafShare = 0.5;

/** Looks at everything written before the call. Changes nothing, and needs no key but the public ones that checkpoints are signed under. */
export async function verifyTenant(db: Database, trust: LogTrust, onProgress: OnProgress): Promise<Verification> {
  const { tenantId } = trust;
  const { breach, ...tree } = await verifyTree(db, trust, (share, count) => onProgress(share * treeShare, count, 0));
  if (breach !== undefined) return { tenantId, ...tree, leaves: tree.size, records: 0, breach };
  const leaves = await verifyLeaves(db, tenantId, (share, count) =>
    onProgress(treeShare + share * leafShare, count, 0),
  );
  if (leaves.breach !== undefined)
    return { tenantId, ...tree, leaves: leaves.count, records: 0, breach: leaves.breach };
  const records = await verifyRecords(db, tenantId, (share, count) =>
    onProgress(treeShare + leafShare + share * (1 - treeShare - leafShare), leaves.count, count),
  );
  return { tenantId, ...tree, leaves: leaves.count, records: records.count, breach: records.breach };
}

interface Pass {
  readonly count: number;
  readonly breach: Breach | undefined;
}

async function verifyLeaves(
  db: Database,
  tenantId: string,
  onProgress: (share: number, count: number) => void,
): Promise<Pass> {
  const [[newest]] = await commit(db, { tenantIds: [tenantId] }, [selectNewestLeaf(tenantId)]);
  if (newest === undefined) return { count: 0, breach: undefined };
  let count = 0;
  let first: string | undefined;
  for (let after: string | undefined; ;) {
    const [page] = await commit(db, { tenantIds: [tenantId] }, [selectLeafPage(tenantId, after, newest.id, pageSize)]);
    const breach = await verifyPage(db, tenantId, page, after);
    if (breach !== undefined) return { count, breach };
    count += page.length;
    first ??= page[0]?.id;
    after = page.at(-1)?.id;
    if (page.length < pageSize || first === undefined || after === undefined) return { count, breach: undefined };
    onProgress((timeOf(after) - timeOf(first)) / Math.max(1, timeOf(newest.id) - timeOf(first)), count);
  }
}

/** The first leaf of the page that does not hold, by itself or against the row it speaks of. */
async function verifyPage(
  db: Database,
  tenantId: string,
  page: readonly VerifiedLeafRow[],
  after: string | undefined,
): Promise<Breach | undefined> {
  const leaves: AuditLeaf[] = [];
  let broken: Breach | undefined;
  for (const [i, row] of page.entries()) {
    const outcome = verifyLeaf(tenantId, row, page[i - 1]?.id ?? after);
    if (typeof outcome !== 'string') {
      leaves.push(outcome);
      continue;
    }
    broken = { code: outcome, kind: 'leaf', id: row.id };
    break;
  }
  const ids = leaves.map(({ id }) => id);
  return (await contradicted(db, tenantId, leaves)) ?? (await unlogged(db, tenantId, ids)) ?? broken;
}

function verifyLeaf(tenantId: string, row: VerifiedLeafRow, previous: string | undefined): AuditLeaf | BreachCode {
  const leaf = checkLeaf(tenantId, row.leaf, row.leafHash, row.id);
  if (typeof leaf === 'string') return leaf;
  if (previous !== undefined && leaf.id <= previous) return 'leaf_order';
  const { clientId = null, subjectId = null, grantId = null } = leaf;
  const same = clientId === row.clientId && subjectId === row.subjectId && grantId === row.grantId;
  return same ? leaf : 'leaf_columns';
}
