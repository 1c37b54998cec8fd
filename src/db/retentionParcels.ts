/** Couriers' grants and delivery codes whose time is over. Neither holds a value of anybody. */
import type { DueCount, DueRecord } from './retention.ts';
import { statement, type Statement } from './statement.ts';

/** Of `amanat.grants g`; $2 how long from the opening on (null: by their own end alone), $3 now. */
const dueGrants = `
       from amanat.grants g
      where g.tenant_id = $1::uuid and g.kind = 'shipment' and g.closed_at is null
        and (g.closes_at <= $3::timestamptz or g.opens_at <= $3::timestamptz - $2::interval)`;

export function selectDueParcelGrants(
  tenantId: string,
  keep: string | null,
  at: Date,
  limit: number,
): Statement<DueRecord> {
  return statement(
    'select_due_parcel_grants',
    `select g.id, g.customer_id as "customerId"${dueGrants}
      order by g.id
      limit $4::integer`,
    [tenantId, keep, at, limit],
  );
}

export function countDueParcelGrants(tenantId: string, keep: string | null, at: Date): Statement<DueCount> {
  return statement('count_due_parcel_grants', `select count(*)::integer as due, 0 as held${dueGrants}`, [
    tenantId,
    keep,
    at,
  ]);
}

/** Of `amanat.shipments s`; $2 how long from the issue on, $3 now. A code that was used went with its use. */
const dueCodes = `
       from amanat.shipments s
      where s.tenant_id = $1::uuid and s.code_hash is not null
        and (s.code_expires_at <= $3::timestamptz or s.created_at <= $3::timestamptz - $2::interval)`;

export function selectDueCodes(tenantId: string, keep: string | null, at: Date, limit: number): Statement<DueRecord> {
  return statement(
    'select_due_codes',
    `select s.id, s.customer_id as "customerId"${dueCodes}
      order by s.id
      limit $4::integer`,
    [tenantId, keep, at, limit],
  );
}

export function countDueCodes(tenantId: string, keep: string | null, at: Date): Statement<DueCount> {
  return statement('count_due_codes', `select count(*)::integer as due, 0 as held${dueCodes}`, [tenantId, keep, at]);
}

/** Guarded: conflict when one of them went meanwhile. */
export function forgetDueCodes(tenantId: string, due: readonly Pick<DueRecord, 'id'>[]): Statement {
  return statement(
    'forget_due_codes',
    `with updated as (
       update amanat.shipments
          set code_hash = null, code_mac = null
        where tenant_id = $1::uuid and id = any ($2::uuid[]) and code_hash is not null
        returning 1
     )
     select amanat.require(count(*) = cardinality($2::uuid[]), 'conflict') from updated`,
    [tenantId, due.map(({ id }) => id)],
  );
}
