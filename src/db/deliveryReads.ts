import { queueRecorded, type LeafRow } from './audit.ts';
import { statement, type Statement } from './statement.ts';

/** One courier read in flight: whose parcel, and the leaf it leaves. */
export interface DeliveryRead {
  readonly tenantId: string;
  readonly courierClientId: string;
  readonly shipmentId: string;
  /** Whom the leaf says the parcel is for; when that has changed since, nothing is found. */
  readonly deliveryTo: 'customer' | 'recipient';
  /** What its grant says; null is no limit. */
  readonly maxReads: number | null;
  readonly leaf: LeafRow;
}

export interface DeliveryReadRow {
  readonly n: number;
  readonly id: string;
  readonly orderId: string;
  readonly deliveryTo: 'customer' | 'recipient';
  readonly version: number;
  readonly keyVersion: number;
  readonly dataKey: Buffer;
  readonly sealed: Buffer;
}

const columns = `
         o.id as order_id, o.delivery_to, o.version, o.key_version, o.data_key, o.sealed`;

const record = `
     recorded as (
       insert into amanat.audit_leaves (tenant_id, id, client_id, subject_id, grant_id, leaf, leaf_hash)
       select f.tenant_id, f.leaf_id, f.client_id, f.subject_id, f.grant_id, f.leaf, f.leaf_hash from found f
       returning tenant_id, id
     ),
     queued as (${queueRecorded})
     select f.n::integer as n, f.shipment_id as id, f.order_id as "orderId", f.delivery_to as "deliveryTo",
            f.version, f.key_version as "keyVersion", f.data_key as "dataKey", f.sealed
       from found f
      order by f.n`;

/**
 * Courier reads in flight and their leaves in one statement. A row only while the parcel is open, is this courier's, and
 * its grant's window is open; every other parcel is as if it never was.
 */
export function readDeliveries(reads: readonly DeliveryRead[], now: Date): Statement<DeliveryReadRow> {
  return statement(
    'read_deliveries',
    `with asked as (
       select a.*
         from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::bytea[], $6::bytea[], $7::uuid[], $8::uuid[],
                     $10::text[])
              with ordinality
              as a (tenant_id, shipment_id, client_id, leaf_id, leaf, leaf_hash, subject_id, grant_id, named_to, n)
     ),
     found as materialized (
       select a.*,${columns}
         from asked a
        cross join lateral (
          select s.order_id, s.grant_id from amanat.shipments s
           where s.tenant_id = a.tenant_id and s.id = a.shipment_id and s.courier_client_id = a.client_id
             and s.grant_id = a.grant_id and s.status = 'open'
           limit 1
        ) s
        cross join lateral (
          select 1 from amanat.grants g
           where g.tenant_id = a.tenant_id and g.id = s.grant_id and g.closed_at is null
             and g.opens_at <= $9::timestamptz and g.closes_at > $9::timestamptz and g.max_reads is null
           limit 1
        ) g
        cross join lateral (
          select o.id, o.delivery_to, o.version, o.key_version, o.data_key, o.sealed from amanat.orders o
           where o.tenant_id = a.tenant_id and o.id = s.order_id and o.data_key is not null
             and o.delivery_to = a.named_to
           limit 1
        ) o
     ),${record}`,
    [
      reads.map((r) => r.tenantId),
      reads.map((r) => r.shipmentId),
      reads.map((r) => r.courierClientId),
      reads.map((r) => r.leaf.id),
      reads.map((r) => r.leaf.leaf),
      reads.map((r) => r.leaf.leafHash),
      reads.map((r) => r.leaf.subjectId ?? null),
      reads.map((r) => r.leaf.grantId ?? null),
      now,
      reads.map((r) => r.deliveryTo),
    ],
  );
}

/** The same for one parcel whose grant counts its reads. */
export function readDeliveryCounted(read: DeliveryRead, now: Date): Statement<DeliveryReadRow> {
  return statement(
    'read_delivery_counted',
    `with counted as (
       update amanat.grants
          set reads = reads + 1
        where tenant_id = $1::uuid and id = $8::uuid and closed_at is null
          and opens_at <= $9::timestamptz and closes_at > $9::timestamptz and reads < $11::integer
          and exists (select 1
                        from amanat.shipments s
                        join amanat.orders o
                          on o.tenant_id = s.tenant_id and o.id = s.order_id and o.data_key is not null
                         and o.delivery_to = $10::text
                       where s.tenant_id = $1::uuid and s.id = $2::uuid and s.courier_client_id = $3::uuid
                         and s.grant_id = $8::uuid and s.status = 'open')
        returning tenant_id, id
     ),
     found as materialized (
       select 1 as n, s.tenant_id, s.id as shipment_id, $3::uuid as client_id, $4::uuid as leaf_id, $5::bytea as leaf,
              $6::bytea as leaf_hash, $7::uuid as subject_id, $8::uuid as grant_id,${columns}
         from counted g
         join amanat.shipments s on s.tenant_id = g.tenant_id and s.id = $2::uuid and s.grant_id = g.id
         join amanat.orders o on o.tenant_id = s.tenant_id and o.id = s.order_id and o.data_key is not null
     ),${record}`,
    [
      read.tenantId,
      read.shipmentId,
      read.courierClientId,
      read.leaf.id,
      read.leaf.leaf,
      read.leaf.leafHash,
      read.leaf.subjectId ?? null,
      read.leaf.grantId ?? null,
      now,
      read.deliveryTo,
      read.maxReads,
    ],
  );
}
