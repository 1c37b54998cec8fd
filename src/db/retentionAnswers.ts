/** Supplementary answers that have had their time. */
import { counts, unheld, type DueCount } from './retention.ts';
import { statement, type Statement } from './statement.ts';
import { supplementaryColumns, type SupplementaryRow } from './supplementaryRequests.ts';

/** $2 keep, an ISO 8601 duration or null for never; $3 now. */
const dueAnswers = `
      where s.tenant_id = $1::uuid and s.answers is not null and s.closed_at <= $3::timestamptz - $2::interval`;

/** Answers that have had their time, of customers under no standing hold. */
export function selectDueAnswers(
  tenantId: string,
  keep: string | null,
  at: Date,
  limit: number,
): Statement<SupplementaryRow> {
  return statement(
    'select_due_answers',
    `select ${supplementaryColumns}
       from amanat.supplementary_requests s${dueAnswers}${unheld('s')}
      order by s.closed_at
      limit $4::integer`,
    [tenantId, keep, at, limit],
  );
}

export function countDueAnswers(tenantId: string, keep: string | null, at: Date): Statement<DueCount> {
  return statement(
    'count_due_answers',
    `${counts('s', '$3')}
       from amanat.supplementary_requests s${dueAnswers}`,
    [tenantId, keep, at],
  );
}

/** Guarded: conflict unless each still has its answers. Aborts with conflict while a hold stands. */
export function forgetAnswers(tenantId: string, ids: readonly string[]): Statement {
  return statement(
    'forget_answers',
    `with updated as (
       update amanat.supplementary_requests
          set answers = null
        where tenant_id = $1::uuid and id = any ($2::uuid[]) and answers is not null
        returning 1
     )
     select amanat.require(count(*) = cardinality($2::uuid[]), 'conflict') from updated`,
    [tenantId, ids],
  );
}

/** With the customer's key they open no more. */
export function forgetAnswersOf(tenantId: string, customerId: string): Statement {
  return statement(
    'forget_answers_of_customer',
    `update amanat.supplementary_requests
        set answers = null
      where tenant_id = $1::uuid and customer_id = $2::uuid and answers is not null`,
    [tenantId, customerId],
  );
}
