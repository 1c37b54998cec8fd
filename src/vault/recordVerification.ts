import { digestOf } from '../crypto/digest.ts';
import { decodeLeaf } from '../crypto/leaf.ts';
import {
  selectCustomerPage,
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
/** A record that is written while it is looked at seems broken now and then, not so many times in a row. */
const tries = 25;

/** Every customer, order and invoice against the newest leaf that tells of its writing. */
export async function verifyRecords(
  db: Database,
  tenantId: string,
  onProgress: (share: number, count: number) => void,
): Promise<{ readonly count: number; readonly breach: Breach | undefined }> {
  const scope = { tenantIds: [tenantId] };
  const started = Date.now();
  let count = 0;
  let first: string | undefined;
  for (let after: string | undefined; ;) {
    const [page] = await commit(db, scope, [selectCustomerPage(tenantId, after, pageSize)]);
    if (page.length === 0) return { count, breach: undefined };
    const looked = await verifyCustomers(
      db,
      tenantId,
      page.map((c) => c.id),
    );
    count += looked.count;
    if (looked.breach !== undefined) return { count, breach: looked.breach };
    first ??= page[0]?.id ?? '';
    after = page.at(-1)?.id ?? '';
    onProgress(Math.min(1, (timeOf(after) - timeOf(first)) / Math.max(1, started - timeOf(first))), count);
  }
}

async function verifyCustomers(db: Database, tenantId: string, customerIds: readonly string[]) {
  for (let attempt = 1; ; attempt += 1) {
    const looked = await lookOnce(db, tenantId, customerIds);
    if (looked.breach === undefined || attempt === tries) return looked;
  }
}

interface Written {
  readonly version: number;
  readonly digest: Buffer;
}

async function lookOnce(
  db: Database,
  tenantId: string,
  customerIds: readonly string[],
): Promise<{ readonly count: number; readonly breach: Breach | undefined }> {
  const [records] = await commit(db, { tenantIds: [tenantId] }, [selectRecordsOf(tenantId, customerIds)]);
  const idsOf: Readonly<Record<SealedKind, readonly string[]>> = {
    customers: customerIds,
    orders: records.filter((r) => r.kind === 'orders').map((r) => r.id),
    invoices: records.filter((r) => r.kind === 'invoices').map((r) => r.id),
  };
  const written = await newestWrites(db, tenantId, customerIds);
  let count = 0;
  for (const kind of ['customers', 'orders', 'invoices'] as const) {
    for (let from = 0; from < idsOf[kind].length; from += fetchSize) {
      const ids = idsOf[kind].slice(from, from + fetchSize);
      const [rows] = await commit(db, { tenantIds: [tenantId] }, [selectSealed(tenantId, kind, ids)]);
      for (const row of rows) {
        const code = judge(row, written.get(`${kind}/${row.id}`));
        if (code !== undefined) return { count, breach: { code, kind, id: row.id } };
        count += 1;
      }
    }
  }
  return { count, breach: undefined };
}

function judge(
  row: { readonly version: number; readonly sealed: Buffer | null },
  written: Written | undefined,
): Breach['code'] | undefined {
  if (row.sealed === null) return 'record_emptied';
  if (written === undefined || written.version < row.version) return 'record_unrecorded';
  if (written.version > row.version) return 'record_older';
  return digestOf(row.sealed).equals(written.digest) ? undefined : 'record_digest';
}

/** The newest write of each record that belongs to these customers, by `kind/id`. */
async function newestWrites(
  db: Database,
  tenantId: string,
  customerIds: readonly string[],
): Promise<Map<string, Written>> {
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
  const newest = new Map<string, Written>();
  for (const { kind, id, version, digest } of writes) {
    const name = kind === 'shipments' ? `orders/${orderOf.get(id) ?? id}` : `${kind}/${id}`;
    const known = newest.get(name);
    if (known === undefined || known.version <= version) newest.set(name, { version, digest });
  }
  return newest;
}
