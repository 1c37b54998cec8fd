import { queueRecorded, type LeafRow } from './audit.ts';
import type { CustomerRow } from './customers.ts';
import { statement, type Statement } from './statement.ts';

/** One read in flight: whom, under which grant, and the leaf for each way it can turn out. */
export interface CustomerRead {
  readonly tenantId: string;
  readonly customerId: string;
  readonly grantId: string | undefined;
  /** What the grant says; null is no limit. */
  readonly maxReads: number | null;
  /**
   * Where the read shows masks alone: what a record begins with whose masks are of the policy in force (src/crypto/container.ts). Of such
   * a one nothing comes but what the masks stand in; of any other, and where this is undefined, everything.
   */
  readonly beginning: Buffer | undefined;
  /** The leaf when the grant is open, or when none was named. */
  readonly leaf: LeafRow;
  /**
   * The leaf when the grant is no longer open, or the customer frozen (same id: only one of the two is ever stored). Where there is
   * none, nothing is stored then, and nothing sealed comes back.
   */
  readonly leafWithoutGrant: LeafRow | undefined;
}

export interface CustomerReadRow extends Omit<CustomerRow, 'sealed' | 'updatedAt'> {
  readonly n: number;
  /** What is sealed of the customer, or the lead of it. */
  readonly shown: Buffer;
  /** Is the leaf for an open grant the one that was stored? */
  readonly granted: boolean;
  /** A report of misuse stands: no grant opens anything. */
  readonly frozen: boolean;
  /** Purposes that the person has closed: no grant under one of them opens anything. */
  readonly objected: readonly string[];
}

const columns = `
       select f.n::integer as n, f.granted, f.frozen, f.objected, f.id, f.kind, f.status, f.version, f.source, f.key_version as "keyVersion",
              case when f.granted or f.closed_leaf is not null then f.data_key end as "dataKey",
              case when f.granted or f.closed_leaf is not null then encode(f.shown, 'base64') end as shown,
              f.created_at as "createdAt"
         from found f
        order by f.n`;

/** Costs a third of reading hexadecimal, as PostgreSQL writes bytes otherwise, and is two thirds as long. */
const readAs = { shown: (text: string) => Buffer.from(text, 'base64') };

const record = `
     recorded as (
       insert into amanat.audit_leaves (tenant_id, id, client_id, subject_id, grant_id, leaf, leaf_hash)
       select f.tenant_id, f.leaf_id, f.client_id, f.id, f.grant_id,
              case when f.granted then f.leaf else f.closed_leaf end,
              case when f.granted then f.leaf_hash else f.closed_leaf_hash end
         from found f
        where f.granted or f.closed_leaf is not null
       returning tenant_id, id
     ),
     queued as (${queueRecorded})`;

/**
 * Reads in flight and their audit leaves in one statement: a customer that is found leaves its leaf in the same commit, an
 * unknown one gives no row and leaves none here (the refusal leaves its own). Not for grants that count reads.
 *
 * `lateral … limit 1` here and in other reads of many rows: a look-up by primary key for each, whatever the planner thinks
 * of a table it has no statistics of yet; a plain join was seen to read all customers of the tenant.
 */
export function readCustomers(reads: readonly CustomerRead[], now: Date): Statement<CustomerReadRow> {
  return statement(
    'read_customers',
    `with asked as (
       select a.tenant_id, a.customer_id, a.grant_id, a.client_id, a.leaf_id, a.leaf, a.leaf_hash,
              case when a.same then a.leaf else a.closed_leaf end as closed_leaf,
              case when a.same then a.leaf_hash else a.closed_leaf_hash end as closed_leaf_hash, a.beginning, a.n
         from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::bytea[], $7::bytea[], $8::bytea[],
                     $9::bytea[], $11::bytea[], $12::boolean[])
              with ordinality
              as a (tenant_id, customer_id, grant_id, client_id, leaf_id, leaf, leaf_hash, closed_leaf,
                    closed_leaf_hash, beginning, same, n)
     ),
     found as materialized (
       select a.n, a.tenant_id, a.grant_id, a.client_id, a.leaf_id, a.leaf, a.leaf_hash, a.closed_leaf,
              a.closed_leaf_hash, c.id, c.kind, c.status, c.version, c.source, c.key_version, c.data_key,
              amanat.lead_of(c.sealed, a.beginning) as shown, c.created_at,
              c.reveals_frozen as frozen, c.objected,
              not c.reveals_frozen and (a.grant_id is null or exists (
                select 1 from amanat.grants g
                 where g.tenant_id = a.tenant_id and g.id = a.grant_id and g.customer_id = a.customer_id
                   and g.closed_at is null and g.opens_at <= $10::timestamptz and g.closes_at > $10::timestamptz
                   and g.max_reads is null and g.purpose <> all (c.objected))) as granted
         from asked a
        cross join lateral (
          select * from amanat.customers c
           where c.tenant_id = a.tenant_id and c.id = a.customer_id and c.status = 'active'
           limit 1
        ) c
     ),${record}${columns}`,
    [
      reads.map((r) => r.tenantId),
      reads.map((r) => r.customerId),
      reads.map((r) => r.grantId ?? null),
      reads.map((r) => r.leaf.clientId ?? null),
      reads.map((r) => r.leaf.id),
      reads.map((r) => r.leaf.leaf),
      reads.map((r) => r.leaf.leafHash),
      reads.map((r) => (isSame(r) ? null : (r.leafWithoutGrant?.leaf ?? null))),
      reads.map((r) => (isSame(r) ? null : (r.leafWithoutGrant?.leafHash ?? null))),
      now,
      reads.map((r) => r.beginning ?? null),
      reads.map(isSame),
    ],
    readAs,
  );
}

/** Most often: without a grant. It is sent once. */
const isSame = ({ leaf, leafWithoutGrant }: CustomerRead): boolean => leafWithoutGrant === leaf;

/** The same for one read under a grant that counts: the count and the leaf are one commit, and the last read is the last. */
export function readCustomerCounted(read: CustomerRead, now: Date): Statement<CustomerReadRow> {
  return statement(
    'read_customer_counted',
    `with counted as (
       update amanat.grants
          set reads = reads + 1
        where tenant_id = $1::uuid and id = $3::uuid and customer_id = $2::uuid and closed_at is null
          and opens_at <= $10::timestamptz and closes_at > $10::timestamptz and reads < $11::integer
          and exists (select 1 from amanat.customers c
                       where c.tenant_id = $1::uuid and c.id = $2::uuid and c.status = 'active'
                         and not c.reveals_frozen and purpose <> all (c.objected))
        returning id
     ),
     found as materialized (
       select 1 as n, c.tenant_id, $3::uuid as grant_id, $4::uuid as client_id, $5::uuid as leaf_id, $6::bytea as leaf,
              $7::bytea as leaf_hash, $8::bytea as closed_leaf, $9::bytea as closed_leaf_hash, c.id, c.kind, c.status,
              c.version, c.source, c.key_version, c.data_key, amanat.lead_of(c.sealed, $12::bytea) as shown, c.created_at,
              c.reveals_frozen as frozen, c.objected, exists (select 1 from counted) as granted
         from amanat.customers c
        where c.tenant_id = $1::uuid and c.id = $2::uuid and c.status = 'active'
     ),${record}${columns}`,
    [
      read.tenantId,
      read.customerId,
      read.grantId ?? null,
      read.leaf.clientId ?? null,
      read.leaf.id,
      read.leaf.leaf,
      read.leaf.leafHash,
      read.leafWithoutGrant?.leaf ?? null,
      read.leafWithoutGrant?.leafHash ?? null,
      now,
      read.maxReads,
      read.beginning ?? null,
    ],
    readAs,
  );
}
