/** How a person goes: out of reach first, in one commit; then the keys, once nothing holds them. */
import { deleteContactPointsOf } from './contactPoints.ts';
import { destroyFeedbackOf } from './feedback.ts';
import { emptyGlassOf } from './breakGlass.ts';
import { emptyCasesOf } from './cases.ts';
import { emptyPermissionsOf } from './permissions.ts';
import { clockValues, overBy, overFrom, termsFrom, type OrderClocks } from './orderTime.ts';
import { deleteVersionsOf } from './versions.ts';
import { statement, type Statement } from './statement.ts';
import { forgetAnswersOf } from './retentionAnswers.ts';

/**
 * Puts a customer out of everybody's reach, whether or not a hold stands: not read, found or listed any more, identifiers free
 * for others, work and parcels closed, orders on their way cancelled, stored answers emptied. Guarded: conflict unless the
 * customer is there. Orders are taken first, as every act on a parcel takes its own before the customer.
 */
export function hideCustomer(tenantId: string, id: string, at: Date, clocks: OrderClocks): Statement[] {
  return [
    statement(
      'take_orders_of_customer',
      `select o.id
         from amanat.orders o
        where o.tenant_id = $1::uuid and o.customer_id = $2::uuid
        order by o.id
          for no key update`,
      [tenantId, id],
    ),
    statement(
      'hide_customer',
      `with updated as (
         update amanat.customers
            set status = 'leaving', updated_at = $3::timestamptz
          where tenant_id = $1::uuid and id = $2::uuid and status in ('active', 'deactivated')
          returning 1
       )
       select amanat.require(count(*) = 1, 'conflict') from updated`,
      [tenantId, id, at],
    ),
    statement(
      'free_identifiers',
      `update amanat.index_tags set exclusive = false
        where tenant_id = $1::uuid and customer_id = $2::uuid and exclusive`,
      [tenantId, id],
    ),
    ...closeWorkOf(tenantId, id, at, clocks),
    emptyAnswersOf(tenantId, id),
  ];
}

/** What is open on a customer: parcels and their codes, grants, orders on their way that have not had their time. */
function closeWorkOf(tenantId: string, id: string, at: Date, clocks: OrderClocks): Statement[] {
  return [
    statement(
      'close_parcels_of_customer',
      `update amanat.shipments
          set status = 'cancelled', closed_at = $3::timestamptz, code_hash = null, code_mac = null
        where tenant_id = $1::uuid and customer_id = $2::uuid and status = 'open'`,
      [tenantId, id, at],
    ),
    statement(
      'close_grants_of_customer',
      `update amanat.grants
          set closed_at = $3::timestamptz, closed_reason = 'erased'
        where tenant_id = $1::uuid and customer_id = $2::uuid and kind <> 'legal_order' and closed_at is null`,
      [tenantId, id, at],
    ),
    statement(
      'cancel_orders_of_customer',
      `update amanat.orders o
          set status = 'cancelled', updated_at = $3::timestamptz
        where o.tenant_id = $1::uuid and o.customer_id = $2::uuid and o.status in ('placed', 'dispatched', 'returned')
          and not ${overFrom(4)}`,
      [tenantId, id, at, ...clockValues(clocks)],
    ),
  ];
}

/** The key stays used, so that a repeated request makes nobody anew; no body is the same as that of none. */
function emptyAnswersOf(tenantId: string, customerId: string): Statement {
  return statement(
    'empty_answers_of_customer',
    `update amanat.idempotent_answers
        set body_hash = ''::bytea, data_key = ''::bytea, answer = ''::bytea
      where tenant_id = $1::uuid and subject_id = $2::uuid`,
    [tenantId, customerId],
  );
}

/** Guarded: conflict unless the customer is active. */
export function deactivateCustomer(tenantId: string, id: string, at: Date): Statement {
  return statement(
    'deactivate_customer',
    `with updated as (
       update amanat.customers
          set status = 'deactivated', updated_at = $3::timestamptz
        where tenant_id = $1::uuid and id = $2::uuid and status = 'active'
        returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from updated`,
    [tenantId, id, at],
  );
}

export interface LeavingRow {
  readonly id: string;
  readonly version: number;
  /** Former states and index tags that go with it. */
  readonly versions: number;
  readonly tags: number;
}

/**
 * Customers whose erasure was decided `keep` ago (ISO 8601), after the one named; the order is that of their ids. Former states
 * that had had their time by then, `keepStates` after they were replaced, are not counted: a hold kept them, if they are there.
 */
export function selectLeaving(
  tenantId: string,
  { keep, keepStates, at }: { readonly keep: string; readonly keepStates: string | undefined; readonly at: Date },
  afterId: string | undefined,
  limit: number,
): Statement<LeavingRow> {
  return statement(
    'select_leaving',
    `select c.id, c.version,
            (select count(*)::integer from amanat.customer_versions v
              where v.tenant_id = $1::uuid and v.customer_id = c.id
                and (v.replaced_at <= c.updated_at - $6::interval) is not true) as versions,
            (select count(*)::integer from amanat.index_tags t
              where t.tenant_id = $1::uuid and t.customer_id = c.id) as tags
       from amanat.customers c
      where c.tenant_id = $1::uuid and c.status = 'leaving' and ($2::uuid is null or c.id > $2::uuid)
        and c.updated_at <= $5::timestamptz - $4::interval
      order by c.id
      limit $3::integer`,
    [tenantId, afterId ?? null, limit, keep, at, keepStates ?? null],
  );
}

/** What a customer leaves behind that has a key of its own. */
export interface LeftRecord {
  readonly kind: 'orders' | 'invoices';
  readonly id: string;
  readonly customerId: string;
  readonly version: number;
  readonly status: string;
  readonly deliveryTo: string;
  readonly createdAt: Date;
  /** When it was delivered; null for one that was not. */
  readonly deliveredAt: Date | null;
  /** An order that had had its time when the customer was last changed, which is when a leaving one's erasure was decided. */
  readonly over: boolean;
}

/** Orders and invoices of these customers that still have their keys. */
export function selectLeft(
  tenantId: string,
  customerIds: readonly string[],
  clocks: OrderClocks,
): Statement<LeftRecord> {
  const over = overBy({ ...termsFrom(3), now: 'least(c.updated_at, $3::timestamptz)' });
  return statement(
    'select_left_records',
    `select 'orders' as kind, o.id, o.customer_id as "customerId", o.version, o.status,
            o.delivery_to as "deliveryTo", o.created_at as "createdAt",
            (select max(s.closed_at) from amanat.shipments s
              where s.tenant_id = $1::uuid and s.order_id = o.id and s.status = 'delivered') as "deliveredAt",
            ${over} as over
       from amanat.orders o
       join amanat.customers c on c.tenant_id = $1::uuid and c.id = o.customer_id
      where o.tenant_id = $1::uuid and o.customer_id = any ($2::uuid[]) and o.data_key is not null
     union all
     select 'invoices', i.id, i.customer_id, i.version, 'issued', 'customer', i.created_at, null, false
       from amanat.invoices i
      where i.tenant_id = $1::uuid and i.customer_id = any ($2::uuid[]) and i.data_key is not null`,
    [tenantId, customerIds, ...clockValues(clocks)],
  );
}

/**
 * Destroys a customer: key and values, former states, tags, references of grants and their accounts, what its contact points were
 * taken for. Guarded: conflict unless it is leaving and stands at the version that was read. Aborts with conflict as well while a
 * hold stands.
 */
export function destroyCustomer(tenantId: string, { id, version }: Pick<LeavingRow, 'id' | 'version'>, at: Date) {
  return [
    statement(
      'destroy_customer',
      `with updated as (
         update amanat.customers
            set status = 'erased', version = version + 1, data_key = null, sealed = null, updated_at = $4::timestamptz
          where tenant_id = $1::uuid and id = $2::uuid and version = $3::integer and status = 'leaving'
          returning 1
       )
       select amanat.require(count(*) = 1, 'conflict') from updated`,
      [tenantId, id, version, at],
    ),
    statement(
      'delete_tags_of_erased',
      `delete from amanat.index_tags where tenant_id = $1::uuid and customer_id = $2::uuid`,
      [tenantId, id],
    ),
    statement(
      'empty_references_of_grants',
      `update amanat.grants set external_ref = null, account = null
        where tenant_id = $1::uuid and customer_id = $2::uuid and (external_ref is not null or account is not null)`,
      [tenantId, id],
    ),
    emptyCasesOf(tenantId, id),
    emptyGlassOf(tenantId, id),
    destroyFeedbackOf(tenantId, id),
    emptyPermissionsOf(tenantId, id),
    ...deleteVersionsOf(tenantId, id),
    ...deleteContactPointsOf(tenantId, id),
    forgetAnswersOf(tenantId, id),
  ];
}

/** Destroys the keys of orders, and what their couriers said. Guarded: conflict unless each stands as it was read. */
export function destroyOrders(
  tenantId: string,
  orders: readonly { readonly id: string; readonly version: number }[],
  at: Date,
): Statement[] {
  const ids = orders.map((o) => o.id);
  return [
    statement(
      'destroy_orders',
      `with updated as (
         update amanat.orders o
            set version = o.version + 1, data_key = null, sealed = null, updated_at = $4::timestamptz
           from unnest($2::uuid[], $3::integer[]) as d (id, version)
          where o.tenant_id = $1::uuid and o.id = d.id and o.version = d.version and o.data_key is not null
          returning 1
       )
       select amanat.require(count(*) = cardinality($2::uuid[]), 'conflict') from updated`,
      [tenantId, ids, orders.map((o) => o.version), at],
    ),
    statement(
      'empty_failures_of_orders',
      `update amanat.shipments set last_failure = null
        where tenant_id = $1::uuid and order_id = any ($2::uuid[]) and last_failure is not null`,
      [tenantId, ids],
    ),
    statement(
      'delete_versions_of_orders',
      `delete from amanat.order_versions where tenant_id = $1::uuid and order_id = any ($2::uuid[])`,
      [tenantId, ids],
    ),
  ];
}
