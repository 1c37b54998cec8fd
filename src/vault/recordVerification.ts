import { digestOf, digestOfNothing } from '../crypto/digest.ts';
import { decodeLeaf } from '../crypto/leaf.ts';
import {
  selectCustomerPage,
  selectRecordedVersions,
  selectRecordsOf,
  selectSealed,
  selectShippedOrders,
  selectWriteLeaves,
  type SealedKind,
} from '../db/auditVerification.ts';
import { commit } from '../db/commit.ts';
import type { Database } from '../db/database.ts';
import { writeOf, type Breach } from './breach.ts';
import { timeOf } from './idTime.ts';

/** Customers looked at together, and sealed records fetched together. */
const pageSize = 50;
const fetchSize = 200;

interface Looked {
  readonly count: number;
  readonly breach: Breach | undefined;
}

/** Every customer, order and invoice against the leaf that tells of its writing. */
export async function verifyRecords(
  db: Database,
  tenantId: string,
  onProgress: (share: number, count: number) => void,
): Promise<Looked> {
  const started = Date.now();
  let count = 0;
  let first: string | undefined;
  for (let after: string | undefined; ;) {
    const [page] = await commit(db, { tenantIds: [tenantId] }, [selectCustomerPage(tenantId, after, pageSize)]);
    if (page.length === 0) return { count, breach: undefined };
    const ids = page.map((customer) => customer.id);
    const looked = await verifyCustomers(db, tenantId, ids);
    count += looked.count;
    if (looked.breach !== undefined) return { count, breach: looked.breach };
    first ??= ids[0] ?? '';
    after = ids.at(-1) ?? '';
    onProgress(Math.min(1, (timeOf(after) - timeOf(first)) / Math.max(1, started - timeOf(first))), count);
  }
}

/**
 * Records first, leaves after them: whatever is written meanwhile, the leaf of the version that was read is there.
 */
export async function verifyCustomers(db: Database, tenantId: string, customerIds: readonly string[]): Promise<Looked> {
  const stored = await storedRecords(db, tenantId, customerIds);
  const written = await writtenDigests(db, tenantId, customerIds);
  for (const [i, { kind, id, version, digest }] of stored.entries()) {
    const recorded = written.get(`${kind}/${id}/${version}`);
    const code = judge(digest, recorded);
    if (code !== undefined) return { count: i, breach: { code, kind, id } };
  }
  return { count: stored.length, breach: await olderThanTold(db, tenantId, written) };
}

/** Rows are read once more, after the leaves: one that is older than its newest leaf is so by no chance. */
async function olderThanTold(
  db: Database,
  tenantId: string,
  written: ReadonlyMap<string, Buffer>,
): Promise<Breach | undefined> {
  const newest = new Map<string, number>();
  for (const place of written.keys()) {
    const [record, version] = [place.slice(0, place.lastIndexOf('/')), Number(place.slice(place.lastIndexOf('/') + 1))];
    newest.set(record, Math.max(version, newest.get(record) ?? 0));
  }
  const ids = [...newest.keys()].map((record) => record.slice(record.indexOf('/') + 1));
  const [rows] = await commit(db, { tenantIds: [tenantId] }, [selectRecordedVersions(tenantId, ids)]);
  const older = rows.find(({ kind, id, version }) => version < (newest.get(`${kind}/${id}`) ?? 0));
  return older === undefined ? undefined : { code: 'record_older', kind: older.kind, id: older.id };
}

function judge(stored: Buffer | undefined, recorded: Buffer | undefined): Breach['code'] | undefined {
  if (stored === undefined) return recorded?.equals(digestOfNothing) === true ? undefined : 'record_emptied';
  if (recorded === undefined) return 'record_unrecorded';
  return stored.equals(recorded) ? undefined : 'record_digest';
}

interface StoredDigest {
  readonly kind: SealedKind;
  readonly id: string;
  readonly version: number;
  /** Undefined where nothing is held any more. */
  readonly digest: Buffer | undefined;
}

/** The customers and all that belongs to them; of what they hold only digests stay in memory. */
async function storedRecords(
  db: Database,
  tenantId: string,
  customerIds: readonly string[],
): Promise<readonly StoredDigest[]> {
  const scope = { tenantIds: [tenantId] };
  const [records] = await commit(db, scope, [selectRecordsOf(tenantId, customerIds)]);
  const idsOf: Readonly<Record<SealedKind, readonly string[]>> = {
    customers: customerIds,
    orders: records.filter((r) => r.kind === 'orders').map((r) => r.id),
    invoices: records.filter((r) => r.kind === 'invoices').map((r) => r.id),
  };
  const stored: StoredDigest[] = [];
  for (const kind of ['customers', 'orders', 'invoices'] as const) {
    for (let from = 0; from < idsOf[kind].length; from += fetchSize) {
      const ids = idsOf[kind].slice(from, from + fetchSize);
      const [rows] = await commit(db, scope, [selectSealed(tenantId, kind, ids)]);
      for (const { id, version, sealed } of rows)
        stored.push({ kind, id, version, digest: sealed === null ? undefined : digestOf(sealed) });
    }
  }
  return stored;
}

/** What the log says was stored, by `kind/id/version`, of every record that belongs to these customers. */
async function writtenDigests(
  db: Database,
  tenantId: string,
  customerIds: readonly string[],
): Promise<ReadonlyMap<string, Buffer>> {
  const scope = { tenantIds: [tenantId] };
  const [rows] = await commit(db, scope, [selectWriteLeaves(tenantId, customerIds)]);
  const writes = rows.flatMap(({ leaf: bytes }) => {
    const leaf = decodeLeaf(bytes);
    const write = writeOf(leaf);
    return write === undefined || leaf.digest === undefined ? [] : [{ ...write, digest: leaf.digest }];
  });
  const parcels = writes.filter((w) => w.kind === 'shipments').map((w) => w.id);
  const [shipped] = await commit(db, scope, [selectShippedOrders(tenantId, parcels)]);
  const orderOf = new Map(shipped.map((s) => [s.id, s.orderId]));
  return new Map(
    writes.map(({ kind, id, version, digest }) => [
      kind === 'shipments' ? `orders/${orderOf.get(id) ?? id}/${version}` : `${kind}/${id}/${version}`,
      digest,
    ]),
  );
}
