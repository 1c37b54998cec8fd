import { statement, type Statement } from './statement.ts';

export interface ClauseCount {
  readonly clause: string;
  readonly outcome: string | null;
  readonly complaints: number;
  readonly people: number;
}

/** Complaints filed between these moments, by the clauses they name and how they ended. */
export function countComplaintsByClause(tenantId: string, from: Date, to: Date): Statement<ClauseCount> {
  return statement(
    'count_complaints_by_clause',
    `select k.clause, c.outcome, count(*)::integer as complaints, count(distinct c.customer_id)::integer as people
       from amanat.cases c
      cross join lateral unnest(c.clauses) as k (clause)
      where c.tenant_id = $1::uuid and c.kind = 'complaint' and c.filed_at >= $2::timestamptz
        and c.filed_at < $3::timestamptz
      group by k.clause, c.outcome
      order by k.clause, c.outcome`,
    [tenantId, from, to],
  );
}
