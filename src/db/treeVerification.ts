/** What `amanat audit verify` and `amanat audit export` read of the tree, a bounded page at a time. */
import { statement, type Statement } from './statement.ts';

/** How far a tree has come, by its head and by everything else that tells, as of one moment. */
export interface TreeExtent {
  /** Null where there is no head. */
  readonly size: number | null;
  readonly root: Buffer | null;
  readonly checkpoint: string | null;
  /** Of each level the last tile; hashes of leaves are level 0, their ids level -1. */
  readonly tiles: readonly { readonly level: number; readonly tile: number; readonly bytes: number }[];
  readonly newestCheckpoint: number | null;
  readonly newestId: string | null;
  readonly pending: number;
  readonly oldestPendingId: string | null;
  /** A leaf that was queued and is not there. */
  readonly lostPendingId: string | null;
}

export function selectTreeExtent(tenantId: string): Statement<TreeExtent> {
  return statement(
    'select_tree_extent',
    `select h.size as size, h.root, h.checkpoint,
            coalesce((
              select jsonb_agg(jsonb_build_object('level', t.level, 'tile', t.tile, 'bytes', t.bytes))
                from (select distinct on (l.level) l.level, l.tile, octet_length(l.entries) as bytes
                        from amanat.audit_tiles l
                       where l.tenant_id = $1::uuid
                       order by l.level, l.tile desc) t), '[]')
            || coalesce((
              select jsonb_build_array(jsonb_build_object('level', -1, 'tile', i.tile, 'bytes', octet_length(i.entries)))
                from amanat.audit_id_tiles i
               where i.tenant_id = $1::uuid
               order by i.tile desc
               limit 1), '[]') as tiles,
            (select max(c.size) from amanat.audit_checkpoints c where c.tenant_id = $1::uuid) as "newestCheckpoint",
            (select i.max_id from amanat.audit_id_tiles i where i.tenant_id = $1::uuid order by i.tile desc limit 1)
              as "newestId",
            (select count(*)::integer from amanat.audit_pending p where p.tenant_id = $1::uuid) as pending,
            (select p.id from amanat.audit_pending p where p.tenant_id = $1::uuid order by p.id limit 1)
              as "oldestPendingId",
            (select p.id
               from amanat.audit_pending p
              where p.tenant_id = $1::uuid and not exists (
                select 1 from amanat.audit_leaves l where l.tenant_id = $1::uuid and l.id = p.id)
              order by p.id
              limit 1) as "lostPendingId"
       from (values (1)) as one (row)
       left join amanat.audit_heads h on h.tenant_id = $1::uuid`,
    [tenantId],
  );
}

export interface LeafTile {
  readonly tile: number;
  /** Of 16 bytes each. */
  readonly ids: Buffer;
  readonly minId: string;
  readonly maxId: string;
  /** Of 32 bytes each; null where the tile is not there. */
  readonly hashes: Buffer | null;
}

/** Tiles of leaves, from the one named on. */
export function selectLeafTiles(tenantId: string, fromTile: number, limit: number): Statement<LeafTile> {
  return statement(
    'select_leaf_tiles',
    `select i.tile as tile, i.entries as ids, i.min_id as "minId", i.max_id as "maxId", t.entries as hashes
       from amanat.audit_id_tiles i
       left join amanat.audit_tiles t on t.tenant_id = i.tenant_id and t.level = 0 and t.tile = i.tile
      where i.tenant_id = $1::uuid and i.tile >= $2::bigint
      order by i.tile
      limit $3::integer`,
    [tenantId, fromTile, limit],
  );
}

/** The hash that stands beside each of these leaves. */
export function selectLeafHashes(
  tenantId: string,
  ids: readonly string[],
): Statement<{ readonly id: string; readonly leafHash: Buffer }> {
  return statement(
    'select_leaf_hashes',
    `select l.id, l.leaf_hash as "leafHash"
       from amanat.audit_leaves l
      where l.tenant_id = $1::uuid and l.id = any ($2::uuid[])`,
    [tenantId, ids],
  );
}

export function selectLeavesByIds(
  tenantId: string,
  ids: readonly string[],
): Statement<{ readonly id: string; readonly leaf: Buffer; readonly leafHash: Buffer }> {
  return statement(
    'select_leaves_by_ids',
    `select l.id, l.leaf, l.leaf_hash as "leafHash"
       from amanat.audit_leaves l
      where l.tenant_id = $1::uuid and l.id = any ($2::uuid[])`,
    [tenantId, ids],
  );
}

export interface KeptCheckpoint {
  readonly size: number;
  readonly checkpoint: string;
}

/** Kept checkpoints of more than `afterSize` and at most `untilSize` leaves, by size. */
export function selectCheckpoints(
  tenantId: string,
  afterSize: number,
  untilSize: number,
  limit: number,
): Statement<KeptCheckpoint> {
  return statement(
    'select_checkpoints',
    `select c.size as size, c.checkpoint
       from amanat.audit_checkpoints c
      where c.tenant_id = $1::uuid and c.size > $2::bigint and c.size <= $3::bigint
      order by c.size
      limit $4::integer`,
    [tenantId, afterSize, untilSize, limit],
  );
}

/** Which of these leaves wait for the tree. To be read before `selectIdTilesOver`: of what is in neither, there is none by chance. */
export function selectPendingOf(tenantId: string, ids: readonly string[]): Statement<{ readonly id: string }> {
  return statement(
    'select_pending_of',
    `select p.id from amanat.audit_pending p where p.tenant_id = $1::uuid and p.id = any ($2::uuid[])`,
    [tenantId, ids],
  );
}

/** Ids of every tile that may name a leaf between these two. */
export function selectIdTilesOver(
  tenantId: string,
  fromId: string,
  toId: string,
): Statement<{ readonly tile: number; readonly ids: Buffer }> {
  return statement(
    'select_id_tiles_over',
    `select i.tile as tile, i.entries as ids
       from amanat.audit_id_tiles i
      where i.tenant_id = $1::uuid and i.max_id >= $2::uuid and i.min_id <= $3::uuid`,
    [tenantId, fromId, toId],
  );
}
