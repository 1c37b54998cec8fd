/** Incidents that were closed long ago, with what was computed and told of them. */
import { type DueCount, type DueRecord } from './retention.ts';
import { statement, type Statement } from './statement.ts';

/** Of `amanat.incidents i`; $2 how long from the closing on, $3 now. */
const dueIncidents = `
       from amanat.incidents i
      where i.tenant_id = $1::uuid and i.state = 'closed' and i.closed_at <= $3::timestamptz - $2::interval`;

export function selectDueIncidents(
  tenantId: string,
  keep: string | null,
  at: Date,
  limit: number,
): Statement<DueRecord> {
  return statement(
    'select_due_incidents',
    `select i.id, null::uuid as "customerId"${dueIncidents}
      order by i.id
      limit $4::integer`,
    [tenantId, keep, at, limit],
  );
}

export function countDueIncidents(tenantId: string, keep: string | null, at: Date): Statement<DueCount> {
  return statement('count_due_incidents', `select count(*)::integer as due, 0 as held${dueIncidents}`, [
    tenantId,
    keep,
    at,
  ]);
}

/** Extents, their persons and how they were told go with them. Guarded: conflict when one went meanwhile. */
export function deleteIncidents(tenantId: string, due: readonly DueRecord[]): Statement {
  const ids = due.map(({ id }) => id);
  return statement(
    'delete_incidents',
    `with deleted as (
       delete from amanat.incidents
        where tenant_id = $1::uuid and id = any ($2::uuid[]) and state = 'closed'
        returning 1
     )
     select amanat.require(count(*) = cardinality($2::uuid[]), 'conflict') from deleted`,
    [tenantId, ids],
  );
}
