import { decodeLeaf, type AuditLeaf } from '../crypto/leaf.ts';
import { openJournal, signJournal, type JournalPiece } from '../crypto/journalNote.ts';
import {
  formerJournalKey,
  journalKey,
  openJournalContent,
  sealJournal,
  type JournalContent,
} from '../crypto/journal.ts';
import type { TreeHead } from '../crypto/merkleTree.ts';
import { tileWidth } from '../crypto/tiles.ts';
import { selectLeavesByIds, selectLeafTiles } from '../db/treeVerification.ts';
import { load } from './act.ts';
import { logKeys, logSigner } from './epochs.ts';
import { isJournaled } from './journalActs.ts';
import { proveConsistency } from './tree.ts';
import { idsOf } from './treeVerification.ts';
import type { Vault } from './vault.ts';
import { WitnessFault, type WitnessedLog } from './witness.ts';

/** Leaves read at once, and acts in one piece: a note holds 64 KiB. */
const pageLeaves = 8 * tileWidth;
const mostActs = 48;
const mostActBytes = 24_000;

export interface IndexedLeaf {
  readonly index: number;
  /** Undefined for one that is gone or cannot be read; `amanat audit verify` names it. */
  readonly leaf: AuditLeaf | undefined;
  readonly bytes: Buffer;
}

/** Leaves of the tree from an index on, in its order: a page of them, none at or after `until`. */
export async function leavesFrom(
  vault: Vault,
  tenantId: string,
  from: number,
  until: number,
): Promise<readonly IndexedLeaf[]> {
  const to = Math.min(until, from + pageLeaves);
  if (to <= from) return [];
  const firstTile = Math.floor(from / tileWidth);
  const tiles = Math.floor((to - 1) / tileWidth) - firstTile + 1;
  const [found] = await load(vault, tenantId, [selectLeafTiles(tenantId, firstTile, tiles)]);
  const start = from - firstTile * tileWidth;
  const ids = found.flatMap((tile) => idsOf(tile.ids)).slice(start, start + to - from);
  const [rows] = await load(vault, tenantId, [selectLeavesByIds(tenantId, ids)]);
  const stored = new Map(rows.map((row) => [row.id, row.leaf]));
  return ids.map((id, i) => ({ index: from + i, ...readable(id, stored.get(id)) }));
}

function readable(id: string, bytes: Buffer | undefined): Omit<IndexedLeaf, 'index'> {
  try {
    const leaf = bytes === undefined ? undefined : decodeLeaf(bytes);
    return { leaf: leaf?.id === id ? leaf : undefined, bytes: bytes ?? Buffer.alloc(0) };
  } catch {
    return { leaf: undefined, bytes: bytes ?? Buffer.alloc(0) };
  }
}

export interface OpenedPiece extends JournalPiece {
  readonly content: JournalContent;
}

/** Pieces are believed by the log's own signature alone. Undefined for anything else. Throws `integrity_failure`. */
export function openPiece(vault: Pick<Vault, 'keys'>, origin: string, note: string): OpenedPiece | undefined {
  const keys = logKeys(vault.keys, origin);
  const piece = openJournal(note, keys);
  const { checkpoint, formerCheckpoint } = vault.keys;
  const key = [...checkpoint, ...formerCheckpoint][keys.findIndex((one) => one === piece?.by)];
  if (piece === undefined || key === undefined) return undefined;
  const own = 'privateKey' in key ? journalKey(key.privateKey) : formerJournalKey(key.journalSecret);
  return { ...piece, content: openJournalContent(own, piece, piece.sealed) };
}

/** The next piece of a log's journal, from where the witness has come; undefined when it has all. */
export async function nextPiece(
  vault: Vault,
  tenantId: string,
  epoch: number,
  head: TreeHead,
  kept: Pick<WitnessedLog, 'head'>,
): Promise<{ readonly note: string; readonly to: number } | undefined> {
  const { installation: by } = vault;
  const signer = logSigner(vault.keys, tenantId, epoch);
  const last = kept.head === undefined ? undefined : openPiece(vault, signer.key.name, kept.head);
  const begun = last?.to ?? 0;
  if (begun > head.size) throw new WitnessFault('stale', begun);
  const leaves = await leavesFrom(vault, tenantId, begun, head.size);
  if (leaves.length === 0) return undefined;
  const tally: Record<string, number> = { ...last?.content.tally };
  const acts: { index: number; leaf: Buffer }[] = [];
  let [to, at, bytes] = [begun, last?.content.at ?? 0, 0];
  for (const { index, leaf, bytes: leafBytes } of leaves) {
    if (acts.length >= mostActs || bytes > mostActBytes) break;
    const action = leaf?.action ?? 'unreadable';
    tally[action] = (tally[action] ?? 0) + 1;
    at = Math.max(at, leaf?.at ?? 0);
    if (leaf !== undefined && isJournaled(leaf)) {
      acts.push({ index, leaf: leafBytes });
      bytes += leafBytes.length;
    }
    to = index + 1;
  }
  const from = last === undefined ? 0 : last.acts > 0 ? last.to : last.from;
  const place = { origin: signer.key.name, from, to };
  const sealed = sealJournal(journalKey(signer.privateKey), place, { ...(by && { by }), at, tally, acts });
  const { root } = to === head.size ? head : (await proveConsistency(vault, tenantId, head, to, head.size)).older;
  return { note: signJournal({ from, to, root, acts: acts.length, sealed }, signer), to };
}
