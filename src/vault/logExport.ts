import { originOf } from '../crypto/checkpoint.ts';
import { expiryIn } from '../crypto/expiryNote.ts';
import { rootNodes } from '../crypto/merkleTree.ts';
import { hashBytes, nodeIn, tileOf, tileWidth } from '../crypto/tiles.ts';
import { selectExpiries, type ExpiryRow } from '../db/auditExpiry.ts';
import { selectTiles } from '../db/auditTree.ts';
import { commit } from '../db/commit.ts';
import type { Database } from '../db/database.ts';
import type { Statement } from '../db/statement.ts';
import {
  selectCheckpoints,
  selectLeafTiles,
  selectLeavesByIds,
  selectTreeExtent,
  type KeptCheckpoint,
} from '../db/treeVerification.ts';
import { VaultError } from '../errors.ts';
import type { Breach } from './breach.ts';
import { checkpointLine, endLine, expiredLine, expiryLine, headerLine, leafLine } from './logBundle.ts';
import { idsOf } from './treeVerification.ts';

export interface ExportedLog {
  readonly tenantId: string;
  readonly from: number;
  readonly size: number;
  readonly leaves: number;
  readonly checkpoints: number;
  /** A leaf that the tree names is not there: what was written so far is no bundle. */
  readonly breach: Breach | undefined;
}

/** Which leaves: from an index on, until the first kept checkpoint of at least so many leaves. */
export interface LogPart {
  readonly from: number;
  readonly until: number | undefined;
}

const tilesAtOnce = 2;

/**
 * Writes a tenant's log as a bundle, line by line, as it stands: what is wrong with a leaf, whoever verifies the bundle is told.
 * Throws `invalid_query` where there is no such part of it, and `integrity_failure` where the tree does not have the part before.
 */
export async function exportLog(
  db: Database,
  tenantId: string,
  { from, until }: LogPart,
  write: (lines: string) => Promise<void>,
  onProgress: (share: number, count: number) => void,
): Promise<ExportedLog> {
  const ask = async <Row>(statement: Statement<Row>) => (await commit(db, { tenantIds: [tenantId] }, [statement]))[0];
  const last = await lastCheckpoint(ask, tenantId, until);
  if (last === undefined || from >= last.size) throw new VaultError('invalid_query');
  const { size } = last;
  await write(headerLine({ origin: originOf(tenantId), from, size, nodes: await nodesBefore(ask, tenantId, from) }));
  const counted = { leaves: 0, checkpoints: 0 };
  const told: Told = { untilIndex: 0 };
  const done = (breach?: Breach): ExportedLog => ({ tenantId, from, size, ...counted, breach });
  for (let tile = Math.floor(from / tileWidth); tile * tileWidth < size; tile += tilesAtOnce) {
    const begin = Math.max(from, tile * tileWidth);
    const end = Math.min(size, (tile + tilesAtOnce) * tileWidth);
    const tiles = await ask(selectLeafTiles(tenantId, tile, tilesAtOnce));
    const ids = tiles.flatMap((one) => idsOf(one.ids)).slice(begin - tile * tileWidth, end - tile * tileWidth);
    const rows = await ask(selectLeavesByIds(tenantId, ids));
    const kept = await ask(selectCheckpoints(tenantId, begin, end, tilesAtOnce * tileWidth));
    const leaves = new Map(rows.map((row) => [row.id, row]));
    const hashes = Buffer.concat(tiles.map((one) => one.hashes ?? Buffer.alloc(0)));
    const over = rows.length === ids.length ? [] : await ask(selectExpiries(tenantId, begin, end));
    const lines: string[] = [];
    for (let index = begin; index < end; index += 1) {
      const id = ids[index - begin] ?? '';
      const row = leaves.get(id);
      const at = (index - tile * tileWidth) * hashBytes;
      const gone = row === undefined ? expiredLines(over, index, hashes.subarray(at, at + hashBytes), told) : [];
      if (gone === undefined) return done({ code: 'leaf_missing', kind: 'leaf', id, index });
      lines.push(...(row === undefined ? gone : [leafLine(index, row.leaf, row.leafHash)]));
      counted.leaves += 1;
      const due = kept.find((one) => one.size === index + 1) ?? (last.size === index + 1 ? last : undefined);
      if (due === undefined) continue;
      lines.push(checkpointLine(due.checkpoint));
      counted.checkpoints += 1;
    }
    await write(lines.join(''));
    onProgress((end - from) / (size - from), counted.leaves);
  }
  await write(endLine(counted.leaves, counted.checkpoints));
  return done();
}

/** Up to where the expiries that were written reach. */
interface Told {
  untilIndex: number;
}

/** Of a leaf whose time was over the hash, behind what the log says of it; undefined where it says nothing. */
function expiredLines(
  over: readonly ExpiryRow[],
  index: number,
  hash: Buffer,
  told: Told,
): readonly string[] | undefined {
  const row = over.find(({ fromIndex, untilIndex }) => fromIndex <= index && index < untilIndex);
  if (row === undefined || expiryIn(row.note)?.indexes.includes(index) !== true) return undefined;
  const first = row.fromIndex >= told.untilIndex;
  told.untilIndex = row.untilIndex;
  return [...(first ? [expiryLine(row.note)] : []), expiredLine(index, hash)];
}

type Ask = <Row>(statement: Statement<Row>) => Promise<readonly Row[]>;

/** The newest, or the first kept one of at least so many leaves. */
async function lastCheckpoint(
  ask: Ask,
  tenantId: string,
  until: number | undefined,
): Promise<KeptCheckpoint | undefined> {
  const [extent] = await ask(selectTreeExtent(tenantId));
  const { size = null, checkpoint = null } = extent ?? {};
  if (size === null || checkpoint === null || (until ?? 1) < 1 || (until ?? 1) > size) return undefined;
  const [kept] = until === undefined ? [] : await ask(selectCheckpoints(tenantId, until - 1, size, 1));
  return kept ?? { size, checkpoint };
}

/** The hashes that stand for all the leaves before the first one. */
async function nodesBefore(ask: Ask, tenantId: string, from: number): Promise<readonly Buffer[]> {
  const nodes = rootNodes(from);
  const rows = await ask(selectTiles(tenantId, nodes.map(tileOf)));
  return nodes.map((node) => {
    const { level, tile } = tileOf(node);
    const entries = rows.find((row) => row.level === level && row.tile === tile)?.entries;
    return nodeIn(entries ?? Buffer.alloc(0), node);
  });
}
