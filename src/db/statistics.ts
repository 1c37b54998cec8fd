/** What is counted of a month, and the figures that were frozen. Persons on their way out are in none of it. */
import type { HeldOrder } from './statements.ts';
import { statement, type Statement } from './statement.ts';

/** One cell, before anything is suppressed. */
export interface Tally {
  /** The cell's categories. */
  readonly one: string;
  readonly two: string | null;
  readonly three: string | null;
  readonly count: number;
  /** How many different persons it is about, and how much of it is the one's who has the most. */
  readonly persons: number;
  readonly most: number;
}

export interface Month {
  readonly from: Date;
  readonly to: Date;
}

const tallied = `select t.one, t.two, t.three, sum(t.own)::integer as count, count(*)::integer as persons,
            max(t.own)::integer as most
       from each_person t
      group by t.one, t.two, t.three
      order by t.one, t.two, t.three`;

const there = (alias: string) => `
          join amanat.customers c
            on c.tenant_id = $1::uuid and c.id = ${alias}.customer_id and c.status in ('active', 'deactivated')`;

/** Registered in the month, by kind and by how the account stands now. */
export function tallyCustomers(tenantId: string, { from, to }: Month): Statement<Tally> {
  return statement(
    'tally_customers',
    `with each_person as (
       select c.kind as one, c.status as two, null::text as three, 1 as own
         from amanat.customers c
        where c.tenant_id = $1::uuid and c.created_at >= $2::timestamptz and c.created_at < $3::timestamptz
          and c.status in ('active', 'deactivated')
     )
     ${tallied}`,
    [tenantId, from, to],
  );
}

/** Placed in the month, by how they ended; those that have not ended are in no cell. */
export function tallyOrders(tenantId: string, { from, to }: Month): Statement<Tally> {
  return statement(
    'tally_orders',
    `with each_person as (
       select o.status as one, null::text as two, null::text as three, count(*) as own
         from amanat.orders o${there('o')}
        where o.tenant_id = $1::uuid and o.created_at >= $2::timestamptz and o.created_at < $3::timestamptz
          and o.status in ('delivered', 'returned', 'cancelled')
        group by o.status, o.customer_id
     )
     ${tallied}`,
    [tenantId, from, to],
  );
}

/** Said in the month, by purpose, channel and whether it was given or taken back. */
export function tallyConsents(tenantId: string, { from, to }: Month): Statement<Tally> {
  return statement(
    'tally_consents',
    `with each_person as (
       select e.purpose as one, e.channel as two, e.kind as three, count(*) as own
         from amanat.consents e${there('e')}
        where e.tenant_id = $1::uuid and e.created_at >= $2::timestamptz and e.created_at < $3::timestamptz
        group by e.purpose, e.channel, e.kind, e.customer_id
     )
     ${tallied}`,
    [tenantId, from, to],
  );
}

/** Asked in the month, by kind. */
export function tallyRequests(tenantId: string, { from, to }: Month): Statement<Tally> {
  return statement(
    'tally_requests',
    `with each_person as (
       select r.kind as one, null::text as two, null::text as three, count(*) as own
         from amanat.requests r${there('r')}
        where r.tenant_id = $1::uuid and r.asked_at >= $2::timestamptz and r.asked_at < $3::timestamptz
        group by r.kind, r.customer_id
     )
     ${tallied}`,
    [tenantId, from, to],
  );
}

/** Filed in the month, by kind. */
export function tallyCases(tenantId: string, { from, to }: Month): Statement<Tally> {
  return statement(
    'tally_cases',
    `with each_person as (
       select s.kind as one, null::text as two, null::text as three, count(*) as own
         from amanat.cases s${there('s')}
        where s.tenant_id = $1::uuid and s.filed_at >= $2::timestamptz and s.filed_at < $3::timestamptz
        group by s.kind, s.customer_id
     )
     ${tallied}`,
    [tenantId, from, to],
  );
}

/** An order to its customer's own address: what its city is opened from. */
export interface PlacedOrder extends HeldOrder {
  readonly customerId: string;
  readonly customerKind: 'natural' | 'legal';
  readonly version: number;
  readonly keyVersion: number;
  readonly dataKey: Buffer;
}

/** Orders whose ids lie in a range, the next after `afterId`: an id tells when it was made. */
export function selectPlacedOrders(
  tenantId: string,
  afterId: string,
  beforeId: string,
  limit: number,
): Statement<PlacedOrder> {
  return statement(
    'select_placed_orders',
    `select o.id, o.customer_id as "customerId", c.kind as "customerKind", o.status, o.delivery_to as "deliveryTo",
            o.version, o.key_version as "keyVersion", o.data_key as "dataKey", o.sealed, o.created_at as "createdAt",
            o.updated_at as "updatedAt",
            (select max(s.closed_at) from amanat.shipments s
              where s.tenant_id = $1::uuid and s.order_id = o.id and s.status = 'delivered') as "deliveredAt"
       from amanat.orders o${there('o')}
      where o.tenant_id = $1::uuid and o.id > $2::uuid and o.id < $3::uuid and o.delivery_to = 'customer'
        and o.data_key is not null
      order by o.id
      limit $4::integer`,
    [tenantId, afterId, beforeId, limit],
  );
}

export interface StatisticRow {
  readonly measure: string;
  readonly period: string;
  readonly id: string;
  readonly threshold: number;
  readonly cells: string;
  readonly policyVersion: string;
  readonly frozenAt: Date;
  readonly mac: Buffer;
}

/** Guarded: conflict where another process has frozen it; what stands first stands. */
export function insertStatistic(tenantId: string, row: StatisticRow): Statement {
  return statement(
    'insert_statistic',
    `with inserted as (
       insert into amanat.statistics
         (tenant_id, measure, period, id, threshold, cells, policy_version, frozen_at, mac)
       values ($1::uuid, $2::text, $3::text, $4::uuid, $5::integer, $6::text, $7::text, $8::timestamptz, $9::bytea)
       on conflict do nothing
       returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from inserted`,
    [tenantId, row.measure, row.period, row.id, row.threshold, row.cells, row.policyVersion, row.frozenAt, row.mac],
  );
}

export function selectStatistic(tenantId: string, measure: string, period: string): Statement<StatisticRow> {
  return statement(
    'select_statistic',
    `select f.measure, f.period, f.id, f.threshold, f.cells, f.policy_version as "policyVersion",
            f.frozen_at as "frozenAt", f.mac
       from amanat.statistics f
      where f.tenant_id = $1::uuid and f.measure = $2::text and f.period = $3::text`,
    [tenantId, measure, period],
  );
}

export interface FrozenPeriod {
  readonly measure: string;
  readonly period: string;
}

/** Which months of which measures stand, the newest first. */
export function selectFrozenPeriods(tenantId: string): Statement<FrozenPeriod> {
  return statement(
    'select_frozen_periods',
    `select f.measure, f.period
       from amanat.statistics f
      where f.tenant_id = $1::uuid
      order by f.period desc, f.measure`,
    [tenantId],
  );
}

export function selectTenantSince(tenantId: string): Statement<{ readonly createdAt: Date }> {
  return statement(
    'select_tenant_since',
    `select t.created_at as "createdAt" from amanat.tenants t where t.id = $1::uuid`,
    [tenantId],
  );
}
