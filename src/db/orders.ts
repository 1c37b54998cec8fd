import { clockValues, overFrom, type OrderClocks } from './orderTime.ts';
import { statement, type Statement } from './statement.ts';

export type OrderStatus = 'placed' | 'dispatched' | 'delivered' | 'returned' | 'cancelled';

export interface OrderRow {
  readonly id: string;
  readonly customerId: string;
  readonly status: OrderStatus;
  readonly deliveryTo: 'customer' | 'recipient';
  readonly version: number;
  readonly keyVersion: number;
  readonly dataKey: Buffer;
  readonly sealed: Buffer;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/**
 * Guarded: conflict unless the customer is active. The customer's row is held until the commit, so that an erasure either
 * sees this order or comes before it.
 */
export function insertOrder(order: OrderRow & { readonly tenantId: string }): Statement {
  return statement(
    'insert_order',
    `with active as (
       select c.id
         from amanat.customers c
        where c.tenant_id = $1::uuid and c.id = $3::uuid and c.status = 'active'
          for share
     ),
     inserted as (
       insert into amanat.orders
         (tenant_id, id, customer_id, status, delivery_to, version, key_version, data_key, sealed, created_at, updated_at)
       select $1::uuid, $2::uuid, a.id, $4::text, $5::text, $6::integer, $7::integer, $8::bytea, $9::bytea,
              $10::timestamptz, $10::timestamptz
         from active a
       returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from inserted`,
    [
      order.tenantId,
      order.id,
      order.customerId,
      order.status,
      order.deliveryTo,
      order.version,
      order.keyVersion,
      order.dataKey,
      order.sealed,
      order.createdAt,
    ],
  );
}

/** Without a leaf: only for work that goes on to commit one. Orders of active customers only, and none that has had its time. */
export function selectOrders(tenantId: string, ids: readonly string[], clocks: OrderClocks): Statement<OrderRow> {
  return statement(
    'select_orders',
    `select o.id, o.customer_id as "customerId", o.status, o.delivery_to as "deliveryTo", o.version,
            o.key_version as "keyVersion", o.data_key as "dataKey", o.sealed, o.created_at as "createdAt",
            o.updated_at as "updatedAt"
       from amanat.orders o
       join amanat.customers c on c.tenant_id = o.tenant_id and c.id = o.customer_id and c.status = 'active'
      where o.tenant_id = $1::uuid and o.id = any ($2::uuid[]) and o.data_key is not null and not ${overFrom(3)}`,
    [tenantId, ids, ...clockValues(clocks)],
  );
}

export interface ListedOrder {
  readonly id: string;
  readonly customerId: string;
  readonly status: OrderStatus;
  /** Null once what it held has had its time, whether or not it is still there. */
  readonly version: number | null;
  readonly createdAt: Date;
}

/** Newest first; of one customer, or of all. */
export function listOrders(
  tenantId: string,
  customerId: string | undefined,
  beforeId: string | undefined,
  limit: number,
  clocks: OrderClocks,
): Statement<ListedOrder> {
  return statement(
    'list_orders',
    `select o.id, o.customer_id as "customerId", o.status,
            case when o.data_key is not null and not ${overFrom(5)} then o.version end as version,
            o.created_at as "createdAt"
       from amanat.orders o
       join amanat.customers c on c.tenant_id = o.tenant_id and c.id = o.customer_id and c.status = 'active'
      where o.tenant_id = $1::uuid and ($2::uuid is null or o.customer_id = $2::uuid)
        and ($3::uuid is null or o.id < $3::uuid)
      order by o.id desc
      limit $4::integer`,
    [tenantId, customerId ?? null, beforeId ?? null, limit, ...clockValues(clocks)],
  );
}

/** Guarded: precondition_failed unless the stored version is the one before and the order is not closed. */
export function updateOrder(
  tenantId: string,
  order: Pick<OrderRow, 'id' | 'version' | 'deliveryTo' | 'sealed' | 'updatedAt'>,
): Statement {
  return statement(
    'update_order',
    `with updated as (
       update amanat.orders
          set version = $3::integer, delivery_to = $4::text, sealed = $5::bytea, updated_at = $6::timestamptz
        where tenant_id = $1::uuid and id = $2::uuid and version = $3::integer - 1 and data_key is not null
          and status in ('placed', 'dispatched', 'returned')
        returning 1
     )
     select amanat.require(count(*) = 1, 'precondition_failed') from updated`,
    [tenantId, order.id, order.version, order.deliveryTo, order.sealed, order.updatedAt],
  );
}

/** Guarded: conflict unless the order still stands in one of `from`. Holds its row, as every act on a parcel does first. */
export function moveOrder(
  tenantId: string,
  id: string,
  from: readonly OrderStatus[],
  to: OrderStatus,
  now: Date,
): Statement {
  return statement(
    'move_order',
    `with updated as (
       update amanat.orders
          set status = $4::text, updated_at = $5::timestamptz
        where tenant_id = $1::uuid and id = $2::uuid and status = any ($3::text[]) and data_key is not null
        returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from updated`,
    [tenantId, id, from, to, now],
  );
}

/** Holds an order until the commit. Acts on one order and its parcel come one after the other, and never deadlock. */
export function takeOrder(tenantId: string, id: string): Statement {
  return statement(
    'take_order',
    `select o.id from amanat.orders o where o.tenant_id = $1::uuid and o.id = $2::uuid for no key update`,
    [tenantId, id],
  );
}
