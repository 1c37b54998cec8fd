import { queueRecorded, type LeafRow } from './audit.ts';
import type { OrderRow } from './orders.ts';
import { statement, type Statement } from './statement.ts';

/** A read of an order as it was loaded, and the leaf for each way its grant can stand. */
export interface OrderRead extends Pick<OrderRow, 'id' | 'version' | 'status' | 'customerId'> {
  readonly tenantId: string;
  readonly grantId: string | undefined;
  /** What the grant says; null is no limit. */
  readonly maxReads: number | null;
  /** The leaf when the grant is open, or when none was named. */
  readonly leaf: LeafRow;
  /** The leaf when it is not, or the customer is frozen (same id: only one of the two is ever stored). */
  readonly leafWithoutGrant: LeafRow;
}

const record = `
     recorded as (
       insert into amanat.audit_leaves (tenant_id, id, client_id, subject_id, grant_id, leaf, leaf_hash)
       select f.tenant_id, $8::uuid, $9::uuid, f.customer_id, $6::uuid,
              case when f.granted then $10::bytea else $12::bytea end,
              case when f.granted then $11::bytea else $13::bytea end
         from found f
       returning tenant_id, id
     ),
     queued as (${queueRecorded})`;

/** Whether the grant was open, and what else stands in its way. */
export interface RecordedRead {
  readonly granted: boolean;
  readonly frozen: boolean;
  readonly objected: readonly string[];
}

/**
 * Records the read of an order in the commit that finds its grant open and, where the grant counts, counts. No row, and no
 * leaf, when the order is no longer what was loaded.
 */
export function recordOrderRead(read: OrderRead, now: Date): Statement<RecordedRead> {
  return statement(
    'record_order_read',
    `with loaded as materialized (
       select o.tenant_id, o.customer_id, c.reveals_frozen as frozen, c.objected
         from amanat.orders o
         join amanat.customers c on c.tenant_id = o.tenant_id and c.id = o.customer_id
        where o.tenant_id = $1::uuid and o.id = $2::uuid and o.customer_id = $3::uuid and o.version = $4::integer
          and o.status = $5::text and o.data_key is not null
     ),
     counted as (
       update amanat.grants
          set reads = reads + 1
        where tenant_id = $1::uuid and id = $6::uuid and customer_id = $3::uuid and closed_at is null
          and opens_at <= $7::timestamptz and closes_at > $7::timestamptz and reads < $14::integer
          and exists (select 1 from loaded l where not l.frozen and purpose <> all (l.objected))
        returning id
     ),
     found as materialized (
       select l.tenant_id, l.customer_id, l.frozen, l.objected,
              not l.frozen and ($6::uuid is null or exists (select 1 from counted) or $14::integer is null and exists (
                select 1 from amanat.grants g
                 where g.tenant_id = $1::uuid and g.id = $6::uuid and g.customer_id = $3::uuid and g.closed_at is null
                   and g.opens_at <= $7::timestamptz and g.closes_at > $7::timestamptz and g.max_reads is null
                   and g.purpose <> all (l.objected)
              )) as granted
         from loaded l
     ),${record}
     select f.granted, f.frozen, f.objected from found f`,
    [
      read.tenantId,
      read.id,
      read.customerId,
      read.version,
      read.status,
      read.grantId ?? null,
      now,
      read.leaf.id,
      read.leaf.clientId ?? null,
      read.leaf.leaf,
      read.leaf.leafHash,
      read.leafWithoutGrant.leaf,
      read.leafWithoutGrant.leafHash,
      read.maxReads,
    ],
  );
}
