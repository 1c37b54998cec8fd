import {
  consistencyPlan,
  foldNodes,
  inclusionPlan,
  makeProof,
  rootNodes,
  verifyConsistency,
  verifyInclusion,
  type InclusionProof,
  type NodeAt,
  type ReadNodes,
  type TreeHead,
} from '../crypto/merkleTree.ts';
import { nodeIn, tileOf } from '../crypto/tiles.ts';
import { selectTiles, selectTreeHead, selectTreeProgress, type TreeHeadRow } from '../db/auditTree.ts';
import { commit } from '../db/commit.ts';
import { VaultError } from '../errors.ts';
import { load } from './act.ts';
import { timeOf } from './idTime.ts';
import type { TenantKeys } from './keyring.ts';
import { checkMac } from './rowMac.ts';
import type { Vault } from './vault.ts';

/** The tree's head as it stands; undefined before the first leaf is integrated. Throws `integrity_failure`. */
export async function readTreeHead(vault: Vault, keys: TenantKeys): Promise<TreeHeadRow | undefined> {
  const [[row]] = await load(vault, keys.tenantId, [selectTreeHead(keys.tenantId)]);
  if (row !== undefined) checkMac(keys, 'audit_heads', row);
  return row;
}

/** Reads nodes of a tenant's tree from its tiles, all of them in one statement. Throws `integrity_failure` for one that is not there. */
export function treeNodes(vault: Vault, tenantId: string): ReadNodes {
  return async (nodes) => {
    if (nodes.length === 0) return [];
    const wanted = [...new Map(nodes.map(tileOf).map((place) => [keyOf(place), place])).values()];
    const [rows] = await load(vault, tenantId, [selectTiles(tenantId, wanted)]);
    const entries = new Map(rows.map((row) => [keyOf(row), row.entries]));
    return nodes.map((node) => nodeIn(entries.get(keyOf(tileOf(node))) ?? nothing, node));
  };
}

const nothing = Buffer.alloc(0);
const keyOf = ({ level, tile }: { readonly level: number; readonly tile: number }): string => `${level}/${tile}`;

/** A proof that a leaf is in the tree of so many leaves, and that tree's root. */
export interface ProvenInclusion extends InclusionProof {
  readonly root: Buffer;
}

/**
 * Made and then verified against the head, which carries a MAC: tiles that were tampered with make no proof. Throws
 * `integrity_failure`. `index` < `size` <= the head's size.
 */
export async function proveInclusion(
  vault: Vault,
  tenantId: string,
  head: TreeHead,
  leaf: { readonly leafHash: Buffer; readonly index: number },
  size: number,
): Promise<ProvenInclusion> {
  const read = await readOnce(vault, tenantId, [
    ...inclusionPlan(leaf.index, size).flat(),
    ...rootNodes(size),
    ...consistencyPlan(size, head.size).flat(),
  ]);
  const proof = { ...leaf, size, path: await makeProof(inclusionPlan(leaf.index, size), read) };
  const { root } = await oldHead(read, head, size);
  if (!verifyInclusion(proof, root)) throw new VaultError('integrity_failure');
  return { ...proof, root };
}

export interface ProvenConsistency {
  readonly older: TreeHead;
  readonly newer: TreeHead;
  readonly path: readonly Buffer[];
}

/** That the tree of `to` leaves begins with all that is in the tree of `from`. 0 < from <= to <= the head's size. */
export async function proveConsistency(
  vault: Vault,
  tenantId: string,
  head: TreeHead,
  from: number,
  to: number,
): Promise<ProvenConsistency> {
  const read = await readOnce(vault, tenantId, [
    ...consistencyPlan(from, to).flat(),
    ...[from, to].flatMap((size) => [...rootNodes(size), ...consistencyPlan(size, head.size).flat()]),
  ]);
  const path = await makeProof(consistencyPlan(from, to), read);
  const [older, newer] = [await oldHead(read, head, from), await oldHead(read, head, to)];
  if (!verifyConsistency(older, newer, path)) throw new VaultError('integrity_failure');
  return { older, newer, path };
}

/** The head that the tree had at a size, proven to be what the head of now begins with. */
async function oldHead(read: ReadNodes, head: TreeHead, size: number): Promise<TreeHead> {
  const older = { size, root: foldNodes(await read(rootNodes(size))) };
  const path = await makeProof(consistencyPlan(size, head.size), read);
  if (!verifyConsistency(older, head, path)) throw new VaultError('integrity_failure');
  return older;
}

/** Everything that several proofs need, by one statement. */
async function readOnce(vault: Vault, tenantId: string, nodes: readonly NodeAt[]): Promise<ReadNodes> {
  const hashes = await treeNodes(vault, tenantId)(nodes);
  const known = new Map(nodes.map(({ level, index }, i) => [`${level}/${index}`, hashes[i] ?? nothing]));
  return (wanted) => Promise.resolve(wanted.map(({ level, index }) => known.get(`${level}/${index}`) ?? nothing));
}

/**
 * Hashes of leaves of one tile as the head has them, in that order: every entry of the tile goes into the proof of the first one, so
 * that proves all of them. Throws `integrity_failure`. Each of `indexes` < the head's size.
 */
export async function provenHashes(
  vault: Vault,
  tenantId: string,
  head: TreeHead,
  indexes: readonly number[],
): Promise<readonly Buffer[]> {
  const nodes = indexes.map((index) => ({ level: 0, index }));
  const [first] = indexes;
  if (first === undefined) return [];
  const { size, root } = head;
  const read = await readOnce(vault, tenantId, [...nodes, ...inclusionPlan(first, size).flat()]);
  const hashes = await read(nodes);
  const path = await makeProof(inclusionPlan(first, size), read);
  if (!verifyInclusion({ leafHash: hashes[0] ?? nothing, index: first, size, path }, root))
    throw new VaultError('integrity_failure');
  return hashes;
}

/** Waiting leaves are counted up to here. */
const mostCounted = 100_000;

/** How far the trees of all tenants have come, and how long the oldest leaf has waited. */
export async function treeProgress(
  vault: Vault,
): Promise<{ readonly integrated: number; readonly waiting: number; readonly waitingMs: number }> {
  const tenantIds = vault.watch.tenants();
  const [[row]] = await commit(vault.db, { tenantIds }, [selectTreeProgress(tenantIds, mostCounted)]);
  if (row === undefined) throw new VaultError('internal');
  const { integrated, waiting, oldest } = row;
  return { integrated, waiting, waitingMs: oldest === null ? 0 : Math.max(0, vault.now() - timeOf(oldest)) };
}
