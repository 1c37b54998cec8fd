import { signCheckpoint } from '../crypto/checkpoint.ts';
import { growTree, rootNodes, type GrowingTree } from '../crypto/merkleTree.ts';
import { entryOf, hashBytes, idBytes, tileWidth } from '../crypto/tiles.ts';
import { commit } from '../db/commit.ts';
import {
  beginTree,
  growIdTiles,
  growTiles,
  insertIdTiles,
  insertTiles,
  keepCheckpoint,
  moveTree,
  takePending,
  type IdTileGrowth,
  type TileGrowth,
} from '../db/auditIntegration.ts';
import { selectPending, selectWaiting, type PendingRow, type TreeHeadRow } from '../db/auditTree.ts';
import { VaultError } from '../errors.ts';
import { load, write } from './act.ts';
import { epochOf, logSigners } from './epochs.ts';
import type { TenantKeys } from './keyring.ts';
import { openLeadership, type Leadership } from './lease.ts';
import { macOf } from './rowMac.ts';
import { readTreeHead, treeNodes } from './tree.ts';
import type { Vault } from './vault.ts';

/** Leaves of one commit: sixteen tiles, some milliseconds of work and of locks. */
const batchSize = 16 * tileWidth;
/** A leader that died is missed for so long. Longer than a batch takes; one that takes longer is undone by its guard. */
const leadMs = 3_000;
const work = 'integration';
/** A checkpoint is signed over every head; one a minute is kept for good. */
const keepEveryMs = 60_000;
const tellEveryMs = 60_000;
const mostTold = 100;

/** Puts leaves that are queued into the trees of their tenants. One at a time: a call during another does nothing. */
export interface Integrator {
  (): Promise<void>;
  /** A last time, and lets another process lead. Never rejects. */
  readonly finish: () => Promise<void>;
}

/**
 * Any number of processes may run it. One leads, for a tenant, so that the work is not done twice; that no index is given twice
 * is the commit's own guard, whoever leads. What a crash leaves behind is a queue.
 */
export function openIntegrator(vault: Vault): Integrator {
  const leadership = openLeadership(vault, work, leadMs);
  const complain = complaints(vault);
  let running: Promise<void> | undefined;
  const integrate = async (): Promise<void> => {
    if (running !== undefined) return;
    running = integrateAll(vault, leadership, complain).finally(() => void (running = undefined));
    await running;
  };
  const finish = async (): Promise<void> => {
    await running?.catch(() => undefined);
    await integrate().catch(() => undefined);
    await leadership.leave();
  };
  return Object.assign(integrate, { finish });
}

/** Tells of what is wrong: each thing once a minute, not at every look. */
type Complain = (what: 'audit_leaf' | 'audit_tree', id: string) => void;

function complaints(vault: Vault): Complain {
  const told = new Map<string, number>();
  return (what, id) => {
    const now = vault.now();
    for (const [key, at] of told) if (now - at >= tellEveryMs) told.delete(key);
    if (told.has(id) || told.size >= mostTold) return;
    told.set(id, now);
    vault.notice('integrity_failure', what);
  };
}

async function integrateAll(vault: Vault, leadership: Leadership, complain: Complain): Promise<void> {
  const tenantIds = vault.watch.tenants();
  const [waiting] = await commit(vault.db, { tenantIds }, [selectWaiting(tenantIds, work, leadership.asked())]);
  for (const { tenantId } of waiting) {
    // A tenant whose tree is in trouble leaves the others theirs.
    await integrateTenant(vault, leadership, complain, tenantId).catch((error: unknown) => {
      if (error instanceof VaultError && error.code === 'integrity_failure') complain('audit_tree', tenantId);
    });
  }
}

async function integrateTenant(
  vault: Vault,
  leadership: Leadership,
  complain: Complain,
  tenantId: string,
): Promise<void> {
  const keys = await vault.keyring.tenant(tenantId);
  let after: string | undefined;
  while (await leadership.leads(tenantId)) {
    const [page] = await load(vault, tenantId, [selectPending(tenantId, after, batchSize)]);
    const leaves = page.flatMap((row) => presentIn(complain, row));
    if (leaves.length > 0) await integrateLeaves(vault, keys, leaves);
    after = page.at(-1)?.id;
    if (page.length < batchSize) return;
  }
}

interface QueuedLeaf {
  readonly id: string;
  readonly hash: Buffer;
}

/**
 * A leaf that was queued and is gone cannot be integrated; it stays in the queue, whose age tells. The hash that stands beside
 * a leaf is the one that its answer carried: where the two differ the tree holds to that, and the leaf is found out.
 */
function presentIn(complain: Complain, { id, leafHash: hash, isWhole }: PendingRow): readonly QueuedLeaf[] {
  if (isWhole !== true) complain('audit_leaf', id);
  return hash === null || hash.length !== hashBytes ? [] : [{ id, hash }];
}

/** One commit: on the head as it stands now. Throws `integrity_failure` where the tiles do not give the head's root. */
async function integrateLeaves(vault: Vault, keys: TenantKeys, leaves: readonly QueuedLeaf[]): Promise<void> {
  const { tenantId } = keys;
  const standing = await readTreeHead(vault, keys);
  const from = standing?.size ?? 0;
  const tree = growTree(from, await treeNodes(vault, tenantId)(rootNodes(from)));
  if (standing !== undefined && !tree.head().root.equals(standing.root)) throw new VaultError('integrity_failure');
  const tiles = append(tree, from, leaves);
  const idTiles = idTilesOf(from, leaves);
  const head = headOver(vault, keys, tree, standing, await epochOf(vault, keys));
  await write(vault, tenantId, [
    from === 0 ? beginTree(tenantId, head) : moveTree(tenantId, head, from),
    takePending(
      tenantId,
      leaves.map(({ id }) => id),
    ),
    ...(head.keptAt === head.integratedAt ? [keepCheckpoint(tenantId, head)] : []),
    insertTiles(tenantId, tiles.filter(isNew)),
    growTiles(tenantId, tiles.filter(isOld)),
    insertIdTiles(tenantId, idTiles.filter(isNew)),
    growIdTiles(tenantId, idTiles.filter(isOld)),
  ]);
}

const isNew = ({ had }: { readonly had: number }): boolean => had === 0;
const isOld = ({ had }: { readonly had: number }): boolean => had > 0;

/** Appends the leaves; what each tile grows by, of every level that grows. */
function append(tree: GrowingTree, from: number, leaves: readonly QueuedLeaf[]): readonly TileGrowth[] {
  const grown = new Map<string, { level: number; tile: number; had: number; hashes: Buffer[] }>();
  for (const { hash } of leaves) {
    tree.append(hash, (node, made) => {
      const entry = entryOf(node);
      if (entry === undefined) return;
      const { level, tile, at } = entry;
      const key = `${level}/${tile}`;
      const growth = grown.get(key) ?? { level, tile, had: at * hashBytes, hashes: [] };
      growth.hashes.push(made);
      grown.set(key, growth);
    });
  }
  if (tree.head().size !== from + leaves.length) throw new VaultError('internal');
  return [...grown.values()].map(({ hashes, ...growth }) => ({ ...growth, entries: Buffer.concat(hashes) }));
}

function idTilesOf(from: number, leaves: readonly QueuedLeaf[]): readonly IdTileGrowth[] {
  const grown: IdTileGrowth[] = [];
  for (let index = from; index < from + leaves.length;) {
    const tile = Math.floor(index / tileWidth);
    const ids = leaves.slice(index - from, (tile + 1) * tileWidth - from).map(({ id }) => id);
    const sorted = ids.toSorted();
    grown.push({
      tile,
      entries: Buffer.from(ids.join('').replaceAll('-', ''), 'hex'),
      had: (index % tileWidth) * idBytes,
      minId: sorted[0] ?? '',
      maxId: sorted.at(-1) ?? '',
    });
    index += ids.length;
  }
  return grown;
}

/** A checkpoint leaves the process only behind the commit of its head: of two that are made for one size, one is ever seen. */
function headOver(
  vault: Vault,
  keys: TenantKeys,
  tree: GrowingTree,
  standing: TreeHeadRow | undefined,
  epoch: number,
): TreeHeadRow {
  const { size, root } = tree.head();
  const integratedAt = new Date(vault.now());
  const isDue = standing === undefined || integratedAt.getTime() - standing.keptAt.getTime() >= keepEveryMs;
  return {
    size,
    root,
    mac: macOf(keys, 'audit_heads', { size, root }),
    checkpoint: signCheckpoint({ size, root }, ...logSigners(vault.keys, keys.tenantId, epoch)),
    integratedAt,
    keptAt: isDue ? integratedAt : standing.keptAt,
  };
}
