/** What a person's copy is made of. Without a leaf: only for a copy, which goes on to commit one. */
import type { InvoiceRow } from './invoices.ts';
import { messageColumns, type MessageRow } from './messages.ts';
import type { OrderRow } from './orders.ts';
import { clockValues, overFrom, type OrderClocks } from './orderTime.ts';
import { statement, type Statement } from './statement.ts';

/** Newest first; none that has had its time. */
export function selectCopiedOrders(
  tenantId: string,
  customerId: string,
  clocks: OrderClocks,
  limit: number,
): Statement<OrderRow> {
  return statement(
    'select_copied_orders',
    `select o.id, o.customer_id as "customerId", o.status, o.delivery_to as "deliveryTo", o.version,
            o.key_version as "keyVersion", o.data_key as "dataKey", o.sealed, o.created_at as "createdAt",
            o.updated_at as "updatedAt"
       from amanat.orders o
      where o.tenant_id = $1::uuid and o.customer_id = $2::uuid and o.data_key is not null and not ${overFrom(4)}
      order by o.id desc
      limit $3::integer`,
    [tenantId, customerId, limit, ...clockValues(clocks)],
  );
}

/** Whom parcels of these orders were given to: the names of the couriers' clients. */
export function selectCarriers(
  tenantId: string,
  orderIds: readonly string[],
): Statement<{ readonly orderId: string; readonly name: string }> {
  return statement(
    'select_carriers',
    `select s.order_id as "orderId", c.name
       from amanat.shipments s
       join amanat.clients c on c.tenant_id = $1::uuid and c.id = s.courier_client_id
      where s.tenant_id = $1::uuid and s.order_id = any ($2::uuid[])
      order by s.id`,
    [tenantId, orderIds],
  );
}

/** Newest first; none that was made before `since`. */
export function selectCopiedInvoices(
  tenantId: string,
  customerId: string,
  since: Date,
  limit: number,
): Statement<InvoiceRow> {
  return statement(
    'select_copied_invoices',
    `select i.id, i.order_id as "orderId", i.customer_id as "customerId", i.version, i.key_version as "keyVersion",
            i.data_key as "dataKey", i.sealed, i.created_at as "createdAt"
       from amanat.invoices i
      where i.tenant_id = $1::uuid and i.customer_id = $2::uuid and i.data_key is not null
        and i.created_at >= $4::timestamptz
      order by i.id desc
      limit $3::integer`,
    [tenantId, customerId, limit, since],
  );
}

/** Newest first. */
export function selectCopiedMessages(tenantId: string, customerId: string, limit: number): Statement<MessageRow> {
  return statement(
    'select_copied_messages',
    `select ${messageColumns}
       from amanat.messages m
      where m.tenant_id = $1::uuid and m.customer_id = $2::uuid
      order by m.id desc
      limit $3::integer`,
    [tenantId, customerId, limit],
  );
}

/** Guarded: not_found once the customer is leaving. Held until the commit: of a copy and an erasure, one comes first. */
export function requireStanding(tenantId: string, customerId: string): Statement {
  return statement(
    'require_standing',
    `with there as (
       select 1
         from amanat.customers c
        where c.tenant_id = $1::uuid and c.id = $2::uuid and c.status in ('active', 'deactivated')
          for share
     )
     select amanat.require(count(*) = 1, 'not_found') from there`,
    [tenantId, customerId],
  );
}
