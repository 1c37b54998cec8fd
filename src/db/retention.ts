/** Orders and invoices that have had their time. What is due is computed here, so that a page of rows is a page of due ones. */
import { overBy, type OrderTerms } from './orderTime.ts';
import { statement, type Statement } from './statement.ts';

/** A row that has had its time. */
export interface DueRecord {
  readonly id: string;
  /** Whose it is; null where it is nobody's. */
  readonly customerId: string | null;
  readonly version?: number;
}

/** One with a key of its own, and the version that stands. */
export interface DueVersion extends DueRecord {
  readonly version: number;
}

/**
 * Of `amanat.orders o`; $2 to whom, $3 keep, $4 keep when cancelled, $5 most, $6 now. A null term makes nothing due. What became of
 * an order became of it after it was placed: the index is entered by that, and the parcels are asked for last.
 */
const dueOrders = `
      where o.tenant_id = $1::uuid and o.data_key is not null and o.delivery_to = $2::text
        and o.created_at <= greatest($6::timestamptz - $3::interval, $6::timestamptz - $4::interval,
                                     $6::timestamptz - $5::interval)
        and ${overBy({ keep: '$3::interval', cancelled: '$4::interval', most: '$5::interval', now: '$6::timestamptz' })}`;

/** Of customers under no standing hold, so that those who are held do not fill the page; the vault judges by their MACs. */
export const unheld = (alias: string): string => `
        and not exists (
          select 1 from amanat.holds h
           where h.tenant_id = $1::uuid and h.customer_id = ${alias}.customer_id and h.released_at is null)`;

/**
 * Counts what is due and, of it, what a hold keeps; `at` names the parameter that is now. A hold whose time is over is ended
 * by the round before it looks at anything else.
 */
export const counts = (
  alias: string,
  at: string,
): string => `select count(*)::integer as due, count(*) filter (where exists (
              select 1 from amanat.holds h
               where h.tenant_id = $1::uuid and h.customer_id = ${alias}.customer_id
                 and h.released_at is null and h.ends_at > ${at}::timestamptz))::integer as held`;

const valuesOf = (tenantId: string, { deliveryTo, keep, cancelled, most }: OrderTerms, at: Date) => [
  tenantId,
  deliveryTo,
  keep,
  cancelled,
  most,
  at,
];

export function selectDueOrders(tenantId: string, terms: OrderTerms, at: Date, limit: number): Statement<DueVersion> {
  return statement(
    'select_due_orders',
    `select o.id, o.customer_id as "customerId", o.version
       from amanat.orders o${dueOrders}${unheld('o')}
      order by o.created_at, o.id
      limit $7::integer`,
    [...valuesOf(tenantId, terms, at), limit],
  );
}

export interface DueCount {
  readonly due: number;
  /** Of those, what a hold keeps. */
  readonly held: number;
  /** There may be more: no more were counted. */
  readonly atLeast?: boolean;
}

/** For a dry run: nothing is changed. */
export function countDueOrders(tenantId: string, terms: OrderTerms, at: Date): Statement<DueCount> {
  return statement(
    'count_due_orders',
    `${counts('o', '$6')}
       from amanat.orders o${dueOrders}`,
    valuesOf(tenantId, terms, at),
  );
}

/** Made before then: the first moment after the last year that is over by now. */
export function selectDueInvoices(tenantId: string, before: Date, limit: number): Statement<DueVersion> {
  return statement(
    'select_due_invoices',
    `select i.id, i.customer_id as "customerId", i.version
       from amanat.invoices i
      where i.tenant_id = $1::uuid and i.data_key is not null and i.created_at < $2::timestamptz${unheld('i')}
      order by i.created_at
      limit $3::integer`,
    [tenantId, before, limit],
  );
}

export function countDueInvoices(tenantId: string, before: Date, at: Date): Statement<DueCount> {
  return statement(
    'count_due_invoices',
    `${counts('i', '$3')}
       from amanat.invoices i
      where i.tenant_id = $1::uuid and i.data_key is not null and i.created_at < $2::timestamptz`,
    [tenantId, before, at],
  );
}

/** Guarded: conflict unless each stands as it was read. Aborts with conflict while a hold stands. */
export function destroyInvoices(tenantId: string, invoices: readonly Pick<DueVersion, 'id' | 'version'>[]): Statement {
  return statement(
    'destroy_invoices',
    `with updated as (
       update amanat.invoices i
          set version = i.version + 1, data_key = null, sealed = null
         from unnest($2::uuid[], $3::integer[]) as d (id, version)
        where i.tenant_id = $1::uuid and i.id = d.id and i.version = d.version and i.data_key is not null
        returning 1
     )
     select amanat.require(count(*) = cardinality($2::uuid[]), 'conflict') from updated`,
    [tenantId, invoices.map((i) => i.id), invoices.map((i) => i.version)],
  );
}
