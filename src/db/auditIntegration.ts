import type { TileRow, TreeHeadRow } from './auditTree.ts';
import { statement, type Statement } from './statement.ts';

/** What is added to one tile: behind the `had` bytes that it has. */
export interface TileGrowth extends TileRow {
  readonly had: number;
}
export interface IdTileGrowth {
  readonly tile: number;
  readonly entries: Buffer;
  readonly had: number;
  readonly minId: string;
  readonly maxId: string;
}

/**
 * What follows is one commit: the leaves leave the queue, their tiles are written, the head moves. Each statement demands, with
 * `conflict`, what it stands on: the head at its size, every leaf still queued, every tile as long as it was. So an index is
 * given once, and none is left out.
 */
export function beginTree(tenantId: string, head: TreeHeadRow): Statement {
  return statement(
    'begin_tree',
    `insert into amanat.audit_heads (tenant_id, size, root, checkpoint, integrated_at, kept_at, mac)
     values ($1::uuid, $2::bigint, $3::bytea, $4::text, $5::timestamptz, $6::timestamptz, $7::bytea)`,
    headValues(tenantId, head),
  );
}

/** From the size that it was read with. */
export function moveTree(tenantId: string, head: TreeHeadRow, from: number): Statement {
  return statement(
    'move_tree',
    `with moved as (
       update amanat.audit_heads
          set size = $2::bigint, root = $3::bytea, checkpoint = $4::text, integrated_at = $5::timestamptz,
              kept_at = $6::timestamptz, mac = $7::bytea
        where tenant_id = $1::uuid and size = $8::bigint
       returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from moved`,
    [...headValues(tenantId, head), from],
  );
}

function headValues(tenantId: string, head: TreeHeadRow): readonly unknown[] {
  return [tenantId, head.size, head.root, head.checkpoint, head.integratedAt, head.keptAt, head.mac];
}

export function takePending(tenantId: string, ids: readonly string[]): Statement {
  return statement(
    'take_pending',
    `with taken as (
       delete from amanat.audit_pending p where p.tenant_id = $1::uuid and p.id = any ($2::uuid[])
       returning 1
     )
     select amanat.require(count(*) = $3::bigint, 'conflict') from taken`,
    [tenantId, ids, ids.length],
  );
}

export function keepCheckpoint(tenantId: string, { size, checkpoint, integratedAt }: TreeHeadRow): Statement {
  return statement(
    'keep_checkpoint',
    `insert into amanat.audit_checkpoints (tenant_id, size, checkpoint, signed_at)
     values ($1::uuid, $2::bigint, $3::text, $4::timestamptz)`,
    [tenantId, size, checkpoint, integratedAt],
  );
}

export function insertTiles(tenantId: string, tiles: readonly TileGrowth[]): Statement {
  return statement(
    'insert_tiles',
    `insert into amanat.audit_tiles (tenant_id, level, tile, entries)
     select $1::uuid, t.level, t.tile, t.entries
       from unnest($2::smallint[], $3::bigint[], $4::bytea[]) as t (level, tile, entries)`,
    [tenantId, tiles.map((t) => t.level), tiles.map((t) => t.tile), tiles.map((t) => t.entries)],
  );
}

export function growTiles(tenantId: string, tiles: readonly TileGrowth[]): Statement {
  return statement(
    'grow_tiles',
    `with grown as (
       update amanat.audit_tiles a
          set entries = a.entries || t.entries
         from unnest($2::smallint[], $3::bigint[], $4::bytea[], $5::integer[]) as t (level, tile, entries, had)
        where a.tenant_id = $1::uuid and a.level = t.level and a.tile = t.tile and octet_length(a.entries) = t.had
       returning 1
     )
     select amanat.require(count(*) = $6::bigint, 'conflict') from grown`,
    [
      tenantId,
      tiles.map((t) => t.level),
      tiles.map((t) => t.tile),
      tiles.map((t) => t.entries),
      tiles.map((t) => t.had),
      tiles.length,
    ],
  );
}

const idColumns = (tiles: readonly IdTileGrowth[]): readonly unknown[] => [
  tiles.map((t) => t.tile),
  tiles.map((t) => t.entries),
  tiles.map((t) => t.minId),
  tiles.map((t) => t.maxId),
];

export function insertIdTiles(tenantId: string, tiles: readonly IdTileGrowth[]): Statement {
  return statement(
    'insert_id_tiles',
    `insert into amanat.audit_id_tiles (tenant_id, tile, entries, min_id, max_id)
     select $1::uuid, t.tile, t.entries, t.min_id, t.max_id
       from unnest($2::bigint[], $3::bytea[], $4::uuid[], $5::uuid[]) as t (tile, entries, min_id, max_id)`,
    [tenantId, ...idColumns(tiles)],
  );
}

export function growIdTiles(tenantId: string, tiles: readonly IdTileGrowth[]): Statement {
  return statement(
    'grow_id_tiles',
    `with grown as (
       update amanat.audit_id_tiles a
          set entries = a.entries || t.entries,
              min_id = least(a.min_id, t.min_id), max_id = greatest(a.max_id, t.max_id)
         from unnest($2::bigint[], $3::bytea[], $4::uuid[], $5::uuid[], $6::integer[])
              as t (tile, entries, min_id, max_id, had)
        where a.tenant_id = $1::uuid and a.tile = t.tile and octet_length(a.entries) = t.had
       returning 1
     )
     select amanat.require(count(*) = $7::bigint, 'conflict') from grown`,
    [tenantId, ...idColumns(tiles), tiles.map((t) => t.had), tiles.length],
  );
}
