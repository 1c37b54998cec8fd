/** What is done again to a restored database. Each statement is whole by itself, and changes nothing where it was done before. */
import { statement, type Statement } from './statement.ts';

/** Closes a grant that stands open, and the parcel that rests on it. */
export function closeGrantAgain(tenantId: string, id: string, at: Date): Statement {
  return statement(
    'close_grant_again',
    `with closed as (
       update amanat.grants
          set closed_at = $3::timestamptz, closed_reason = 'closed'
        where tenant_id = $1::uuid and id = $2::uuid and closed_at is null
        returning id
     ),
     parcels as (
       update amanat.shipments
          set status = 'cancelled', closed_at = $3::timestamptz, code_hash = null, code_mac = null
        where tenant_id = $1::uuid and grant_id in (select c.id from closed c) and status = 'open'
     )
     select amanat.require(count(*) = 1, 'conflict') from closed`,
    [tenantId, id, at],
  );
}

/** The parcel reached somebody, or came back: its courier sees it no more. */
export function closeParcelAgain(tenantId: string, id: string, at: Date): Statement {
  return statement(
    'close_parcel_again',
    `with closed as (
       update amanat.shipments
          set status = 'cancelled', closed_at = $3::timestamptz, code_hash = null, code_mac = null
        where tenant_id = $1::uuid and id = $2::uuid and status = 'open'
        returning id, grant_id
     ),
     grants as (
       update amanat.grants
          set closed_at = $3::timestamptz, closed_reason = 'cancelled'
        where tenant_id = $1::uuid and id in (select c.grant_id from closed c) and closed_at is null
     )
     select amanat.require(count(*) = 1, 'conflict') from closed`,
    [tenantId, id, at],
  );
}

/** A grant that stands open. */
export function selectOpenGrant(tenantId: string, id: string): Statement<{ readonly id: string }> {
  return statement(
    'select_open_grant',
    `select g.id from amanat.grants g where g.tenant_id = $1::uuid and g.id = $2::uuid and g.closed_at is null`,
    [tenantId, id],
  );
}

/** A parcel that is on its way. */
export function selectOpenParcel(tenantId: string, id: string): Statement<{ readonly id: string }> {
  return statement(
    'select_open_parcel',
    `select s.id from amanat.shipments s where s.tenant_id = $1::uuid and s.id = $2::uuid and s.status = 'open'`,
    [tenantId, id],
  );
}

/** Whoever held work of this tenant held it in another time. */
export function endLeases(tenantId: string, at: Date): Statement {
  return statement(
    'end_leases',
    `update amanat.leases set until = $2::timestamptz where tenant_id = $1::uuid and until > $2::timestamptz`,
    [tenantId, at],
  );
}

/** How a customer stands; no row for one that was made after the backup. */
export function selectCustomerStatus(tenantId: string, id: string): Statement<{ readonly status: string }> {
  return statement(
    'select_customer_status',
    `select c.status from amanat.customers c where c.tenant_id = $1::uuid and c.id = $2::uuid`,
    [tenantId, id],
  );
}

export interface Keyed {
  readonly id: string;
  readonly customerId: string | null;
  readonly version: number;
}

/** An order that still has its key. */
export function selectKeyedOrder(tenantId: string, id: string): Statement<Keyed> {
  return statement(
    'select_keyed_order',
    `select o.id, o.customer_id as "customerId", o.version
       from amanat.orders o
      where o.tenant_id = $1::uuid and o.id = $2::uuid and o.data_key is not null`,
    [tenantId, id],
  );
}

/** An invoice that still has its key. */
export function selectKeyedInvoice(tenantId: string, id: string): Statement<Keyed> {
  return statement(
    'select_keyed_invoice',
    `select i.id, i.customer_id as "customerId", i.version
       from amanat.invoices i
      where i.tenant_id = $1::uuid and i.id = $2::uuid and i.data_key is not null`,
    [tenantId, id],
  );
}
