/** Cases whose words have had their time. */
import type { CaseKind } from './cases.ts';
import { counts, unheld, type DueCount, type DueRecord } from './retention.ts';
import { statement, type Statement } from './statement.ts';

/** Of `amanat.cases c`; $2 kind, $3 how long from the closing on, $4 now. */
const dueCases = `
       from amanat.cases c
      where c.tenant_id = $1::uuid and c.kind = $2::text and c.state = 'closed'
        and (c.words is not null or c.finding is not null or c.remedy is not null)
        and c.closed_at <= $4::timestamptz - $3::interval`;

export function selectDueCases(
  tenantId: string,
  kind: CaseKind,
  keep: string | null,
  at: Date,
  limit: number,
): Statement<DueRecord> {
  return statement(
    'select_due_cases',
    `select c.id, c.customer_id as "customerId"${dueCases}${unheld('c')}
      order by c.id
      limit $5::integer`,
    [tenantId, kind, keep, at, limit],
  );
}

export function countDueCases(tenantId: string, kind: CaseKind, keep: string | null, at: Date): Statement<DueCount> {
  return statement('count_due_cases', `${counts('c', '$4')}${dueCases}`, [tenantId, kind, keep, at]);
}

/** Guarded: conflict when one was emptied meanwhile. Aborts with conflict while a hold stands. */
export function emptyCases(tenantId: string, due: readonly DueRecord[]): Statement {
  const ids = due.map(({ id }) => id);
  return statement(
    'empty_cases',
    `with emptied as (
       update amanat.cases
          set words = null, finding = null, remedy = null
        where tenant_id = $1::uuid and id = any ($2::uuid[])
          and (words is not null or finding is not null or remedy is not null)
        returning 1
     )
     select amanat.require(count(*) = cardinality($2::uuid[]), 'conflict') from emptied`,
    [tenantId, ids],
  );
}
