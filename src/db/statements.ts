/** What a statement of what is held is made of: rows, times and the labels of sealed values. Nothing here is asked of holds. */
import type { OrderStatus } from './orders.ts';
import { clockValues, overFrom, type OrderClocks } from './orderTime.ts';
import { accountOver } from './refundAccounts.ts';
import { statement, type Statement } from './statement.ts';

export interface HeldOrder {
  readonly id: string;
  readonly status: OrderStatus;
  readonly deliveryTo: 'customer' | 'recipient';
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** When it was delivered; null for one that was not. */
  readonly deliveredAt: Date | null;
  readonly sealed: Buffer;
}

export interface HeldInvoice {
  readonly id: string;
  readonly createdAt: Date;
  readonly sealed: Buffer;
}

/** Newest first; none that has had its time. */
export function selectHeldOrders(
  tenantId: string,
  customerId: string,
  clocks: OrderClocks,
  limit: number,
): Statement<HeldOrder> {
  return statement(
    'select_held_orders',
    `select o.id, o.status, o.delivery_to as "deliveryTo", o.created_at as "createdAt", o.updated_at as "updatedAt",
            (select max(s.closed_at) from amanat.shipments s
              where s.tenant_id = $1::uuid and s.order_id = o.id and s.status = 'delivered') as "deliveredAt", o.sealed
       from amanat.orders o
      where o.tenant_id = $1::uuid and o.customer_id = $2::uuid and o.data_key is not null and not ${overFrom(4)}
      order by o.id desc
      limit $3::integer`,
    [tenantId, customerId, limit, ...clockValues(clocks)],
  );
}

/** Newest first; none that was made before `since`. */
export function selectHeldInvoices(
  tenantId: string,
  customerId: string,
  since: Date,
  limit: number,
): Statement<HeldInvoice> {
  return statement(
    'select_held_invoices',
    `select i.id, i.created_at as "createdAt", i.sealed
       from amanat.invoices i
      where i.tenant_id = $1::uuid and i.customer_id = $2::uuid and i.data_key is not null
        and i.created_at >= $4::timestamptz
      order by i.id desc
      limit $3::integer`,
    [tenantId, customerId, limit, since],
  );
}

/** By which kinds of identifier a customer is found: one row each. */
export function selectTaggedFields(tenantId: string, customerId: string): Statement<{ readonly field: string }> {
  return statement(
    'select_tagged_fields',
    `select distinct t.field
       from amanat.index_tags t
      where t.tenant_id = $1::uuid and t.customer_id = $2::uuid
      order by t.field`,
    [tenantId, customerId],
  );
}

/** When anything was last ordered; null where nothing was. Orders stay as rows when what they held has gone. */
export function selectLastOrder(tenantId: string, customerId: string): Statement<{ readonly at: Date | null }> {
  return statement(
    'select_last_order',
    `select max(o.created_at) as at
       from amanat.orders o
      where o.tenant_id = $1::uuid and o.customer_id = $2::uuid`,
    [tenantId, customerId],
  );
}

export const registers = [
  'refundAccounts',
  'consents',
  'acceptances',
  'messages',
  'requests',
  'complaints',
  'inquiries',
  'misuseReports',
  'feedback',
  'contactPoints',
  'supplementaryRequests',
] as const;
export type Register = (typeof registers)[number];

export interface EntryCount {
  readonly count: number;
  /** Of the first entry; null where there is none. */
  readonly since: Date | null;
}

/** One row for each register; of opinions and of accounts for refunds, only those that have not had their time (ISO 8601). */
export function countEntries(
  tenantId: string,
  customerId: string,
  { at, opinions, accounts }: { readonly at: Date } & Readonly<Record<'opinions' | 'accounts', string | null>>,
): Statement<EntryCount & { readonly register: Register }> {
  return statement(
    'count_entries',
    `select 'consents' as register, count(*)::integer as count, min(e.created_at) as since
       from amanat.consents e
      where e.tenant_id = $1::uuid and e.customer_id = $2::uuid
     union all
     select 'acceptances', count(*)::integer, min(e.accepted_at)
       from amanat.acceptances e
      where e.tenant_id = $1::uuid and e.customer_id = $2::uuid
     union all
     select 'messages', count(*)::integer, min(e.created_at)
       from amanat.messages e
      where e.tenant_id = $1::uuid and e.customer_id = $2::uuid
     union all
     select 'requests', count(*)::integer, min(e.asked_at)
       from amanat.requests e
      where e.tenant_id = $1::uuid and e.customer_id = $2::uuid
     union all
     select case k.kind when 'complaint' then 'complaints' when 'inquiry' then 'inquiries' else 'misuseReports' end,
            count(e.id)::integer, min(e.filed_at)
       from (values ('complaint'), ('inquiry'), ('misuse')) as k (kind)
       left join amanat.cases e on e.tenant_id = $1::uuid and e.customer_id = $2::uuid and e.kind = k.kind
      group by k.kind
     union all
     select 'feedback', count(*)::integer, min(e.created_at)
       from amanat.feedback e
      where e.tenant_id = $1::uuid and e.customer_id = $2::uuid
        and (e.created_at <= $4::timestamptz - $3::interval) is not true
     union all
     select 'contactPoints', count(*)::integer, min(e.set_at)
       from amanat.contact_assurances e
      where e.tenant_id = $1::uuid and e.customer_id = $2::uuid
     union all
     select 'supplementaryRequests', count(*)::integer, min(e.opened_at)
       from amanat.supplementary_requests e
      where e.tenant_id = $1::uuid and e.customer_id = $2::uuid
     union all
     select 'refundAccounts', count(*)::integer, min(g.opened_at)
       from amanat.grants g
      where g.tenant_id = $1::uuid and g.customer_id = $2::uuid and g.account is not null
        and not ${accountOver('$5', '$4')}`,
    [tenantId, customerId, opinions, at, accounts],
  );
}

/** Former states of a customer's record that are kept for so long (an ISO 8601 duration; undefined is for ever) from their end. */
export function countFormerStates(
  tenantId: string,
  customerId: string,
  keep: string | undefined,
  at: Date,
): Statement<EntryCount> {
  return statement(
    'count_former_states',
    `select count(*)::integer as count, min(v.captured_at) as since
       from amanat.customer_versions v
      where v.tenant_id = $1::uuid and v.customer_id = $2::uuid
        and (v.replaced_at <= $4::timestamptz - $3::interval) is not true`,
    [tenantId, customerId, keep ?? null, at],
  );
}
