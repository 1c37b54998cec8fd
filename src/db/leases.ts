import { statement, type Statement } from './statement.ts';

/**
 * No row where somebody else has it. Whoever has it may take it again. A lease that runs beyond `believed` was made by a clock
 * that is wrong, and binds nobody.
 */
export function takeLease(
  tenantId: string,
  work: string,
  lease: { readonly holder: string; readonly now: Date; readonly until: Date; readonly believed?: Date },
): Statement<{ readonly work: string }> {
  return statement(
    'take_lease',
    `insert into amanat.leases as l (tenant_id, work, holder, until)
     values ($1::uuid, $2::text, $3::uuid, $5::timestamptz)
         on conflict (tenant_id, work) do update
        set holder = excluded.holder, until = excluded.until
      where l.holder = excluded.holder or l.until <= $4::timestamptz or l.until > $6::timestamptz
     returning l.work`,
    [tenantId, work, lease.holder, lease.now, lease.until, lease.believed ?? null],
  );
}

/** Gives it back before its time. */
export function endLease(tenantId: string, work: string, holder: string, now: Date): Statement {
  return statement(
    'end_lease',
    `update amanat.leases
        set until = $4::timestamptz
      where tenant_id = $1::uuid and work = $2::text and holder = $3::uuid and until > $4::timestamptz`,
    [tenantId, work, holder, now],
  );
}
