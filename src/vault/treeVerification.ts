/**
 * Does the tree hold? Every leaf of its tiles is there, once and with its hash, or the log
 * itself says that its time was over; every tile follows from the leaves, head and
 * checkpoints from the tiles, and every checkpoint is signed. One pass in the order of the log, a page of tiles at a time, beside a
 * running service: what is integrated after the pass began is left for the next one.
 */
import { takeUuid } from '../crypto/framing.ts';
import type { NodeAt } from '../crypto/merkleTree.ts';
import { entryOf, hashBytes, idBytes, tileWidth } from '../crypto/tiles.ts';

import { selectTiles } from '../db/auditTree.ts';
import { commit } from '../db/commit.ts';
import type { Database } from '../db/database.ts';
import type { Statement } from '../db/statement.ts';
import {
  selectCheckpoints,
  selectLeafHashes,
  selectLeafTiles,
  selectTreeExtent,
  type KeptCheckpoint,
  type LeafTile,
  type TreeExtent,
} from '../db/treeVerification.ts';
import type { Breach } from './breach.ts';
import { expiredIn, type Ask, type ExpiredLeaves } from './expiredLeaves.ts';
import { timeOf } from './idTime.ts';
import { checkLog, overdueMs, type LogCheck, type LogTrust } from './logCheck.ts';

export interface TreeLook {
  /** Leaves that the tree has, and checkpoints whose signature and root were verified. */
  readonly size: number;
  readonly checkpoints: number;
  /** Of these, leaves whose time was over: their hashes are there, what they said is not. */
  readonly expired: number;
  /** Leaves that wait for it. */
  readonly pending: number;
  readonly breach: Breach | undefined;
}

const tilesAtOnce = 4;

export async function verifyTree(
  db: Database,
  trust: LogTrust,
  onProgress: (share: number, count: number) => void,
): Promise<TreeLook> {
  const { tenantId } = trust;
  const ask: Ask = async <Row>(statement: Statement<Row>) =>
    (await commit(db, { tenantIds: [tenantId] }, [statement]))[0];
  const [extent] = await ask(selectTreeExtent(tenantId));
  if (extent === undefined) throw new Error('a statement of one row gave none');
  const { size, pending } = extent;
  const log = checkLog(trust);
  const walk: Walk = { trust, ask, log, size: size ?? 0, upper: new Map(), expired: 0 };
  const look = (breach: Breach | undefined): TreeLook => ({
    size: log.size(),
    checkpoints: log.verified(),
    expired: walk.expired,
    pending,
    breach,
  });
  const unfit = extentFlaw(tenantId, extent);
  if (unfit !== undefined || size === null) return look(unfit ?? log.end() ?? queueFlaw(extent));
  for (let tile = 0; tile * tileWidth < size; tile += tilesAtOnce) {
    const breach = await verifyTiles(walk, tile);
    if (breach !== undefined) return look(breach);
    onProgress(log.size() / size, log.size());
  }
  return look(headFlaw(tenantId, extent, log) ?? log.end() ?? queueFlaw(extent));
}

interface Walk {
  readonly trust: LogTrust;
  readonly ask: Ask;
  readonly log: LogCheck;
  readonly size: number;
  /** Of each level above the leaves the tile that the walk is in. */
  readonly upper: Map<number, { readonly tile: number; readonly entries: Buffer | undefined }>;
  expired: number;
}

const counted = ({ level, tile, bytes }: TreeExtent['tiles'][number]): number =>
  tile * tileWidth + bytes / (level < 0 ? idBytes : hashBytes);

/** Head, last tiles and newest checkpoint, read together, tell of one size. */
function extentFlaw(tenantId: string, { size, tiles, newestCheckpoint }: TreeExtent): Breach | undefined {
  if (size === null) {
    const nothing = tiles.length === 0 && newestCheckpoint === null;
    return nothing ? undefined : { code: 'head_missing', kind: 'head', id: tenantId, index: 0 };
  }
  for (const level of [-1, 0]) {
    const last = tiles.find((one) => one.level === level);
    const count = last === undefined ? 0 : counted(last);
    if (count !== size) return { code: 'head_size', kind: 'head', id: tenantId, index: Math.min(count, size) };
  }
  for (const last of tiles.filter(({ level }) => level > 0)) {
    const [count, expected] = [counted(last), Math.floor(size / tileWidth ** last.level)];
    const index = Math.min(count, expected) * tileWidth ** last.level;
    if (count !== expected) return { code: 'tile_entries', kind: 'tile', id: `${last.level}/${last.tile}`, index };
  }
  return (newestCheckpoint ?? 0) > size ? { code: 'head_size', kind: 'head', id: tenantId, index: size } : undefined;
}

async function verifyTiles(walk: Walk, first: number): Promise<Breach | undefined> {
  const { trust, ask, log, size } = walk;
  const { tenantId } = trust;
  const begin = first * tileWidth;
  const end = Math.min(size, begin + tilesAtOnce * tileWidth);
  const tiles = await ask(selectLeafTiles(tenantId, first, tilesAtOnce));
  const entries: Entry[] = [];
  for (let at = begin; at < end; at += tileWidth) {
    const tile = tiles.find((one) => one.tile === at / tileWidth);
    const named = entriesOf(tile, at, Math.min(tileWidth, end - at));
    if (!Array.isArray(named)) return named;
    entries.push(...named);
  }
  const rows = await ask(
    selectLeafHashes(
      tenantId,
      entries.map(({ id }) => id),
    ),
  );
  const stored = new Map(rows.map(({ id, leafHash }) => [id, leafHash]));
  const kept = await ask(selectCheckpoints(tenantId, begin, end, entries.length));
  const over = await expiredIn(ask, trust, begin, end, stored.size < entries.length);
  if ('code' in over) return over;
  walk.expired += entries.length - stored.size;
  const completed: { readonly node: NodeAt; readonly hash: Buffer }[] = [];
  const breach = walkEntries(log, entries, { stored, over }, kept, (node, hash) => {
    if (node.level > 0 && entryOf(node) !== undefined) completed.push({ node, hash });
  });
  for (const { node, hash } of completed) {
    const flaw = await upperFlaw(walk, node, hash);
    if (flaw !== undefined) return flaw;
  }
  return breach;
}

interface Entry {
  readonly index: number;
  readonly id: string;
  readonly hash: Buffer;
}

function entriesOf(tile: LeafTile | undefined, index: number, count: number): Entry[] | Breach {
  const id = `0/${index / tileWidth}`;
  const { ids, hashes, minId, maxId } = tile ?? {};
  if (ids === undefined || hashes === undefined || hashes === null)
    return { code: 'tile_missing', kind: 'tile', id, index };
  // One that has grown since may be longer.
  if (ids.length < count * idBytes || hashes.length < count * hashBytes)
    return {
      code: 'tile_entries',
      kind: 'tile',
      id,
      index: index + Math.floor(Math.min(ids.length / idBytes, hashes.length / hashBytes)),
    };
  const named = idsOf(ids);
  const sorted = named.toSorted();
  if (sorted[0] !== minId || sorted.at(-1) !== maxId) return { code: 'tile_bounds', kind: 'tile', id, index };
  return named
    .slice(0, count)
    .map((one, i) => ({ index: index + i, id: one, hash: hashes.subarray(i * hashBytes, (i + 1) * hashBytes) }));
}

function walkEntries(
  log: LogCheck,
  entries: readonly Entry[],
  { stored, over }: { readonly stored: ReadonlyMap<string, Buffer>; readonly over: ExpiredLeaves },
  kept: readonly KeptCheckpoint[],
  completed: (node: NodeAt, hash: Buffer) => void,
): Breach | undefined {
  const hashes = new Set([...stored.values()].map((hash) => hash.toString('hex')));
  const seen = new Set<string>();
  let next = 0;
  for (const { index, id, hash } of entries) {
    const own = stored.get(id);
    const named = { kind: 'leaf', id, index } as const;
    if (seen.has(id)) return { code: 'leaf_twice', ...named };
    if (own === undefined && !(timeOf(id) < (over.before.get(index) ?? 0))) return { code: 'leaf_missing', ...named };
    if (own !== undefined && !own.equals(hash))
      return { code: hashes.has(hash.toString('hex')) ? 'leaf_reordered' : 'leaf_replaced', ...named };
    seen.add(id);
    const forked = log.append(hash, completed);
    if (forked !== undefined) return forked;
    const due = kept[next];
    if (due?.size !== index + 1) continue;
    next += 1;
    const flaw = log.checkpoint(due.checkpoint);
    if (flaw !== undefined) return flaw;
  }
  return undefined;
}

async function upperFlaw({ trust, ask, upper }: Walk, node: NodeAt, hash: Buffer): Promise<Breach | undefined> {
  const { level, tile, at } = entryOf(node) ?? { level: 0, tile: 0, at: 0 };
  if (upper.get(level)?.tile !== tile) {
    const [row] = await ask(selectTiles(trust.tenantId, [{ level, tile }]));
    upper.set(level, { tile, entries: row?.entries });
  }
  const entries = upper.get(level)?.entries;
  const named = { kind: 'tile', id: `${level}/${tile}`, index: node.index * 2 ** node.level } as const;
  if (entries === undefined) return { code: 'tile_missing', ...named };
  // Read after the size was taken, so all that is complete at that size is in it.
  return entries.subarray(at * hashBytes, (at + 1) * hashBytes).equals(hash)
    ? undefined
    : { code: 'tile_entries', ...named };
}

/** Head and last checkpoint against the leaves. */
function headFlaw(tenantId: string, { root, checkpoint }: TreeExtent, log: LogCheck): Breach | undefined {
  const { size, root: computed } = log.head();
  // Signed over other leaves than these: that says more than that the head is of others.
  const signed = log.checkpoint(checkpoint ?? '', true);
  if (signed !== undefined) return signed;
  return root?.equals(computed) === true ? undefined : { code: 'head_root', kind: 'head', id: tenantId, index: size };
}

/** Of what waits for the tree: is it there, and has it not waited too long? */
function queueFlaw({ newestId, oldestPendingId, lostPendingId }: TreeExtent): Breach | undefined {
  if (lostPendingId !== null) return { code: 'leaf_missing', kind: 'leaf', id: lostPendingId };
  if (newestId === null || oldestPendingId === null) return undefined;
  const late = timeOf(oldestPendingId) < timeOf(newestId) - overdueMs;
  return late ? { code: 'leaf_overdue', kind: 'leaf', id: oldestPendingId } : undefined;
}

export function idsOf(entries: Buffer): string[] {
  return Array.from({ length: Math.floor(entries.length / idBytes) }, (_, i) =>
    takeUuid({ bytes: entries, at: i * idBytes }),
  );
}
