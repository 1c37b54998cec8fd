import { leafHash } from '../../src/crypto/leaf.ts';
import { growTree, type TreeHead } from '../../src/crypto/merkleTree.ts';
import { entryOf, hashBytes, idBytes, tileWidth } from '../../src/crypto/tiles.ts';
import { insertLeaves } from '../../src/db/audit.ts';
import { commit } from '../../src/db/commit.ts';
import { leafOf } from '../../src/vault/audit.ts';
import type { Doer } from '../../src/vault/caller.ts';
import { withClient } from './postgres.ts';
import type { TestVault } from './vault.ts';
import type { Client } from 'pg';

/** What a superuser does to a log, and how it is undone. */

const tables = [
  'audit_leaves',
  'audit_pending',
  'audit_tiles',
  'audit_id_tiles',
  'audit_heads',
  'audit_checkpoints',
  'audit_expiries',
] as const;

/** `look` after a superuser's change behind every guard and trigger, which is then undone. */
export async function afterSpoiling<Found>(
  vault: TestVault,
  spoil: (client: Client) => Promise<unknown>,
  look: () => Promise<Found>,
): Promise<Found> {
  return withClient(vault.db.superuserUrl, async (client) => {
    await client.query('set session_replication_role = replica');
    for (const table of tables) await client.query(`create temporary table kept_${table} as table amanat.${table}`);
    try {
      await spoil(client);
      return await look();
    } finally {
      for (const table of tables) {
        await client.query(`delete from amanat.${table}`);
        await client.query(`insert into amanat.${table} table kept_${table}`);
      }
    }
  });
}

/** Stores so many leaves of reads, as the service would. */
export async function storeReads(vault: TestVault, count: number, clientId: string, subjectId: string): Promise<void> {
  const { vault: open, tenantId } = vault;
  const doer: Doer = { tenantId, clientId, role: 'support', actor: 'staff-1' };
  const leaves = Array.from({ length: count }, (_, i) =>
    leafOf(open, doer, { action: 'customers.read', requestId: `r-${i}` }, { subjectId }),
  );
  await commit(open.db, { tenantIds: [tenantId] }, [insertLeaves(leaves)]);
}

/** Ids of the leaves in the order of the tree. */
export async function orderOf(client: Client, tenantId: string): Promise<string[]> {
  const { rows } = await client.query<{ entries: Buffer }>(
    'select entries from amanat.audit_id_tiles where tenant_id = $1 order by tile',
    [tenantId],
  );
  const bytes = Buffer.concat(rows.map(({ entries }) => entries));
  return Array.from({ length: bytes.length / idBytes }, (_, i) =>
    uuidOf(bytes.subarray(i * idBytes, (i + 1) * idBytes)),
  );
}

const uuidOf = (bytes: Buffer): string =>
  bytes.toString('hex').replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, '$1-$2-$3-$4-$5');

/**
 * What somebody does who knows how a log is made and has no key: in this order, every tile, root and size anew over the leaves as they
 * stand. Checkpoints stay as they are, the head's too unless one is given.
 */
export async function rebuild(
  client: Client,
  tenantId: string,
  ids: readonly string[],
  checkpoint?: (head: TreeHead) => string,
): Promise<void> {
  const { rows } = await client.query<{ id: string; leaf: Buffer }>(
    'select id, leaf from amanat.audit_leaves where tenant_id = $1',
    [tenantId],
  );
  const leaves = new Map(rows.map(({ id, leaf }) => [id, leafHash(leaf)]));
  for (const [id, hash] of leaves)
    await client.query('update amanat.audit_leaves set leaf_hash = $2 where id = $1 and leaf_hash <> $2', [id, hash]);
  const tiles = new Map<string, Buffer[]>();
  const tree = growTree();
  for (const id of ids) {
    tree.append(leaves.get(id) ?? Buffer.alloc(hashBytes), (node, hash) => {
      const entry = entryOf(node);
      if (entry !== undefined) push(tiles, `${entry.level}/${entry.tile}`, hash);
    });
  }
  for (const table of ['audit_tiles', 'audit_id_tiles'])
    await client.query(`delete from amanat.${table} where tenant_id = $1`, [tenantId]);
  for (const [place, hashes] of tiles) {
    const [level, tile] = place.split('/');
    const values = [tenantId, level, tile, Buffer.concat(hashes)];
    await client.query(
      'insert into amanat.audit_tiles (tenant_id, level, tile, entries) values ($1, $2, $3, $4)',
      values,
    );
  }
  for (let at = 0; at < ids.length; at += tileWidth) {
    const named = ids.slice(at, at + tileWidth);
    const sorted = named.toSorted();
    await client.query(
      'insert into amanat.audit_id_tiles (tenant_id, tile, entries, min_id, max_id) values ($1, $2, $3, $4, $5)',
      [tenantId, at / tileWidth, Buffer.from(named.join('').replaceAll('-', ''), 'hex'), sorted[0], sorted.at(-1)],
    );
  }
  const head = tree.head();
  await client.query(
    'update amanat.audit_heads set size = $2, root = $3, checkpoint = coalesce($4, checkpoint) where tenant_id = $1',
    [tenantId, head.size, head.root, checkpoint?.(head) ?? null],
  );
}

function push(tiles: Map<string, Buffer[]>, place: string, hash: Buffer): void {
  tiles.set(place, [...(tiles.get(place) ?? []), hash]);
}
