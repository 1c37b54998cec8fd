/** What `amanat audit verify` reads, a bounded page at a time: leaves in the order of their ids, and what they speak of. */
import { statement, type Statement } from './statement.ts';

export interface VerifiedLeafRow {
  readonly id: string;
  readonly clientId: string | null;
  readonly subjectId: string | null;
  readonly grantId: string | null;
  readonly leaf: Buffer;
  readonly leafHash: Buffer;
}

/** Oldest first, after `afterId` and up to `lastId`. */
export function selectLeafPage(
  tenantId: string,
  afterId: string | undefined,
  lastId: string,
  limit: number,
): Statement<VerifiedLeafRow> {
  return statement(
    'select_leaf_page',
    `select l.id, l.client_id as "clientId", l.subject_id as "subjectId", l.grant_id as "grantId", l.leaf,
            l.leaf_hash as "leafHash"
       from amanat.audit_leaves l
      where l.tenant_id = $1::uuid and ($2::uuid is null or l.id > $2::uuid) and l.id <= $3::uuid
      order by l.id
      limit $4::integer`,
    [tenantId, afterId ?? null, lastId, limit],
  );
}

export function selectNewestLeaf(tenantId: string): Statement<{ id: string }> {
  return statement(
    'select_newest_leaf',
    `select l.id from amanat.audit_leaves l where l.tenant_id = $1::uuid order by l.id desc limit 1`,
    [tenantId],
  );
}

export function selectOldestLeaf(tenantId: string): Statement<{ id: string }> {
  return statement(
    'select_oldest_leaf',
    `select l.id from amanat.audit_leaves l where l.tenant_id = $1::uuid order by l.id limit 1`,
    [tenantId],
  );
}

/** Bit 5 of the second byte says that a leaf binds a digest (src/crypto/leaf.ts): the leaves of writes. */
export function selectWriteLeaves(
  tenantId: string,
  customerIds: readonly string[],
): Statement<{ id: string; leaf: Buffer }> {
  return statement(
    'select_write_leaves',
    `select l.id, l.leaf
       from amanat.audit_leaves l
      where l.tenant_id = $1::uuid and l.subject_id = any ($2::uuid[])
        and case when length(l.leaf) > 1 then get_byte(l.leaf, 1) & 32 <> 0 end
      order by l.id`,
    [tenantId, customerIds],
  );
}

/** The kinds of row whose writes leave their version in the log. */
export type RecordedKind = 'customers' | 'orders' | 'invoices' | 'legal_orders' | 'exports' | 'clients' | 'holds';

export interface RecordedVersion {
  readonly kind: RecordedKind;
  readonly id: string;
  readonly version: number;
}

/** Which of these rows are there, and at which version. An id may be of any kind. */
export function selectRecordedVersions(tenantId: string, ids: readonly string[]): Statement<RecordedVersion> {
  return statement(
    'select_recorded_versions',
    `select 'customers' as kind, c.id, c.version from amanat.customers c
      where c.tenant_id = $1::uuid and c.id = any ($2::uuid[])
     union all
     select 'orders', o.id, o.version from amanat.orders o where o.tenant_id = $1::uuid and o.id = any ($2::uuid[])
     union all
     select 'invoices', i.id, i.version from amanat.invoices i where i.tenant_id = $1::uuid and i.id = any ($2::uuid[])
     union all
     select 'legal_orders', l.id, l.version from amanat.legal_orders l
      where l.tenant_id = $1::uuid and l.id = any ($2::uuid[])
     union all
     select 'exports', e.id, e.version from amanat.exports e where e.tenant_id = $1::uuid and e.id = any ($2::uuid[])
     union all
     select 'clients', k.id, k.version from amanat.clients k where k.tenant_id = $1::uuid and k.id = any ($2::uuid[])
     union all
     -- A hold is placed, and ended once.
     select 'holds', h.id, case when h.released_at is null then 1 else 2 end from amanat.holds h
      where h.tenant_id = $1::uuid and h.id = any ($2::uuid[])`,
    [tenantId, ids],
  );
}

/** The order behind each parcel: handing one over may seal its order anew, and the leaf then names the parcel. */
export function selectShippedOrders(
  tenantId: string,
  shipmentIds: readonly string[],
): Statement<{ id: string; orderId: string }> {
  return statement(
    'select_shipped_orders',
    `select s.id, s.order_id as "orderId"
       from amanat.shipments s
      where s.tenant_id = $1::uuid and s.id = any ($2::uuid[])`,
    [tenantId, shipmentIds],
  );
}

/** Customers in the order of their ids. */
export function selectCustomerPage(
  tenantId: string,
  afterId: string | undefined,
  limit: number,
): Statement<{ id: string; version: number }> {
  return statement(
    'select_customer_page',
    `select c.id, c.version
       from amanat.customers c
      where c.tenant_id = $1::uuid and ($2::uuid is null or c.id > $2::uuid)
      order by c.id
      limit $3::integer`,
    [tenantId, afterId ?? null, limit],
  );
}

/** Orders and invoices of these customers. */
export function selectRecordsOf(tenantId: string, customerIds: readonly string[]): Statement<RecordedVersion> {
  return statement(
    'select_records_of',
    `select 'orders' as kind, o.id, o.version from amanat.orders o
      where o.tenant_id = $1::uuid and o.customer_id = any ($2::uuid[])
     union all
     select 'invoices', i.id, i.version
       from amanat.orders o
       join amanat.invoices i on i.tenant_id = o.tenant_id and i.order_id = o.id
      where o.tenant_id = $1::uuid and o.customer_id = any ($2::uuid[])`,
    [tenantId, customerIds],
  );
}

const sealedTables = { customers: 'customers', orders: 'orders', invoices: 'invoices' } as const;
export type SealedKind = keyof typeof sealedTables;

/** What is stored, to be digested here: a digest made by the database would be the database's word. */
export function selectSealed(
  tenantId: string,
  kind: SealedKind,
  ids: readonly string[],
): Statement<{ id: string; version: number; sealed: Buffer | null }> {
  return statement(
    `select_sealed_${kind}`,
    `select r.id, r.version, r.sealed
       from amanat.${sealedTables[kind]} r
      where r.tenant_id = $1::uuid and r.id = any ($2::uuid[])
      order by r.id`,
    [tenantId, ids],
  );
}
