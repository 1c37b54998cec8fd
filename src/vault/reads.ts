import { commit } from '../db/commit.ts';
import { readCustomerCounted, readCustomers, type CustomerRead, type CustomerReadRow } from '../db/customerReads.ts';
import {
  findByTags,
  selectCustomers,
  type CustomerName,
  type CustomerRow,
  type Match,
  type TagQuery,
} from '../db/customers.ts';
import type { Database } from '../db/database.ts';
import { readDeliveries, readDeliveryCounted, type DeliveryRead, type DeliveryReadRow } from '../db/deliveryReads.ts';
import {
  selectDeliveryFacts,
  selectGrantFacts,
  selectParcelGrants,
  type DeliveryFacts,
  type GrantFacts,
} from '../db/grantFacts.ts';
import { insertLeaves, type LeafRow } from '../db/audit.ts';
import type { Statement } from '../db/statement.ts';
import { coalesce } from './coalesce.ts';

/** Reads under way at once a kind, and how many join one statement: those of a batch read, and of others beside it. */
const lanes = 3;
const maxBatch = 128;
const maxWaiting = 4096;

interface Found<Row> {
  readonly row: Row | undefined;
}

/** A parcel with the grant it rests on. */
export interface FoundParcel {
  readonly parcel: DeliveryFacts;
  readonly grant: GrantFacts | undefined;
}

export interface PlannedRead extends Omit<CustomerRead, 'leafWithoutGrant'> {
  /** Makes the leaf for a grant that was closed before its end, or a customer who is frozen; undefined where it is the same. */
  readonly closedLeaf: (() => LeafRow) | undefined;
}

/**
 * The statements of the hot paths, each joined with its like in flight. A row comes back only when its audit leaf, written
 * by the same statement, is durable.
 */
export interface Reads {
  customer(read: PlannedRead, counted: boolean): Promise<CustomerReadRow | undefined>;
  delivery(read: DeliveryRead, counted: boolean): Promise<DeliveryReadRow | undefined>;
  /** What is fixed about a grant from its opening on, as the row says. No leaf: the read that follows leaves one. */
  grantFacts(tenantId: string, grantId: string): Promise<GrantFacts | undefined>;
  deliveryFacts(tenantId: string, courierClientId: string, shipmentId: string): Promise<FoundParcel | undefined>;
  /** An active customer as stored. No leaf: the edit that follows leaves one. */
  stored(tenantId: string, id: string): Promise<CustomerRow | undefined>;
  matches(query: TagQuery): Promise<readonly Match[]>;
  /** Leaves with no other statement beside them. */
  leaf(leaf: LeafRow): Promise<void>;
}

export function openReads(database: Database, now: () => number): Reads {
  const db: Database = { ...database, planOnce: true };
  const time = () => new Date(now());
  const customers = joined(db, (reads: readonly CustomerRead[]) => readCustomers(reads, time()));
  const deliveries = joined(db, (reads: readonly DeliveryRead[]) => readDeliveries(reads, time()));
  const grants = joined(db, (asked: readonly { tenantId: string; id: string }[]) => selectGrantFacts(asked));
  const stored = joined(db, (asked: readonly CustomerName[]) => selectCustomers(asked));
  const parcels = parcelsOf(db);
  return {
    async customer({ closedLeaf, ...read }, counted) {
      if (counted) {
        const leafWithoutGrant = closedLeaf?.() ?? read.leaf;
        const counting = readCustomerCounted({ ...read, leafWithoutGrant }, time());
        const [[row]] = await commit(db, { tenantIds: [read.tenantId] }, [counting]);
        return row;
      }
      if (closedLeaf === undefined) return (await customers({ ...read, leafWithoutGrant: read.leaf })).row;
      const { row } = await customers({ ...read, leafWithoutGrant: undefined });
      if (row === undefined || row.granted) return row;
      // Seldom: nothing was stored, and nothing sealed came. So it is read again, now as one whom the grant opens nothing.
      const leaf = closedLeaf();
      const { row: closed } = await customers({ ...read, leaf, leafWithoutGrant: leaf });
      return closed && { ...closed, granted: false };
    },
    async delivery(read, counted) {
      if (!counted) return (await deliveries(read)).row;
      const [[row]] = await commit(db, { tenantIds: [read.tenantId] }, [readDeliveryCounted(read, time())]);
      return row;
    },
    grantFacts: async (tenantId, id) => (await grants({ tenantId, id })).row,
    deliveryFacts: async (tenantId, courierClientId, id) => (await parcels({ tenantId, courierClientId, id })).row,
    stored: async (tenantId, id) => (await stored({ tenantId, id })).row,
    matches: matchesOf(db),
    leaf: leavesOf(db),
  };
}

interface Numbered {
  /** Place in the batch, from 1. */
  readonly n: number;
}

/** Joins reads of one row each: results are numbered by their place in the batch. */
function joined<Item extends { readonly tenantId: string }, Row extends Numbered>(
  db: Database,
  statementOf: (items: readonly Item[]) => Statement<Row>,
): (item: Item) => Promise<Found<Row>> {
  return coalesce({
    tenantOf,
    lanes,
    maxBatch,
    maxWaiting,
    deadlineMs: db.deadlineMs,
    async run(items: readonly Item[], leftMs) {
      const [rows] = await commit({ ...db, deadlineMs: leftMs }, scopeOf(items), [statementOf(items)]);
      const found: Found<Row>[] = items.map(() => ({ row: undefined }));
      for (const row of rows) found[row.n - 1] = { row };
      return found;
    },
  });
}

interface AskedParcel {
  readonly tenantId: string;
  readonly courierClientId: string;
  readonly id: string;
}

function parcelsOf(db: Database): (asked: AskedParcel) => Promise<Found<FoundParcel>> {
  return coalesce({
    tenantOf,
    lanes,
    maxBatch,
    maxWaiting,
    deadlineMs: db.deadlineMs,
    async run(asked: readonly AskedParcel[], leftMs) {
      const statements = [selectDeliveryFacts(asked), selectParcelGrants(asked)] as const;
      const [parcels, grants] = await commit({ ...db, deadlineMs: leftMs }, scopeOf(asked), statements);
      const found: Found<FoundParcel>[] = asked.map(() => ({ row: undefined }));
      for (const parcel of parcels) {
        found[parcel.n - 1] = { row: { parcel, grant: grants.find(({ n }) => n === parcel.n) } };
      }
      return found;
    },
  });
}

function matchesOf(db: Database): (query: TagQuery) => Promise<readonly Match[]> {
  return coalesce({
    tenantOf,
    lanes,
    maxBatch,
    maxWaiting,
    deadlineMs: db.deadlineMs,
    async run(queries: readonly TagQuery[], leftMs) {
      const [rows] = await commit({ ...db, deadlineMs: leftMs }, scopeOf(queries), [findByTags(queries)]);
      const found: Match[][] = queries.map(() => []);
      for (const row of rows) found[row.n - 1]?.push(row);
      return found;
    },
  });
}

function leavesOf(db: Database): (leaf: LeafRow) => Promise<void> {
  const write = coalesce({
    tenantOf,
    lanes,
    maxBatch,
    maxWaiting,
    deadlineMs: db.deadlineMs,
    async run(leaves: readonly LeafRow[], leftMs) {
      await commit({ ...db, deadlineMs: leftMs }, scopeOf(leaves), [insertLeaves(leaves)]);
      return leaves.map(() => true);
    },
  });
  return async (leaf) => {
    await write(leaf);
  };
}

const tenantOf = ({ tenantId }: { readonly tenantId: string }): string => tenantId;

function scopeOf(items: readonly { readonly tenantId: string }[]) {
  return { tenantIds: [...new Set(items.map((i) => i.tenantId))] };
}
