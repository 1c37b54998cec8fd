import { statement, type Statement } from './statement.ts';

/** Somebody who reads, on one day. */
export interface ReaderDay {
  readonly tenantId: string;
  /** The column of the access matrix. */
  readonly reader: string;
  readonly who: string;
  /** `2025-11-22`, in Tehran. */
  readonly day: string;
}

export interface ReadCount extends ReaderDay {
  readonly count: number;
}

/** Adds what one process has counted, and gives what all have. Rows are taken in one order, so that two processes never wait in a ring. */
export function addFullReads(counts: readonly ReadCount[], expiresAt: Date): Statement<ReadCount> {
  return statement(
    'add_full_reads',
    `insert into amanat.full_reads as f (tenant_id, reader, who, day, count, expires_at)
     select n.tenant_id, n.reader, n.who, n.day::date, n.count, $6::timestamptz
       from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::integer[])
            as n (tenant_id, reader, who, day, count)
      order by n.tenant_id, n.reader, n.who, n.day
         on conflict (tenant_id, reader, who, day) do update set count = f.count + excluded.count
     returning f.tenant_id as "tenantId", f.reader, f.who, f.day::text as day, f.count`,
    [
      counts.map((c) => c.tenantId),
      counts.map((c) => c.reader),
      counts.map((c) => c.who),
      counts.map((c) => c.day),
      counts.map((c) => c.count),
      expiresAt,
    ],
  );
}

export function selectFullReads({ tenantId, reader, who, day }: ReaderDay): Statement<{ readonly count: number }> {
  return statement(
    'select_full_reads',
    `select f.count
       from amanat.full_reads f
      where f.tenant_id = $1::uuid and f.reader = $2::text and f.who = $3::text and f.day = $4::text::date`,
    [tenantId, reader, who, day],
  );
}
