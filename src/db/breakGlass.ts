import type { DueRow } from './dueEvents.ts';
import { statement, type Statement } from './statement.ts';

export const reviewOutcomes = ['upheld', 'not_justified'] as const;
export type ReviewOutcome = (typeof reviewOutcomes)[number];

export interface GlassFacts {
  /** The grant's. */
  readonly id: string;
  readonly customerId: string;
  readonly openedBy: string;
  readonly openedActor: string;
  readonly openedAt: Date;
  readonly closesAt: Date;
  readonly reviewDue: Date;
  readonly reviewedBy: string | null;
  readonly reviewedActor: string | null;
  readonly reviewedAt: Date | null;
  readonly outcome: ReviewOutcome | null;
  readonly mac: Buffer;
}

export interface GlassRow extends GlassFacts {
  readonly reason: Buffer | null;
  readonly finding: Buffer | null;
}

/** Of `amanat.break_glass b`. */
const columns = `b.id, b.customer_id as "customerId", b.opened_by as "openedBy", b.opened_actor as "openedActor",
            b.opened_at as "openedAt", b.closes_at as "closesAt", b.review_due as "reviewDue",
            b.reviewed_by as "reviewedBy", b.reviewed_actor as "reviewedActor", b.reviewed_at as "reviewedAt", b.outcome,
            b.reason, b.finding, b.mac`;

/**
 * Guarded: conflict once that day has as many as it may. To follow the grant. Of two at once that take the last place one fails
 * with break_glass_daily.
 */
export function insertGlass(tenantId: string, glass: GlassRow, day: string, mostOfDay: number): Statement {
  return statement(
    'insert_break_glass',
    `with taken as (
       select count(*)::integer as n
         from amanat.break_glass b
        where b.tenant_id = $1::uuid and b.day = $8::date
     )
     insert into amanat.break_glass
       (tenant_id, id, customer_id, opened_by, opened_actor, opened_at, closes_at, day, slot, review_due, reason, mac)
     select $1::uuid, $2::uuid, $3::uuid, $4::uuid, $5::text, $6::timestamptz, $7::timestamptz, $8::date, t.n + 1,
            $10::timestamptz, $11::bytea, $12::bytea
       from taken t
      where amanat.require(t.n < $9::integer, 'conflict')`,
    [
      tenantId,
      glass.id,
      glass.customerId,
      glass.openedBy,
      glass.openedActor,
      glass.openedAt,
      glass.closesAt,
      day,
      mostOfDay,
      glass.reviewDue,
      glass.reason,
      glass.mac,
    ],
  );
}

/** Guarded: conflict unless it stands as it was read. */
export function reviewGlass(tenantId: string, glass: GlassRow, was: Buffer): Statement {
  return statement(
    'review_break_glass',
    `with updated as (
       update amanat.break_glass
          set reviewed_by = $3::uuid, reviewed_actor = $4::text, reviewed_at = $5::timestamptz, outcome = $6::text,
              finding = $7::bytea, mac = $8::bytea
        where tenant_id = $1::uuid and id = $2::uuid and mac = $9::bytea and reviewed_at is null
        returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from updated`,
    [
      tenantId,
      glass.id,
      glass.reviewedBy,
      glass.reviewedActor,
      glass.reviewedAt,
      glass.outcome,
      glass.finding,
      glass.mac,
      was,
    ],
  );
}

export function selectGlass(tenantId: string, id: string): Statement<GlassRow> {
  return statement(
    'select_break_glass',
    `select ${columns}
       from amanat.break_glass b
      where b.tenant_id = $1::uuid and b.id = $2::uuid`,
    [tenantId, id],
  );
}

/** Newest first. */
export function listGlass(tenantId: string, beforeId: string | undefined, limit: number): Statement<GlassRow> {
  return statement(
    'list_break_glass',
    `select ${columns}
       from amanat.break_glass b
      where b.tenant_id = $1::uuid and ($2::uuid is null or b.id < $2::uuid)
      order by b.id desc
      limit $3::integer`,
    [tenantId, beforeId ?? null, limit],
  );
}

/** Of one person, whose time is not over, by whom it may be read: the newest first. */
export function selectOpenGlass(
  tenantId: string,
  customerId: string,
  { clientId, actor }: { readonly clientId: string | undefined; readonly actor: string | undefined },
  now: Date,
): Statement<GlassRow> {
  return statement(
    'select_open_break_glass',
    `select ${columns}
       from amanat.break_glass b
      where b.tenant_id = $1::uuid and b.customer_id = $2::uuid and b.closes_at > $5::timestamptz
        and ($3::uuid is null or b.opened_by = $3::uuid) and ($4::text is null or b.opened_actor = $4::text)
      order by b.id desc
      limit 20`,
    [tenantId, customerId, clientId ?? null, actor ?? null, now],
  );
}

/** How many that day of Tehran has had, of the whole shop. */
export function countGlassOf(tenantId: string, day: string): Statement<{ readonly count: number }> {
  return statement(
    'count_break_glass_of_day',
    `select count(*)::integer as count
       from amanat.break_glass b
      where b.tenant_id = $1::uuid and b.day = $2::date`,
    [tenantId, day],
  );
}

/** Those whose later review was not made in time, and of which nobody was told yet. */
export function selectOverdueGlass(tenantId: string, now: Date, limit: number): Statement<DueRow> {
  return statement(
    'select_overdue_break_glass',
    `select b.id as "objectId", null::uuid as "legalOrderId", b.review_due as "dueAt"
       from amanat.break_glass b
      where b.tenant_id = $1::uuid and b.review_due <= $2::timestamptz and b.reviewed_at is null
        and not exists (
          select 1 from amanat.events e
           where e.tenant_id = $1::uuid and e.kind = 'break_glass.overdue' and e.object_id = b.id
             and e.due_at = b.review_due)
      order by b.review_due
      limit $3::integer`,
    [tenantId, now, limit],
  );
}

/** What was said goes when the person goes; that there was an emergency stays. */
export function emptyGlassOf(tenantId: string, customerId: string): Statement {
  return statement(
    'empty_break_glass_of_customer',
    `update amanat.break_glass
        set reason = null, finding = null
      where tenant_id = $1::uuid and customer_id = $2::uuid and (reason is not null or finding is not null)`,
    [tenantId, customerId],
  );
}
