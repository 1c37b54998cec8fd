/** Accounts of whom nobody has heard: who is to be told, and who was told and is still not heard of. */
import type { DueCount, DueRecord } from './retention.ts';
import { statement, type Statement } from './statement.ts';

/** That a person was told, and since when nobody had heard of them then. */
export interface IdleNoticeRow {
  readonly customerId: string;
  readonly idleSince: Date;
  readonly toldAt: Date;
  readonly mac: Buffer;
}

/**
 * When somebody last heard of `c`: the record was stored, corrected or frozen, the person was signed in, ordered, had work opened
 * for them, asked for something, agreed to something. Nothing of the legal desk counts, so that no order shows here.
 */
const heardOf = `greatest(
            c.updated_at,
            c.seen_at,
            (select max(o.created_at) from amanat.orders o where o.tenant_id = $1::uuid and o.customer_id = c.id),
            (select max(g.opened_at) from amanat.grants g
              where g.tenant_id = $1::uuid and g.customer_id = c.id and g.kind <> 'legal_order'),
            (select max(r.asked_at) from amanat.requests r where r.tenant_id = $1::uuid and r.customer_id = c.id),
            (select max(k.created_at) from amanat.consents k where k.tenant_id = $1::uuid and k.customer_id = c.id),
            (select max(a.accepted_at) from amanat.acceptances a
              where a.tenant_id = $1::uuid and a.customer_id = c.id))`;

/** Idle since before $2 ago (now $3), and not told since. What is cheap to ask comes first. */
const untold = `
       from (
         select c.id, c.updated_at, ${heardOf} as since
           from amanat.customers c
          where c.tenant_id = $1::uuid and c.status = 'active' and c.updated_at <= $3::timestamptz - $2::interval
            and (c.seen_at is null or c.seen_at <= $3::timestamptz - $2::interval)
       ) i
       left join amanat.idle_notices n on n.tenant_id = $1::uuid and n.customer_id = i.id
      where i.since <= $3::timestamptz - $2::interval and (n.idle_since is null or n.idle_since < i.since)`;

export interface IdleRow extends DueRecord {
  readonly customerId: string;
  readonly idleSince: Date;
}

export function selectUntoldIdle(tenantId: string, keep: string | null, at: Date, limit: number): Statement<IdleRow> {
  return statement(
    'select_untold_idle',
    `select i.id, i.id as "customerId", i.since as "idleSince"${untold}
      order by i.updated_at, i.id
      limit $4::integer`,
    [tenantId, keep, at, limit],
  );
}

export function countUntoldIdle(tenantId: string, keep: string | null, at: Date): Statement<DueCount> {
  return statement('count_untold_idle', `select count(*)::integer as due, 0 as held${untold}`, [tenantId, keep, at]);
}

/** Told $2 ago (now $3), and not heard of since. */
const unheard = `
       from amanat.idle_notices n
       join amanat.customers c on c.tenant_id = n.tenant_id and c.id = n.customer_id
      where n.tenant_id = $1::uuid and n.told_at <= $3::timestamptz - $2::interval and c.status = 'active'
        and ${heardOf} <= n.idle_since`;

export type UnheardRow = DueRecord & IdleNoticeRow;

export function selectUnheard(tenantId: string, notice: string, at: Date, limit: number): Statement<UnheardRow> {
  return statement(
    'select_unheard',
    `select n.customer_id as id, n.customer_id as "customerId", n.idle_since as "idleSince", n.told_at as "toldAt",
            n.mac${unheard}
      order by n.customer_id
      limit $4::integer`,
    [tenantId, notice, at, limit],
  );
}

export function countUnheard(tenantId: string, notice: string, at: Date): Statement<DueCount> {
  return statement('count_unheard', `select count(*)::integer as due, 0 as held${unheard}`, [tenantId, notice, at]);
}

/** Guarded: conflict when somebody else told one of them, or they are active no more. */
export function insertIdleNotices(tenantId: string, rows: readonly IdleNoticeRow[]): Statement {
  return statement(
    'insert_idle_notices',
    `with told as (
       insert into amanat.idle_notices as n (tenant_id, customer_id, idle_since, told_at, mac)
       select $1::uuid, i.customer_id, i.idle_since, i.told_at, i.mac
         from unnest($2::uuid[], $3::timestamptz[], $4::timestamptz[], $5::bytea[])
              as i (customer_id, idle_since, told_at, mac)
         join amanat.customers c on c.tenant_id = $1::uuid and c.id = i.customer_id and c.status = 'active'
       on conflict (tenant_id, customer_id) do update
          set idle_since = excluded.idle_since, told_at = excluded.told_at, mac = excluded.mac
        where n.idle_since < excluded.idle_since
       returning 1
     )
     select amanat.require(count(*) = cardinality($2::uuid[]), 'conflict') from told`,
    [
      tenantId,
      rows.map((r) => r.customerId),
      rows.map((r) => r.idleSince),
      rows.map((r) => r.toldAt),
      rows.map((r) => r.mac),
    ],
  );
}

/** The person was signed in: written once a day, so that it costs a read nothing and a sign-in next to nothing. */
export function markSeen(tenantId: string, customerId: string, at: Date): Statement {
  return statement(
    'mark_seen',
    `update amanat.customers
        set seen_at = $3::timestamptz
      where tenant_id = $1::uuid and id = $2::uuid
        and (seen_at is null or seen_at < $3::timestamptz - interval '1 day')`,
    [tenantId, customerId, at],
  );
}
