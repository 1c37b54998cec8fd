import { hash } from 'node:crypto';
import { check, integer, property } from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  consistencyPlan,
  foldNodes,
  growTree,
  inclusionPlan,
  makeProof,
  nodeHash,
  rootNodes,
  verifyConsistency,
  verifyInclusion,
  type NodeAt,
} from '../../../src/crypto/merkleTree.ts';
import { bitFlips } from './tampering.ts';

const sha256 = (...parts: readonly Buffer[]): Buffer => hash('sha256', Buffer.concat(parts), 'buffer');
const leafOf = (n: number): Buffer => sha256(Buffer.of(0), Buffer.from(`leaf ${n}`));
const leaves = (size: number): Buffer[] => Array.from({ length: size }, (_, i) => leafOf(i));

/** The definitions of RFC 9162 section 2.1 as they stand there: recursive, over lists. */
function split(list: readonly Buffer[]): [Buffer[], Buffer[]] {
  const k = 2 ** (Math.ceil(Math.log2(list.length)) - 1);
  return [list.slice(0, k), list.slice(k)];
}
function naiveRoot(list: readonly Buffer[]): Buffer {
  if (list.length === 0) return sha256();
  if (list.length === 1) return list[0]!;
  const [left, right] = split(list);
  return sha256(Buffer.of(1), naiveRoot(left), naiveRoot(right));
}
function naivePath(m: number, list: readonly Buffer[]): Buffer[] {
  if (list.length === 1) return [];
  const [left, right] = split(list);
  return m < left.length
    ? [...naivePath(m, left), naiveRoot(right)]
    : [...naivePath(m - left.length, right), naiveRoot(left)];
}
function naiveConsistency(m: number, list: readonly Buffer[], whole = true): Buffer[] {
  if (m === list.length) return whole ? [] : [naiveRoot(list)];
  const [left, right] = split(list);
  return m <= left.length
    ? [...naiveConsistency(m, left, whole), naiveRoot(right)]
    : [...naiveConsistency(m - left.length, right, false), naiveRoot(left)];
}

/** A store of complete nodes that counts what it is asked. */
function store(list: readonly Buffer[]) {
  const nodes = new Map<string, Buffer>();
  const key = ({ level, index }: NodeAt): string => `${level}/${index}`;
  const tree = growTree();
  for (const leaf of list) tree.append(leaf, (node, made) => nodes.set(key(node), made));
  const asked: NodeAt[][] = [];
  const at = (node: NodeAt): Buffer => nodes.get(key(node)) ?? expect.fail(`${key(node)} is not complete`);
  return {
    tree,
    asked,
    at,
    read: (wanted: readonly NodeAt[]): Promise<Buffer[]> => {
      asked.push([...wanted]);
      return Promise.resolve(wanted.map(at));
    },
  };
}

const largest = 48;
const all = leaves(largest);
const full = store(all);

describe('the tree', () => {
  test('has the root of the naive tree at each size, grown leaf by leaf and from its nodes', () => {
    const growing = growTree();
    for (let size = 0; size <= largest; size++) {
      const root = naiveRoot(all.slice(0, size));
      expect(growing.head()).toEqual({ size, root });
      expect(foldNodes(rootNodes(size).map(full.at))).toEqual(root);
      const resumed = growTree(size, rootNodes(size).map(full.at));
      for (const leaf of all.slice(size)) resumed.append(leaf);
      expect(resumed.head()).toEqual(full.tree.head());
      if (size < largest) growing.append(all[size]!);
    }
    expect(growTree().head().root.toString('hex')).toBe(
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    );
    expect(() => growTree(3, [all[0]!])).toThrow('internal');
  });

  test('proves each leaf in each tree as the definition does', async () => {
    for (let size = 1; size <= largest; size++) {
      const root = naiveRoot(all.slice(0, size));
      for (let index = 0; index < size; index++) {
        const path = await makeProof(inclusionPlan(index, size), full.read);
        expect(path).toEqual(naivePath(index, all.slice(0, size)));
        expect(verifyInclusion({ leafHash: all[index]!, index, size, path }, root)).toBe(true);
      }
    }
  });

  test('proves each tree to begin each later one as the definition does', async () => {
    for (let to = 1; to <= largest; to++) {
      for (let from = 1; from <= to; from++) {
        const path = await makeProof(consistencyPlan(from, to), full.read);
        expect(path).toEqual(naiveConsistency(from, all.slice(0, to)));
        const [older, newer] = [from, to].map((size) => ({ size, root: naiveRoot(all.slice(0, size)) }));
        expect(verifyConsistency(older!, newer!, path)).toBe(true);
      }
    }
  });

  test('refuses any change of a proof: a bit, a hash more or fewer, another place', async () => {
    const [index, size, from] = [21, 43, 22];
    const root = naiveRoot(all.slice(0, size));
    const [older, newer] = [
      { size: from, root: naiveRoot(all.slice(0, from)) },
      { size, root },
    ];
    const inclusion = await makeProof(inclusionPlan(index, size), full.read);
    const consistency = await makeProof(consistencyPlan(from, size), full.read);
    const holds = (path: readonly Buffer[], at = index, of = size, over = root): boolean =>
      verifyInclusion({ leafHash: all[index]!, index: at, size: of, path }, over);
    expect(holds(inclusion) && verifyConsistency(older, newer, consistency)).toBe(true);
    for (const [verify, path] of [
      [holds, inclusion],
      [(changed: readonly Buffer[]) => verifyConsistency(older, newer, changed), consistency],
    ] as const) {
      path.forEach((node, i) => {
        for (const [what, flipped] of bitFlips(node)) expect(verify(path.with(i, flipped)), what).toBe(false);
        expect(verify(path.toSpliced(i, 1))).toBe(false);
        expect(verify(path.toSpliced(i, 0, node))).toBe(false);
        expect(verify(path.with(i, node.subarray(1)))).toBe(false);
      });
      expect(verify([...path, all[0]!])).toBe(false);
      expect(verify([])).toBe(false);
    }
    for (let other = 0; other <= largest; other++) {
      if (other !== index) expect(holds(inclusion, other), `index ${other}`).toBe(false);
      if (other !== from) expect(verifyConsistency({ ...older, size: other }, newer, consistency)).toBe(false);
      // A proof says where a leaf is and not how large the tree: some other sizes part at the same places.
      expect(holds(inclusion, index, other, naiveRoot(all.slice(0, other))), `size ${other}`).toBe(other === size);
    }
    for (const [, flipped] of bitFlips(root)) {
      expect(holds(inclusion, index, size, flipped)).toBe(false);
      expect(verifyConsistency(older, { size, root: flipped }, consistency)).toBe(false);
      expect(verifyConsistency({ size: from, root: flipped }, newer, consistency)).toBe(false);
    }
  });

  test('takes one read of O(log n) nodes a proof, at any size that can be', async () => {
    const sizes = integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
    // Any hash will do for any node: only how many are asked for is looked at.
    const made = async (plan: ReturnType<typeof inclusionPlan>): Promise<number> => {
      let reads = 0;
      let nodes: readonly NodeAt[] = [];
      await makeProof(plan, (wanted) => {
        [reads, nodes] = [reads + 1, wanted];
        return Promise.resolve(wanted.map(() => leafOf(0)));
      });
      expect(reads).toBeLessThanOrEqual(1);
      for (const { level, index } of nodes) expect(Number.isSafeInteger(index) && level <= 53).toBe(true);
      return nodes.length;
    };
    const counted = property(sizes, sizes, (a, b) => {
      const [less, more] = [Math.min(a, b), Math.max(a, b)];
      const bound = 2 * Math.ceil(Math.log2(more + 1));
      expect(inclusionPlan(less - 1, more).flat().length).toBeLessThanOrEqual(bound);
      expect(consistencyPlan(less, more).flat().length).toBeLessThanOrEqual(bound);
    });
    expect(check(counted, { numRuns: 500 }).failed).toBe(false);
    expect(await made(inclusionPlan(2 ** 40 + 5, 2 ** 52 + 3))).toBeLessThan(106);
    expect(await made(consistencyPlan(2 ** 33 + 1, 2 ** 52 + 3))).toBeLessThan(106);
  });

  test('beyond 2^32 leaves verifies what hashing by hand makes', () => {
    // A tree of 2^40 + 1 leaves whose last leaf stands alone at the right.
    const [left, last] = [leafOf(1), leafOf(2)];
    const head = { size: 2 ** 40 + 1, root: nodeHash(left, last) };
    expect(verifyInclusion({ leafHash: last, index: 2 ** 40, size: head.size, path: [left] }, head.root)).toBe(true);
    expect(verifyInclusion({ leafHash: last, index: 2 ** 8, size: head.size, path: [left] }, head.root)).toBe(false);
    expect(verifyConsistency({ size: 2 ** 40, root: left }, head, [last])).toBe(true);
    expect(verifyConsistency({ size: 2 ** 39, root: left }, head, [last])).toBe(false);
  });

  test('makes no proof of what is not there', async () => {
    for (const [index, size] of [
      [0, 0],
      [5, 5],
      [-1, 5],
      [1.5, 5],
      [0, 2 ** 53],
    ] as const)
      expect(() => inclusionPlan(index, size)).toThrow('internal');
    for (const [from, to] of [
      [0, 0],
      [0, 5],
      [6, 5],
      [1.5, 5],
    ] as const)
      expect(() => consistencyPlan(from, to)).toThrow('internal');
    await expect(makeProof(inclusionPlan(1, 5), () => Promise.resolve([]))).rejects.toThrow('internal');
  });
});
