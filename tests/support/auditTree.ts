import { leafHash } from '../../src/crypto/leaf.ts';
import { growTree, type TreeHead } from '../../src/crypto/merkleTree.ts';
import { atDatabase } from './work.ts';
import type { TestVault } from './vault.ts';

/** Puts leaves straight into the tables, queued, as so many commits would have. Their bytes are no leaf's: trees do not look. */
export async function fillLeaves(vault: TestVault, count: number, tenantId = vault.tenantId): Promise<void> {
  await atDatabase(
    vault,
    `with made as (
       select gen_random_uuid() as id, convert_to('made-up leaf ' || n, 'UTF8') as leaf from generate_series(1, $2::integer) n
     ),
     recorded as (
       insert into amanat.audit_leaves (tenant_id, id, leaf, leaf_hash)
       select $1::uuid, m.id, m.leaf, sha256('\\x00'::bytea || m.leaf) from made m
       returning tenant_id, id
     )
     insert into amanat.audit_pending (tenant_id, id) select r.tenant_id, r.id from recorded r`,
    [tenantId, count],
  );
}

export interface StoredTree {
  /** Ids in the order of the tree. */
  readonly ids: readonly string[];
  /** Hashes of the leaves as their bytes stand, in that order. */
  readonly hashes: readonly Buffer[];
  readonly head: TreeHead & { readonly checkpoint: string };
  readonly pending: number;
  /** Leaves in the table. */
  readonly leaves: number;
}

/** The tree as it stands in the tables, read without the service. */
export async function storedTree(vault: TestVault, tenantId = vault.tenantId): Promise<StoredTree> {
  const tiles = await atDatabase<{ entries: Buffer }>(
    vault,
    'select entries from amanat.audit_id_tiles where tenant_id = $1 order by tile',
    [tenantId],
  );
  const hex = Buffer.concat(tiles.map(({ entries }) => entries)).toString('hex');
  const ids = (hex.match(/.{32}/g) ?? []).map((id) => id.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, '$1-$2-$3-$4-$5'));
  const rows = await atDatabase<{ id: string; leaf: Buffer }>(
    vault,
    'select id, leaf from amanat.audit_leaves where tenant_id = $1',
    [tenantId],
  );
  const leaves = new Map(rows.map(({ id, leaf }) => [id, leafHash(leaf)]));
  const [head] = await atDatabase<{ size: string; root: Buffer; checkpoint: string }>(
    vault,
    'select size, root, checkpoint from amanat.audit_heads where tenant_id = $1',
    [tenantId],
  );
  const [queue] = await atDatabase<{ count: string }>(
    vault,
    'select count(*) from amanat.audit_pending where tenant_id = $1',
    [tenantId],
  );
  return {
    ids,
    hashes: ids.map((id) => leaves.get(id) ?? Buffer.alloc(0)),
    head: { size: Number(head?.size ?? 0), root: head?.root ?? Buffer.alloc(0), checkpoint: head?.checkpoint ?? '' },
    pending: Number(queue?.count),
    leaves: rows.length,
  };
}

/** What is wrong with a tree: nothing, when every leaf that is not queued has one index and the root is over just these. */
export function faultsOf({ ids, hashes, head, pending, leaves }: StoredTree): string[] {
  const tree = growTree();
  for (const one of hashes) tree.append(one);
  const { size, root } = tree.head();
  return [
    ...(new Set(ids).size === ids.length ? [] : ['a leaf twice']),
    ...(hashes.every(({ length }) => length === 32) ? [] : ['a leaf that is not there']),
    ...(leaves === ids.length + pending ? [] : ['a leaf left out']),
    ...(size === head.size ? [] : ['another size']),
    ...(size === 0 || root.equals(head.root) ? [] : ['another root']),
  ];
}
