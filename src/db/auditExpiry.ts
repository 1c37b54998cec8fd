/** Leaves of the log that have had their time, in the order of the tree, and the notes of those that went. */
import type { DueCount, DueRecord } from './retention.ts';
import { statement, type Statement } from './statement.ts';

export interface DueLeaf extends DueRecord {
  readonly index: number;
  /** Leaves made before this moment are due: the beginning of a day (UTC). */
  readonly before: Date;
  readonly leaf: Buffer;
}

/**
 * $2 how long leaves are kept, $3 now, $4 actions of which nothing is kept longer. Due are leaves from where the last page ended
 * to before the first that is younger: the tree has them nearly in the order of their ids. Of these go the ones that tell of such
 * an action or of a caller's refusal, and neither bind what was stored nor are of a legal order (src/crypto/leaf.ts: bits 5 and 4
 * of the second byte, bit 0 for a caller, 2 at byte 42 for a refusal).
 */
const bounds = `
  with begun as materialized (
    select coalesce((
      select e.until_index from amanat.audit_expiries e where e.tenant_id = $1::uuid order by e.from_index desc limit 1
    ), 0) as index
  ),
  bound as materialized (
    select d.day as before,
           (lpad(to_hex((extract(epoch from d.day) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid as id
      from (select date_trunc('day', ($3::timestamptz at time zone 'UTC') - $2::interval) at time zone 'UTC' as day) d
  ),
  ending as materialized (
    select coalesce(min(t.tile * 256 + g.n) filter (
             where t.tile * 256 + g.n >= (select b.index from begun b)
               and encode(substring(t.entries from g.n * 16 + 1 for 16), 'hex')::uuid >= (select f.id from bound f)),
             min(t.tile + 1) * 256, 9007199254740991) as index
      from (
        select a.tile, a.entries
          from amanat.audit_id_tiles a
         where a.tenant_id = $1::uuid and a.tile >= (select b.index from begun b) / 256
           and a.max_id >= (select f.id from bound f)
         order by a.tile
         limit 1) t
     cross join lateral generate_series(0, octet_length(t.entries) / 16 - 1) as g (n)
  )`;

/** Tile by tile, so that a page of a long backlog reads no more than it takes. */
const dueLeaves = `
       from amanat.audit_id_tiles t
      cross join lateral generate_series(0, octet_length(t.entries) / 16 - 1) as g (n)
      cross join lateral (
        select l.id, l.leaf
          from amanat.audit_leaves l
         where l.tenant_id = $1::uuid and l.id = encode(substring(t.entries from g.n * 16 + 1 for 16), 'hex')::uuid
           and case when length(l.leaf) > 42 then
                 get_byte(l.leaf, 1) & 48 = 0
                 and ((get_byte(l.leaf, 42) = 2 and get_byte(l.leaf, 1) & 1 = 1)
                      or (get_byte(l.leaf, 42) = 1 and amanat.leaf_action(l.leaf) = any ($4::text[]))) end
         limit 1) d
      where t.tenant_id = $1::uuid and (select f.id from bound f) is not null
        and t.tile >= (select b.index from begun b) / 256 and t.tile <= (select u.index from ending u) / 256
        and t.tile * 256 + g.n >= (select b.index from begun b)
        and t.tile * 256 + g.n < (select u.index from ending u)`;

export function selectDueLeaves(
  tenantId: string,
  keep: string | null,
  actions: readonly string[],
  at: Date,
  limit: number,
): Statement<DueLeaf> {
  return statement(
    'select_due_leaves',
    `${bounds}
     select d.id, null::uuid as "customerId", t.tile * 256 + g.n as index, (select f.before from bound f) as before, d.leaf
       ${dueLeaves}
      order by t.tile, g.n
      limit $5::integer`,
    [tenantId, keep, at, actions, limit],
  );
}

/** A log has millions: no more are counted for a dry run, nor looked at (256 a tile), and it says so. */
const most = { counted: 20_000, tiles: 400 };

/** Those that are there, or so many at least. */
export function countDueLeaves(
  tenantId: string,
  keep: string | null,
  actions: readonly string[],
  at: Date,
  { counted, tiles } = most,
): Statement<DueCount> {
  return statement(
    'count_due_leaves',
    `${bounds}
     select count(*)::integer as due, 0 as held,
            (count(*) = $5::integer or exists (
              select 1
                from amanat.audit_id_tiles t
               where t.tenant_id = $1::uuid and t.tile >= (select b.index from begun b) / 256 + $6::integer
                 and t.tile <= (select u.index - 1 from ending u) / 256 and (select f.id from bound f) is not null)) as "atLeast"
       from (select 1 ${dueLeaves} and t.tile < (select b.index from begun b) / 256 + $6::integer limit $5::integer) d`,
    [tenantId, keep, at, actions, counted, tiles],
  );
}

/** All or none, with `conflict`; the database itself refuses what is young, not in the tree, or binds what was stored. */
export function expireLeaves(tenantId: string, ids: readonly string[], before: Date): Statement {
  return statement('expire_leaves', `select amanat.expire_leaves($1::uuid, $2::uuid[], $3::timestamptz)`, [
    tenantId,
    ids,
    before,
  ]);
}

export interface ExpiryRow {
  /** Of the leaves that went the first, and after the last. */
  readonly fromIndex: number;
  readonly untilIndex: number;
  readonly leafId: string;
  /** A signed note. */
  readonly note: string;
}

export function insertExpiry(tenantId: string, { fromIndex, untilIndex, leafId, note }: ExpiryRow): Statement {
  return statement(
    'insert_expiry',
    `insert into amanat.audit_expiries (tenant_id, from_index, until_index, leaf_id, note)
     values ($1::uuid, $2::bigint, $3::bigint, $4::uuid, $5::text)`,
    [tenantId, fromIndex, untilIndex, leafId, note],
  );
}

/** Notes that may name a leaf from `fromIndex` to before `untilIndex`. */
export function selectExpiries(tenantId: string, fromIndex: number, untilIndex: number): Statement<ExpiryRow> {
  return statement(
    'select_expiries',
    `select e.from_index as "fromIndex", e.until_index as "untilIndex", e.leaf_id as "leafId", e.note
       from amanat.audit_expiries e
      where e.tenant_id = $1::uuid and e.from_index < $3::bigint and e.until_index > $2::bigint
        and e.from_index >= coalesce((
          select p.from_index from amanat.audit_expiries p
           where p.tenant_id = $1::uuid and p.from_index <= $2::bigint
           order by p.from_index desc
           limit 1), 0)
      order by e.from_index`,
    [tenantId, fromIndex, untilIndex],
  );
}
