import { originOf } from '../crypto/checkpoint.ts';
import { openExpiry } from '../crypto/expiryNote.ts';
import { rootNodes } from '../crypto/merkleTree.ts';
import { hashBytes } from '../crypto/tiles.ts';
import type { Breach } from './breach.ts';
import { tells, toldOf, untold, type ToldExpiry } from './expiredLeaves.ts';
import { timeOf } from './idTime.ts';
import { checkLeaf, leafIn } from './leafCheck.ts';
import { parseHeader, parseLine, type BundleHeader, type BundleLine, type BundleLook } from './logBundle.ts';
import { checkLog, overdueMs, type LogCheck, type LogTrust } from './logCheck.ts';

/**
 * Does a bundle hold, by the log's public keys alone? Every leaf by itself and at the next index (only its
 * hash where the log signed that its time was over), every checkpoint signed over just
 * the leaves before it, the last one over all of them, and the log begins with the checkpoint held. In one pass, a line at a time,
 * keeping O(log n) hashes. Lines without their line feeds; `onLine` is told of each.
 */
export async function verifyBundle(
  lines: AsyncIterable<string>,
  trust: LogTrust,
  onLine: (look: BundleLook) => void,
): Promise<BundleLook> {
  const { tenantId } = trust;
  let bundle: Reading | undefined;
  let number = 0;
  const look = (breach: Breach | undefined): BundleLook => ({
    tenantId,
    from: bundle?.header.from ?? 0,
    size: bundle?.log.size() ?? 0,
    leaves: bundle?.leaves ?? 0,
    expired: bundle?.expired ?? 0,
    checkpoints: bundle?.log.verified() ?? 0,
    breach,
  });
  for await (const text of lines) {
    number += 1;
    if (bundle === undefined) {
      const begun = begin(text, trust);
      if ('code' in begun) return look(begun);
      bundle = begun;
    } else {
      const breach = read(bundle, text, trust, number);
      if (breach !== undefined) return look(breach);
    }
    onLine(look(undefined));
  }
  return look(bundle === undefined || !bundle.ended ? truncated(bundle, number) : undefined);
}

interface Reading {
  readonly header: BundleHeader;
  readonly log: LogCheck;
  leaves: number;
  expired: number;
  /** Indexes that an expiry named, of leaves still to come. */
  readonly over: Set<number>;
  /** What leaves still to come have to tell of, by their ids; when the newest leaf so far was made. */
  readonly untold: Map<string, ToldExpiry>;
  newest: number;
  checkpoints: number;
  ended: boolean;
}

function begin(text: string, trust: LogTrust): Reading | Breach {
  const header = parseHeader(text);
  if (header === undefined) return { code: 'bundle_malformed', kind: 'line', id: '1' };
  const { origin, from, size, nodes } = header;
  if (origin !== originOf(trust.tenantId)) return { code: 'checkpoint_misplaced', kind: 'line', id: '1' };
  // One of no leaves would have no checkpoint to vouch for it.
  if (from >= size || nodes.length !== rootNodes(from).length)
    return { code: 'bundle_malformed', kind: 'line', id: '1' };
  return {
    header,
    log: checkLog(trust, { size: from, nodes }),
    leaves: 0,
    expired: 0,
    over: new Set(),
    untold: new Map(),
    newest: 0,
    checkpoints: 0,
    ended: false,
  };
}

function read(bundle: Reading, text: string, trust: LogTrust, number: number): Breach | undefined {
  const line = bundle.ended ? undefined : parseLine(text);
  const index = bundle.log.size();
  if (line === undefined) return { code: 'bundle_malformed', kind: 'line', id: String(number), index };
  if (line.kind === 'leaf') return readLeaf(bundle, line, trust.tenantId, index);
  if (line.kind === 'expired') return readExpired(bundle, line, index);
  if (line.kind === 'expiry') return readExpiry(bundle, line, trust, number);
  if (line.kind === 'checkpoint') {
    bundle.checkpoints += 1;
    return bundle.log.checkpoint(line.checkpoint);
  }
  bundle.ended = true;
  const whole =
    line.leaves === bundle.leaves && line.checkpoints === bundle.checkpoints && index === bundle.header.size;
  return whole ? (bundle.log.end() ?? untoldIn(bundle)) : truncated(bundle, number);
}

function readLeaf(
  bundle: Reading,
  { index, leaf, hash }: Extract<BundleLine, { kind: 'leaf' }>,
  tenantId: string,
  expected: number,
): Breach | undefined {
  const checked = checkLeaf(tenantId, leaf, hash);
  const id = leafIn(leaf)?.id ?? '';
  if (index !== expected) return { code: 'leaf_index', kind: 'leaf', id, index: expected };
  if (typeof checked === 'string') return { code: checked, kind: 'leaf', id, index };
  bundle.leaves += 1;
  bundle.newest = Math.max(bundle.newest, checked.at);
  const told = bundle.untold.get(checked.id);
  if (told !== undefined && !tells(checked, told)) return untold(told);
  bundle.untold.delete(checked.id);
  return bundle.log.append(hash);
}

/** Only the hash is left: of a leaf that the log says had its time. */
function readExpired(
  bundle: Reading,
  { index, hash }: Extract<BundleLine, { kind: 'expired' }>,
  expected: number,
): Breach | undefined {
  if (index !== expected) return { code: 'leaf_index', kind: 'leaf', id: '', index: expected };
  if (hash.length !== hashBytes || !bundle.over.delete(index))
    return { code: 'leaf_missing', kind: 'leaf', id: '', index };
  bundle.leaves += 1;
  bundle.expired += 1;
  return bundle.log.append(hash);
}

/** The log's own word, by its signature; the leaf that tells of it comes later, or lies beyond a part of the log. */
function readExpiry(
  bundle: Reading,
  { expiry }: Extract<BundleLine, { kind: 'expiry' }>,
  { tenantId, keys }: LogTrust,
  number: number,
): Breach | undefined {
  const opened = openExpiry(tenantId, expiry, keys);
  const index = bundle.log.size();
  if (opened === undefined) return { code: 'expiry_signature', kind: 'line', id: String(number), index };
  bundle.untold.set(opened.leafId, toldOf(opened));
  for (const one of opened.indexes) if (one >= index) bundle.over.add(one);
  return undefined;
}

/** Where the file goes on well beyond the moment of a leaf, that leaf is in it. */
function untoldIn({ untold: left, newest }: Reading): Breach | undefined {
  const overdue = [...left.values()].find(({ leafId }) => timeOf(leafId) < newest - overdueMs);
  return overdue === undefined ? undefined : untold(overdue);
}

function truncated(bundle: Reading | undefined, number: number): Breach {
  return { code: 'bundle_truncated', kind: 'line', id: String(number), index: bundle?.log.size() ?? 0 };
}
