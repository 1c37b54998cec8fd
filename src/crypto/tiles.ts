import { VaultError } from '../errors.ts';
import { nodeHash, type NodeAt } from './merkleTree.ts';

/**
 * How the nodes of a tree are stored (C2SP tlog-tiles, "Merkle Tree"): tile n of level l holds, 32 bytes each, the nodes of level 8l
 * from index 256n on, as many as are complete; nodes of the levels between are made of those below when they are asked for.
 * Tile n of the leaves' ids holds 16 bytes for each leaf of tile n of level 0.
 */
export interface TileAt {
  readonly level: number;
  readonly tile: number;
}

export const tileWidth = 256;
export const hashBytes = 32;
export const idBytes = 16;
const levelsOfTile = 8;

/** The tile that a node is stored in, or made from. */
export function tileOf({ level, index }: NodeAt): TileAt {
  const within = level % levelsOfTile;
  return { level: (level - within) / levelsOfTile, tile: Math.floor((index * 2 ** within) / tileWidth) };
}

/** Where a node is kept by itself: undefined for the nodes between, which are not. */
export function entryOf({ level, index }: NodeAt): (TileAt & { readonly at: number }) | undefined {
  if (level % levelsOfTile !== 0) return undefined;
  return { level: level / levelsOfTile, tile: Math.floor(index / tileWidth), at: index % tileWidth };
}

/** A node's hash, made from its tile. Throws `integrity_failure` when the tile does not reach so far. */
export function nodeIn(entries: Buffer, { level, index }: NodeAt): Buffer {
  const within = level % levelsOfTile;
  const width = 2 ** within;
  const from = (index * width) % tileWidth;
  if (entries.length < (from + width) * hashBytes) throw new VaultError('integrity_failure');
  return rootOf(entries, from, width);
}

function rootOf(entries: Buffer, from: number, width: number): Buffer {
  if (width === 1) return entries.subarray(from * hashBytes, (from + 1) * hashBytes);
  const half = width / 2;
  return nodeHash(rootOf(entries, from, half), rootOf(entries, from + half, half));
}

/** Which entry of a tile this is; undefined when none. `entries` are of the length of `entry`. */
export function placeOf(entries: Buffer, entry: Buffer): number | undefined {
  for (let at = entries.indexOf(entry); at >= 0; at = entries.indexOf(entry, at + 1)) {
    if (at % entry.length === 0) return at / entry.length;
  }
  return undefined;
}
