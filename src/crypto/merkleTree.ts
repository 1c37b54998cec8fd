import { VaultError } from '../errors.ts';
import { digestOf } from './digest.ts';

/**
 * Merkle trees (RFC 9162 section 2.1) over SHA-256. A leaf's hash is `leafHash` of leaf.ts; all hashes have 32 bytes.
 *
 * | what            | bytes                                               |
 * | --------------- | --------------------------------------------------- |
 * | leaf hash       | SHA-256(0x00, leaf)                                 |
 * | node hash       | SHA-256(0x01, hash on the left, hash on the right)  |
 * | root of nothing | SHA-256()                                           |
 *
 * Node (level, index) is complete: it stands over the leaves from index x 2^level to (index + 1) x 2^level, and never
 * changes again. A proof is planned first (which complete nodes each of its hashes is made of), and made after one read of
 * those nodes, so that whoever stores them sees every read at once: of n leaves O(log n) of them.
 */
export interface NodeAt {
  readonly level: number;
  readonly index: number;
}

/** For each hash of a proof, in its order, the complete nodes it is made of, from left to right. */
export type ProofPlan = readonly (readonly NodeAt[])[];

/** The hashes of those nodes, in that order. */
export type ReadNodes = (nodes: readonly NodeAt[]) => Promise<readonly Buffer[]>;

const nodePrefix = Buffer.of(1);
const hashLength = 32;
export const rootOfNothing: Buffer = digestOf(Buffer.alloc(0));

export function nodeHash(left: Buffer, right: Buffer): Buffer {
  return digestOf(Buffer.concat([nodePrefix, left, right]));
}

/** The complete nodes that the root of the first `size` leaves is made of. */
export function rootNodes(size: number): readonly NodeAt[] {
  return covering(0, size);
}

/** The hash over neighbouring nodes that `rootNodes` or a plan names; of none, the root of nothing. */
export function foldNodes(hashes: readonly Buffer[]): Buffer {
  const last = hashes.at(-1);
  if (last === undefined) return rootOfNothing;
  return hashes.slice(0, -1).reduceRight((right, left) => nodeHash(left, right), last);
}

/** RFC 9162 section 2.1.3.1. Throws `internal` unless 0 <= index < size. */
export function inclusionPlan(index: number, size: number): ProofPlan {
  if (!isCount(index) || !isCount(size) || index >= size) throw new VaultError('internal');
  const path: (readonly NodeAt[])[] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + largestPowerBelow(end - start);
    if (index < middle) {
      path.push(covering(middle, end));
      end = middle;
    } else {
      path.push(covering(start, middle));
      start = middle;
    }
  }
  return path.toReversed();
}

/** RFC 9162 section 2.1.4.1. Throws `internal` unless 0 < from <= to. */
export function consistencyPlan(from: number, to: number): ProofPlan {
  if (!isCount(from) || !isCount(to) || from === 0 || from > to) throw new VaultError('internal');
  const path: (readonly NodeAt[])[] = [];
  let [start, end] = [0, to];
  while (from !== end) {
    const middle = start + largestPowerBelow(end - start);
    if (from <= middle) {
      path.push(covering(middle, end));
      end = middle;
    } else {
      path.push(covering(start, middle));
      start = middle;
    }
  }
  // The root of the older tree is known to whoever asks; any other node that it ends in is not.
  if (start > 0) path.push(covering(start, end));
  return path.toReversed();
}

/** The hashes of a planned proof. Throws `internal` unless the reader gives one hash for each node. */
export async function makeProof(plan: ProofPlan, read: ReadNodes): Promise<Buffer[]> {
  const nodes = plan.flat();
  const hashes = nodes.length === 0 ? [] : await read(nodes);
  if (hashes.length !== nodes.length) throw new VaultError('internal');
  let taken = 0;
  return plan.map(({ length }) => foldNodes(hashes.slice(taken, (taken += length))));
}

export interface InclusionProof {
  readonly leafHash: Buffer;
  readonly index: number;
  readonly size: number;
  readonly path: readonly Buffer[];
}

/** RFC 9162 section 2.1.3.2: is this the leaf at this index of the tree of this size and root? */
export function verifyInclusion({ leafHash, index, size, path }: InclusionProof, root: Buffer): boolean {
  if (!isCount(index) || !isCount(size) || index >= size || ![leafHash, root, ...path].every(isHash)) return false;
  let [node, last, hash] = [index, size - 1, leafHash];
  for (const sibling of path) {
    if (last === 0) return false;
    if (isOdd(node) || node === last) {
      hash = nodeHash(sibling, hash);
      while (!isOdd(node) && node !== 0) [node, last] = [half(node), half(last)];
    } else {
      hash = nodeHash(hash, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && hash.equals(root);
}

export interface TreeHead {
  readonly size: number;
  readonly root: Buffer;
}

/**
 * RFC 9162 section 2.1.4.2: does the newer tree begin with all that is in the older one? A tree of nothing begins every
 * tree, so its head proves nothing and is refused.
 */
export function verifyConsistency(older: TreeHead, newer: TreeHead, path: readonly Buffer[]): boolean {
  if (!isCount(older.size) || !isCount(newer.size) || older.size === 0 || older.size > newer.size) return false;
  if (older.size === newer.size) return path.length === 0 && older.root.equals(newer.root);
  if (![older.root, newer.root, ...path].every(isHash)) return false;
  let [node, last] = [older.size - 1, newer.size - 1];
  while (isOdd(node)) [node, last] = [half(node), half(last)];
  // The older tree is one complete node: the proof leaves out its root.
  const [first, ...rest] = node === 0 ? [older.root, ...path] : path;
  if (first === undefined) return false;
  let [olderHash, newerHash] = [first, first];
  for (const sibling of rest) {
    if (last === 0) return false;
    if (isOdd(node) || node === last) {
      [olderHash, newerHash] = [nodeHash(sibling, olderHash), nodeHash(sibling, newerHash)];
      while (!isOdd(node) && node !== 0) [node, last] = [half(node), half(last)];
    } else {
      newerHash = nodeHash(newerHash, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && olderHash.equals(older.root) && newerHash.equals(newer.root);
}

/** A tree that is appended to, of which only the nodes of its root are kept. */
export interface GrowingTree {
  /** Tells of the leaf, and of every node that becomes complete by it, from below to above. */
  append(leafHash: Buffer, completed?: (node: NodeAt, hash: Buffer) => void): void;
  head(): TreeHead;
}

/** Goes on from a tree of `size` leaves, given the hashes of `rootNodes(size)`. */
export function growTree(size = 0, hashes: readonly Buffer[] = []): GrowingTree {
  const nodes = rootNodes(size).map(({ level }, i) => ({ level, hash: hashes[i] ?? rootOfNothing }));
  if (hashes.length !== nodes.length) throw new VaultError('internal');
  return {
    append(leafHash, completed) {
      let made = { level: 0, hash: leafHash };
      completed?.({ level: 0, index: size }, leafHash);
      size += 1;
      for (let left = nodes.at(-1); left?.level === made.level; left = nodes.at(-1)) {
        nodes.pop();
        made = { level: made.level + 1, hash: nodeHash(left.hash, made.hash) };
        completed?.({ level: made.level, index: size / 2 ** made.level - 1 }, made.hash);
      }
      nodes.push(made);
    },
    head: () => ({ size, root: foldNodes(nodes.map(({ hash }) => hash)) }),
  };
}

/** The complete nodes over the leaves from `start` to `end`, largest first; `start` is where a subtree of that width begins. */
function covering(start: number, end: number): NodeAt[] {
  const nodes: NodeAt[] = [];
  for (let at = start, width = 1; at < end; at += width) {
    let level = 0;
    width = 1;
    while (at % (2 * width) === 0 && at + 2 * width <= end) [width, level] = [2 * width, level + 1];
    nodes.push({ level, index: at / width });
  }
  return nodes;
}

/** For n > 1 the largest power of two below it: where RFC 9162 section 2.1.1 parts a list. */
function largestPowerBelow(n: number): number {
  let power = 1;
  while (2 * power < n) power *= 2;
  return power;
}

// Sizes may pass 2^32, beyond which bitwise operators cut.
const half = (n: number): number => Math.floor(n / 2);
const isOdd = (n: number): boolean => n % 2 === 1;
const isCount = (n: number): boolean => Number.isSafeInteger(n) && n >= 0;
const isHash = ({ length }: Buffer): boolean => length === hashLength;
