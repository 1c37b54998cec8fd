/**
 * Is what is stored whole? Every sealed value is opened under its own key and label, every row that carries a MAC is made again
 * and compared, and every customer, order and invoice is held against the leaf that tells of its writing. A bounded page at a
 * time, beside a running service; changes nothing, and shows nothing of what it opens.
 */
import type { RecordKind } from '../crypto/label.ts';
import { newSalt } from '../crypto/salt.ts';
import { open } from '../crypto/seal.ts';
import { selectCustomerPage } from '../db/auditVerification.ts';
import { commit } from '../db/commit.ts';
import type { Database } from '../db/database.ts';
import {
  attachedKinds,
  ownRecordKinds,
  selectAttached,
  selectCustomersFrom,
  selectCustomerSpan,
  selectFormerCustomers,
  selectFormerOrders,
  selectOwnRecords,
  selectSealedOf,
  type AttachedKind,
  type AttachedRow,
  type OwnRecords,
  type SealedRow,
} from '../db/integritySweep.ts';
import type { Statement } from '../db/statement.ts';
import { VaultError } from '../errors.ts';
import type { BreachCode } from './breach.ts';
import { firstIdAt, timeOf } from './ids.ts';
import type { Keyring, TenantKeys } from './keyring.ts';
import { openRecord } from './record.ts';
import { verifyCustomers } from './recordVerification.ts';
import { firstForged } from './forgedRows.ts';

/** The first thing found wrong. */
export interface Flaw {
  readonly code: BreachCode | 'value_does_not_open' | 'row_not_genuine';
  /** The table. */
  readonly kind: string;
  /** Of the row; where a kind has no id of its own, of its customer, or its number. */
  readonly id: string;
}

export const flawMeanings: Readonly<Record<Exclude<Flaw['code'], BreachCode>, string>> = {
  value_does_not_open: 'a sealed value does not open under its key, in its place',
  row_not_genuine: 'the row is not as the vault made it',
};

export interface Sweep {
  readonly tenantId: string;
  /** Sealed records, values opened, and rows whose MAC was made again. */
  readonly records: number;
  readonly values: number;
  readonly rows: number;
  readonly flaw: Flaw | undefined;
}

interface Ground {
  readonly db: Database;
  readonly keys: TenantKeys;
  readonly counted: { records: number; values: number; rows: number };
  readonly onProgress: (share: number, counted: Ground['counted']) => void;
}

const pageSize = 50;
/** Of the whole work, the part that the customers' records are taken for. */
const customersShare = 0.7;

/** All of a tenant, or, of customers and what belongs to them, so many drawn by lot. */
export async function sweepIntegrity(
  db: Database,
  keyring: Keyring,
  tenantId: string,
  sample: number | undefined,
  onProgress: Ground['onProgress'],
): Promise<Sweep> {
  const keys = await keyring.tenant(tenantId);
  const ground: Ground = { db, keys, counted: { records: 0, values: 0, rows: 0 }, onProgress };
  const flaw =
    (await (sample === undefined ? sweepCustomers(ground) : sweepSample(ground, sample))) ??
    (await sweepOwnRecords(ground)) ??
    (await sweepAttached(ground)) ??
    (await sweepRows(ground));
  return { tenantId, ...ground.counted, flaw };
}

const asked = async <Row>({ db, keys }: Ground, statement: Statement<Row>): Promise<readonly Row[]> =>
  (await commit(db, { tenantIds: [keys.tenantId] }, [statement]))[0];

async function sweepCustomers(ground: Ground): Promise<Flaw | undefined> {
  const { tenantId } = ground.keys;
  const [span] = await asked(ground, selectCustomerSpan(tenantId));
  const [first, last] = [timeOf(span?.first ?? ''), timeOf(span?.last ?? '')];
  for (let after: string | undefined; ;) {
    const page = await asked(ground, selectCustomerPage(tenantId, after, pageSize));
    const ids = page.map(({ id }) => id);
    const flaw = await customersFlaw(ground, ids);
    if (flaw !== undefined || page.length < pageSize) return flaw;
    after = ids.at(-1) ?? '';
    const share = Math.min(1, (timeOf(after) - first) / Math.max(1, last - first));
    ground.onProgress(share * customersShare, ground.counted);
  }
}

/** Drawn by time of their making: each draw is the next customer made after a moment that nobody can foresee. */
async function sweepSample(ground: Ground, size: number): Promise<Flaw | undefined> {
  const { tenantId } = ground.keys;
  const [span] = await asked(ground, selectCustomerSpan(tenantId));
  if (span?.first === null || span?.last === null || span === undefined) return undefined;
  const [first, last] = [timeOf(span.first), timeOf(span.last)];
  const drawn = new Set<string>();
  for (let tries = 0; drawn.size < Math.min(size, span.count) && tries < 4 * size; tries += 1) {
    const moment = first + Math.floor(((last - first + 1) * Number.parseInt(newSalt().slice(0, 12), 16)) / 2 ** 48);
    const [next] = await asked(ground, selectCustomersFrom(tenantId, firstIdAt(new Date(moment)), 1));
    if (next === undefined || drawn.has(next.id)) continue;
    drawn.add(next.id);
    const flaw = await customersFlaw(ground, [next.id]);
    if (flaw !== undefined) return flaw;
    ground.onProgress((drawn.size / size) * customersShare, ground.counted);
  }
  return undefined;
}

/** Customers with their orders, invoices and former states; then all of them against the log. */
async function customersFlaw(ground: Ground, ids: readonly string[]): Promise<Flaw | undefined> {
  const { db, keys } = ground;
  const { tenantId } = keys;
  const looks: readonly (readonly [string, RecordKind, Statement<SealedRow>])[] = [
    ['customers', 'customer', selectSealedOf(tenantId, 'customers', ids)],
    ['orders', 'order', selectSealedOf(tenantId, 'orders', ids)],
    ['invoices', 'invoice', selectSealedOf(tenantId, 'invoices', ids)],
    ['customer_versions', 'customer', selectFormerCustomers(tenantId, ids)],
    ['order_versions', 'order', selectFormerOrders(tenantId, ids)],
  ];
  for (const [table, kind, statement] of looks) {
    const bad = (await asked(ground, statement)).find((row) => !opens(ground, kind, row));
    if (bad !== undefined) return { code: 'value_does_not_open', kind: table, id: bad.id };
  }
  return (await verifyCustomers(db, tenantId, ids)).breach;
}

const ownKinds: Readonly<Record<OwnRecords, RecordKind>> = {
  legal_orders: 'legal_order',
  exports: 'export',
  statements: 'statement',
  messages: 'message',
  incidents: 'incident',
  anomalies: 'anomaly',
  decoy_lists: 'decoys',
};

async function sweepOwnRecords(ground: Ground): Promise<Flaw | undefined> {
  for (const table of ownRecordKinds) {
    const look = (after: string | undefined) => selectOwnRecords(ground.keys.tenantId, table, after, pageSize);
    const bad = await firstBad(ground, look, (row) => !opens(ground, ownKinds[table], row));
    if (bad !== undefined) return { code: 'value_does_not_open', kind: table, id: bad };
  }
  return undefined;
}

/** A page at a time, by id. */
async function firstBad<Row extends { readonly id: string }>(
  ground: Ground,
  look: (after: string | undefined) => Statement<Row>,
  isBad: (row: Row) => boolean,
): Promise<string | undefined> {
  for (let after: string | undefined; ;) {
    const page = await asked(ground, look(after));
    const bad = page.find(isBad);
    if (bad !== undefined || page.length < pageSize) return bad?.id;
    after = page.at(-1)?.id;
  }
}

/** Does every value of the record open? Only an integrity failure is a no. */
function opens({ keys, counted }: Ground, kind: RecordKind, row: SealedRow): boolean {
  counted.records += 1;
  return holds(() => {
    const record = openRecord(keys, kind, row);
    for (const label of record.labels) {
      record.value(label);
      counted.values += 1;
    }
  });
}

function holds(look: () => void): boolean {
  try {
    look();
    return true;
  } catch (error) {
    // What opens and is no JSON was never written by the vault either.
    if (error instanceof SyntaxError) return false;
    if (error instanceof VaultError && error.code === 'integrity_failure') return false;
    throw error;
  }
}

const attachedTo: Readonly<Record<AttachedKind, { readonly kind: RecordKind; readonly owner: RecordKind }>> = {
  grants: { kind: 'grant', owner: 'customer' },
  break_glass: { kind: 'grant', owner: 'customer' },
  shipments: { kind: 'shipment', owner: 'order' },
  holds: { kind: 'hold', owner: 'legal_order' },
  requests: { kind: 'request', owner: 'customer' },
  cases: { kind: 'case', owner: 'customer' },
  supplementary_requests: { kind: 'supplementary_request', owner: 'customer' },
  contact_assurances: { kind: 'contact_point', owner: 'customer' },
};

/** Words in rows of their own, under the key of whom or what they concern. */
async function sweepAttached(ground: Ground): Promise<Flaw | undefined> {
  for (const table of attachedKinds) {
    const look = (after: string | undefined) => selectAttached(ground.keys.tenantId, table, after, pageSize);
    const bad = await firstBad(ground, look, (row) => !attachedOpens(ground, table, row));
    if (bad !== undefined) return { code: 'value_does_not_open', kind: table, id: bad };
  }
  return undefined;
}

function attachedOpens({ keys, counted }: Ground, table: AttachedKind, row: AttachedRow): boolean {
  const { kind, owner } = attachedTo[table];
  const { id, part: field, version, ownerId, keyVersion, dataKey, sealed } = row;
  // What it was sealed under has gone, and it with that.
  if (dataKey === null) return true;
  counted.values += 1;
  return holds(() => {
    const key = keys.dataKey({ kind: owner, id: ownerId, keyVersion, wrapped: dataKey });
    open(key, { tenantId: keys.tenantId, kind, recordId: id, version, field }, sealed);
  });
}

async function sweepRows(ground: Ground): Promise<Flaw | undefined> {
  const { db, keys, counted } = ground;
  const bad = await firstForged(db, keys, (rows, share) => {
    counted.rows += rows;
    ground.onProgress(customersShare + share * (1 - customersShare), counted);
  });
  return bad === undefined ? undefined : { code: 'row_not_genuine', ...bad };
}
