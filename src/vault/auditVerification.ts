/**
 * Does the log hold, and does it agree with what is stored? Two passes over a tenant, each a bounded page at a time: every
 * leaf by itself and against the row it speaks of; then every record against the newest leaf that wrote it. What was
 * changed, moved, rolled back, emptied or deleted shows in one of them. That a leaf is missing which nothing stored depends
 * on (a read's, a refusal's) only a Merkle tree over the leaves can show, which these leaves are laid out for.
 */
import { decodeLeaf, leafHash, type AuditLeaf } from '../crypto/leaf.ts';
import { selectLeafPage, selectNewestLeaf, type VerifiedLeafRow } from '../db/auditVerification.ts';
import { commit } from '../db/commit.ts';
import type { Database } from '../db/database.ts';
import type { Breach, BreachCode } from './breach.ts';
import { timeOf } from './idTime.ts';
import { verifyRecords } from './recordVerification.ts';
import { contradicted } from './toldObjects.ts';

export interface Verification {
  readonly tenantId: string;
  readonly leaves: number;
  readonly records: number;
  /** Undefined when all of it holds. */
  readonly breach: Breach | undefined;
}

/** How far it is: a share of the whole, from 0 to 1, and what was looked at so far. */
export type OnProgress = (share: number, leaves: number, records: number) => void;

const pageSize = 500;
/** Id and time are taken one after the other; between them a clock may be set. */
const clockStepMs = 60_000;
/** Of the whole work, the part that the leaves are taken for. */
const leafShare = 0.6;

/** Looks at everything written before the call. Changes nothing, needs no key. */
export async function verifyTenant(db: Database, tenantId: string, onProgress: OnProgress): Promise<Verification> {
  const leaves = await verifyLeaves(db, tenantId, (share, count) => onProgress(share * leafShare, count, 0));
  if (leaves.breach !== undefined) return { tenantId, leaves: leaves.count, records: 0, breach: leaves.breach };
  const records = await verifyRecords(db, tenantId, (share, count) =>
    onProgress(leafShare + share * (1 - leafShare), leaves.count, count),
  );
  return { tenantId, leaves: leaves.count, records: records.count, breach: records.breach };
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
  return (await contradicted(db, tenantId, leaves)) ?? broken;
}

function verifyLeaf(tenantId: string, row: VerifiedLeafRow, previous: string | undefined): AuditLeaf | BreachCode {
  const leaf = decoded(row.leaf);
  if (leaf === undefined) return 'leaf_malformed';
  if (!leafHash(row.leaf).equals(row.leafHash)) return 'leaf_hash';
  if (leaf.id !== row.id) return 'leaf_id';
  if (leaf.tenantId !== tenantId) return 'leaf_tenant';
  if (Math.abs(leaf.at - timeOf(leaf.id)) > clockStepMs) return 'leaf_time';
  if (previous !== undefined && leaf.id <= previous) return 'leaf_order';
  const { clientId = null, subjectId = null, grantId = null } = leaf;
  const same = clientId === row.clientId && subjectId === row.subjectId && grantId === row.grantId;
  return same ? leaf : 'leaf_columns';
}

function decoded(bytes: Buffer): AuditLeaf | undefined {
  try {
    return decodeLeaf(bytes);
  } catch {
    return undefined;
  }
}
