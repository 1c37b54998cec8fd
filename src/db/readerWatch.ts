import { statement, type Statement } from './statement.ts';

export interface WatchRow {
  /** The last leaf that was looked at. */
  readonly afterId: string;
  readonly mac: Buffer;
}

export function selectReaderWatch(tenantId: string): Statement<WatchRow> {
  return statement(
    'select_reader_watch',
    `select w.after_id as "afterId", w.mac
       from amanat.reader_watch w
      where w.tenant_id = $1::uuid`,
    [tenantId],
  );
}

/** Guarded: conflict unless it stands as it was read; undefined is not there yet. */
export function moveReaderWatch(tenantId: string, row: WatchRow, was: Buffer | undefined): Statement {
  return statement(
    'move_reader_watch',
    `with moved as (
       insert into amanat.reader_watch as w (tenant_id, after_id, mac)
       values ($1::uuid, $2::uuid, $3::bytea)
           on conflict (tenant_id) do update
          set after_id = excluded.after_id, mac = excluded.mac
        where w.mac = $4::bytea
       returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from moved`,
    [tenantId, row.afterId, row.mac, was ?? null],
  );
}

export interface CountKey {
  readonly measure: string;
  readonly readerKind: 'client' | 'person';
  readonly reader: string;
  readonly windowStart: Date;
}

export interface CountRow extends CountKey {
  readonly count: number;
  readonly seen: Buffer;
  readonly mac: Buffer;
}

const columns = `c.measure, c.reader_kind as "readerKind", c.reader, c.window_start as "windowStart", c.count, c.seen, c.mac`;

export function selectCounts(tenantId: string, keys: readonly CountKey[]): Statement<CountRow> {
  return statement(
    'select_reader_counts',
    `select ${columns}
       from unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[]) as k (measure, reader_kind, reader, window_start)
       join amanat.reader_counts c
         on c.tenant_id = $1::uuid and c.measure = k.measure and c.reader_kind = k.reader_kind and c.reader = k.reader
        and c.window_start = k.window_start`,
    [
      tenantId,
      keys.map((k) => k.measure),
      keys.map((k) => k.readerKind),
      keys.map((k) => k.reader),
      keys.map((k) => k.windowStart),
    ],
  );
}

/** As they stand from now on. */
export function putCounts(tenantId: string, rows: readonly CountRow[]): Statement {
  return statement(
    'put_reader_counts',
    `insert into amanat.reader_counts (tenant_id, measure, reader_kind, reader, window_start, count, seen, mac)
     select $1::uuid, n.measure, n.reader_kind, n.reader, n.window_start, n.count, n.seen, n.mac
       from unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::integer[], $7::bytea[], $8::bytea[])
            as n (measure, reader_kind, reader, window_start, count, seen, mac)
         on conflict (tenant_id, measure, reader_kind, reader, window_start) do update
        set count = excluded.count, seen = excluded.seen, mac = excluded.mac`,
    [
      tenantId,
      rows.map((r) => r.measure),
      rows.map((r) => r.readerKind),
      rows.map((r) => r.reader),
      rows.map((r) => r.windowStart),
      rows.map((r) => r.count),
      rows.map((r) => r.seen),
      rows.map((r) => r.mac),
    ],
  );
}

/** Windows of one measure of one reader, from a moment until before another. */
export function selectPastCounts(tenantId: string, key: CountKey, since: Date): Statement<CountRow> {
  return statement(
    'select_past_reader_counts',
    `select ${columns}
       from amanat.reader_counts c
      where c.tenant_id = $1::uuid and c.measure = $2::text and c.reader_kind = $3::text and c.reader = $4::text
        and c.window_start >= $6::timestamptz and c.window_start < $5::timestamptz
      order by c.window_start desc
      limit 1000`,
    [tenantId, key.measure, key.readerKind, key.reader, key.windowStart, since],
  );
}

export function deleteCountsBefore(tenantId: string, before: Date, limit: number): Statement {
  return statement(
    'delete_reader_counts_before',
    `delete from amanat.reader_counts
      where tenant_id = $1::uuid and (measure, reader_kind, reader, window_start) in (
        select c.measure, c.reader_kind, c.reader, c.window_start
          from amanat.reader_counts c
         where c.tenant_id = $1::uuid and c.window_start < $2::timestamptz
         limit $3::integer)`,
    [tenantId, before, limit],
  );
}
