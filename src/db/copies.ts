/** What a person's copy is made of. Without a leaf: only for a copy, which goes on to commit one. */
import type { InvoiceRow } from './invoices.ts';
import type { OrderRow } from './orders.ts';
import { statement, type Statement } from './statement.ts';

/** Newest first. */
export function selectCopiedOrders(tenantId: string, customerId: string, limit: number): Statement<OrderRow> {
  return statement(
    'select_copied_orders',
    `select o.id, o.customer_id as "customerId", o.status, o.delivery_to as "deliveryTo", o.version,
            o.key_version as "keyVersion", o.data_key as "dataKey", o.sealed, o.created_at as "createdAt",
            o.updated_at as "updatedAt"
       from amanat.orders o
      where o.tenant_id = $1::uuid and o.customer_id = $2::uuid and o.data_key is not null
      order by o.id desc
      limit $3::integer`,
    [tenantId, customerId, limit],
  );
}

/** Newest first. */
export function selectCopiedInvoices(tenantId: string, customerId: string, limit: number): Statement<InvoiceRow> {
  return statement(
    'select_copied_invoices',
    `select i.id, i.order_id as "orderId", i.customer_id as "customerId", i.version, i.key_version as "keyVersion",
            i.data_key as "dataKey", i.sealed, i.created_at as "createdAt"
       from amanat.invoices i
      where i.tenant_id = $1::uuid and i.customer_id = $2::uuid and i.data_key is not null
      order by i.id desc
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
