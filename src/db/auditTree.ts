import { statement, type Statement } from './statement.ts';

/** Tenants of these that have leaves to integrate, and nobody else at it. */
export function selectWaiting(
  tenantIds: readonly string[],
  work: string,
  lease: { readonly holder: string; readonly now: Date; readonly believed: Date },
): Statement<{ readonly tenantId: string }> {
  return statement(
    'select_waiting',
    `select t.tenant_id as "tenantId"
       from unnest($1::uuid[]) as t (tenant_id)
      where exists (select 1 from amanat.audit_pending p where p.tenant_id = t.tenant_id)
        and not exists (select 1 from amanat.leases l
                         where l.tenant_id = t.tenant_id and l.work = $2::text and l.holder <> $3::uuid
                           and l.until > $4::timestamptz and l.until <= $5::timestamptz)`,
    [tenantIds, work, lease.holder, lease.now, lease.believed],
  );
}

export interface PendingRow {
  readonly id: string;
  /** Null where a leaf was queued and is not there. */
  readonly leafHash: Buffer | null;
  /** Is that the leaf's hash, as leafHash of crypto/leaf.ts makes it? Computed where the leaves are, so that they stay there. */
  readonly isWhole: boolean | null;
}

/** Queued leaves in the order of their ids. */
export function selectPending(tenantId: string, afterId: string | undefined, limit: number): Statement<PendingRow> {
  return statement(
    'select_pending',
    `with taken as materialized (
       select p.id from amanat.audit_pending p
        where p.tenant_id = $1::uuid and ($2::uuid is null or p.id > $2::uuid)
        order by p.id
        limit $3::integer
     )
     select t.id, l.leaf_hash as "leafHash", sha256('\\x00'::bytea || l.leaf) = l.leaf_hash as "isWhole"
       from taken t
       left join lateral (
         select a.leaf, a.leaf_hash from amanat.audit_leaves a where a.tenant_id = $1::uuid and a.id = t.id limit 1
       ) l on true
      order by t.id`,
    [tenantId, afterId ?? null, limit],
  );
}

export interface TreeHeadRow {
  readonly size: number;
  readonly root: Buffer;
  readonly mac: Buffer;
  /** A signed note. */
  readonly checkpoint: string;
  readonly integratedAt: Date;
  /** When a checkpoint was kept last. */
  readonly keptAt: Date;
}

export function selectTreeHead(tenantId: string): Statement<TreeHeadRow> {
  return statement(
    'select_tree_head',
    `select h.size, h.root, h.mac, h.checkpoint, h.integrated_at as "integratedAt", h.kept_at as "keptAt"
       from amanat.audit_heads h
      where h.tenant_id = $1::uuid`,
    [tenantId],
  );
}

export interface TileRow {
  readonly level: number;
  readonly tile: number;
  readonly entries: Buffer;
}

export function selectTiles(
  tenantId: string,
  tiles: readonly { readonly level: number; readonly tile: number }[],
): Statement<TileRow> {
  return statement(
    'select_tiles',
    `select t.level, t.tile, t.entries
       from unnest($2::smallint[], $3::bigint[]) as k (level, tile)
      cross join lateral (
        select a.level, a.tile, a.entries from amanat.audit_tiles a
         where a.tenant_id = $1::uuid and a.level = k.level and a.tile = k.tile
         limit 1
      ) t`,
    [tenantId, tiles.map(({ level }) => level), tiles.map(({ tile }) => tile)],
  );
}

/** The tile that holds a leaf's id; no row while it is not integrated. */
export function selectTileOfLeaf(
  tenantId: string,
  id: string,
): Statement<{ readonly tile: number; readonly entries: Buffer }> {
  return statement(
    'select_tile_of_leaf',
    `select t.tile, t.entries
       from amanat.audit_id_tiles t
      where t.tenant_id = $1::uuid and t.max_id >= $2::uuid and t.min_id <= $2::uuid
        and position(uuid_send($2::uuid) in t.entries) > 0
      order by t.max_id
      limit 1`,
    [tenantId, id],
  );
}

/** The tile that holds a leaf's hash, among those that hold leaves of its time. */
export function selectTileOfHash(
  tenantId: string,
  hash: Buffer,
  fromId: string,
  toId: string,
): Statement<{ readonly tile: number; readonly entries: Buffer }> {
  return statement(
    'select_tile_of_hash',
    `select h.tile, h.entries
       from amanat.audit_id_tiles t
      cross join lateral (
        select a.tile, a.entries from amanat.audit_tiles a
         where a.tenant_id = $1::uuid and a.level = 0 and a.tile = t.tile
         limit 1
      ) h
      where t.tenant_id = $1::uuid and t.max_id >= $3::uuid and t.min_id <= $4::uuid
        and position($2::bytea in h.entries) > 0
      order by t.max_id
      limit 1`,
    [tenantId, hash, fromId, toId],
  );
}

/** Is there such a leaf, integrated or not? By its id, or by its hash among the queued ones. */
export function selectQueuedLeaf(
  tenantId: string,
  leaf: { readonly id?: string; readonly hash?: Buffer },
): Statement<{ readonly id: string; readonly leafHash: Buffer }> {
  return statement(
    'select_queued_leaf',
    `select p.id, l.leaf_hash as "leafHash"
       from amanat.audit_pending p
      cross join lateral (
        select a.leaf_hash from amanat.audit_leaves a where a.tenant_id = $1::uuid and a.id = p.id limit 1
      ) l
      where p.tenant_id = $1::uuid and ($2::uuid is null or p.id = $2::uuid)
        and ($3::bytea is null or l.leaf_hash = $3::bytea)
      limit 1`,
    [tenantId, leaf.id ?? null, leaf.hash ?? null],
  );
}

export interface TreeProgress {
  /** Leaves in the trees of these tenants. */
  readonly integrated: number;
  /** Queued, counted up to a bound for each tenant. */
  readonly waiting: number;
  /** The oldest that is queued. */
  readonly oldest: string | null;
}

export function selectTreeProgress(tenantIds: readonly string[], most: number): Statement<TreeProgress> {
  return statement(
    'select_tree_progress',
    `select coalesce(sum(h.size), 0)::bigint as integrated, coalesce(sum(w.count), 0)::bigint as waiting,
            min(w.oldest::text) as oldest
       from unnest($1::uuid[]) as t (tenant_id)
       left join amanat.audit_heads h on h.tenant_id = t.tenant_id
      cross join lateral (
        select count(*) as count, (array_agg(q.id order by q.id))[1] as oldest
          from (select p.id from amanat.audit_pending p where p.tenant_id = t.tenant_id order by p.id limit $2::integer) q
      ) w`,
    [tenantIds, most],
  );
}
