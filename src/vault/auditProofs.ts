import type { TreeHead } from '../crypto/merkleTree.ts';
import { vkeyOf } from '../crypto/signedNote.ts';
import { placeOf, tileWidth } from '../crypto/tiles.ts';
import {
  selectQueuedLeaf,
  selectTileOfHash,
  selectTileOfLeaf,
  selectTiles,
  type TreeHeadRow,
} from '../db/auditTree.ts';
import { refuse, VaultError } from '../errors.ts';
import { commitAct, load, type Act, type Answer } from './act.ts';
import type { Caller } from './caller.ts';
import { logKeys } from './epochs.ts';
import { firstIdAt } from './ids.ts';
import type { TenantKeys } from './keyring.ts';
import { permit } from './permit.ts';
import { proveConsistency, proveInclusion, readTreeHead, type ProvenInclusion } from './tree.ts';
import type { Vault } from './vault.ts';

/** What signs and signed the checkpoints of the log that this one is of, as text (C2SP signed-note, vkey): the current key first. */
function checkpointKeys(vault: Vault, checkpoint: string): readonly string[] {
  const [origin = ''] = checkpoint.split('\n');
  return logKeys(vault.keys, origin).map(vkeyOf);
}

/** The signed head of the log. Throws `conflict` before there is one. */
export async function readCheckpoint(vault: Vault, caller: Caller, act: Act): Promise<Answer> {
  permit(caller, 'audit.checkpoint');
  const head = await standingHead(vault, caller.tenantId);
  const [origin = ''] = head.checkpoint.split('\n');
  const witnessed = await vault.cosigned(origin);
  const body = {
    ...headView(head),
    checkpoint: head.checkpoint,
    at: head.integratedAt.toISOString(),
    keys: checkpointKeys(vault, head.checkpoint),
    ...(witnessed && { witnessed }),
  };
  return commitAct(vault, caller, act, {}, [], { status: 200, body });
}

/** A leaf by its id, or by its hash and about when it was made. */
export type LeafAsked = { readonly id: string } | { readonly hash: Buffer; readonly at: Date };

/**
 * That a leaf is in the tree of `size` leaves; of all that there are when undefined. Throws `not_found` for no such leaf and
 * `conflict` while it waits for its index, or for a tree that does not reach so far.
 */
export async function readInclusion(
  vault: Vault,
  caller: Caller,
  act: Act,
  asked: LeafAsked,
  size: number | undefined,
): Promise<Answer> {
  permit(caller, 'audit.inclusion');
  const { tenantId } = caller;
  const head = await standingHead(vault, tenantId);
  if (size !== undefined && size > head.size) throw refuse('conflict', '?size', 'beyond_the_tree');
  const leaf = await findLeaf(vault, tenantId, asked);
  if (leaf === undefined) throw await missing(vault, tenantId, asked);
  // Integrated between the two looks.
  if (leaf.index >= head.size) throw waits();
  if (leaf.index >= (size ?? head.size)) throw refuse('conflict', '?size', 'before_the_leaf');
  const proof = await proveInclusion(vault, tenantId, head, leaf, size ?? head.size);
  return commitAct(vault, caller, act, {}, [], { status: 200, body: inclusionView(proof, head) });
}

export async function readConsistency(
  vault: Vault,
  caller: Caller,
  act: Act,
  from: number,
  to: number | undefined,
): Promise<Answer> {
  permit(caller, 'audit.consistency');
  const head = await standingHead(vault, caller.tenantId);
  const until = to ?? head.size;
  if (until > head.size || from > head.size)
    throw refuse('conflict', to === undefined ? '?from' : '?to', 'beyond_the_tree');
  if (from > until) throw refuse('invalid_query', '?from', 'order');
  const { older, newer, path } = await proveConsistency(vault, caller.tenantId, head, from, until);
  const body = {
    from: headView(older),
    to: { ...headView(newer), ...(until === head.size ? { checkpoint: head.checkpoint } : {}) },
    path: path.map(hexOf),
  };
  return commitAct(vault, caller, act, {}, [], { status: 200, body });
}

/** A proof as receipts and certificates carry it; undefined while the leaf has no index yet. Throws `integrity_failure`. */
export async function proofOf(vault: Vault, keys: TenantKeys, asked: LeafAsked) {
  const head = await readTreeHead(vault, keys);
  const leaf = head && (await findLeaf(vault, keys.tenantId, asked));
  if (head === undefined || leaf === undefined || leaf.index >= head.size) return undefined;
  return inclusionView(await proveInclusion(vault, keys.tenantId, head, leaf, head.size), head);
}

async function standingHead(vault: Vault, tenantId: string): Promise<TreeHeadRow> {
  const head = await readTreeHead(vault, await vault.keyring.tenant(tenantId));
  if (head === undefined) throw waits();
  return head;
}

/** A leaf is made before its answer leaves, and hardly longer than a request may take. */
const beforeMs = 60_000;
const afterMs = 10_000;

/** Where a leaf stands in the tree, whatever its size; undefined when it is not in it. */
async function findLeaf(
  vault: Vault,
  tenantId: string,
  asked: LeafAsked,
): Promise<{ readonly index: number; readonly leafHash: Buffer } | undefined> {
  if ('hash' in asked) {
    const span = [asked.at.getTime() - beforeMs, asked.at.getTime() + afterMs].map((ms) => firstIdAt(new Date(ms)));
    const [[found]] = await load(vault, tenantId, [
      selectTileOfHash(tenantId, asked.hash, span[0] ?? '', span[1] ?? ''),
    ]);
    const place = found && placeOf(found.entries, asked.hash);
    return place === undefined ? undefined : { index: found!.tile * tileWidth + place, leafHash: asked.hash };
  }
  const [[found]] = await load(vault, tenantId, [selectTileOfLeaf(tenantId, asked.id)]);
  const place = found && placeOf(found.entries, Buffer.from(asked.id.replaceAll('-', ''), 'hex'));
  if (found === undefined || place === undefined) return undefined;
  const [[hashes]] = await load(vault, tenantId, [selectTiles(tenantId, [{ level: 0, tile: found.tile }])]);
  const leafHash = hashes?.entries.subarray(place * 32, (place + 1) * 32);
  if (leafHash?.length !== 32) throw new VaultError('integrity_failure');
  return { index: found.tile * tileWidth + place, leafHash };
}

async function missing(vault: Vault, tenantId: string, asked: LeafAsked): Promise<VaultError> {
  const [[queued]] = await load(vault, tenantId, [selectQueuedLeaf(tenantId, asked)]);
  return queued === undefined ? new VaultError('not_found') : waits();
}

/** Leaves are integrated within a second. */
function waits(): VaultError {
  return refuse('conflict', '', 'not_integrated');
}

const hexOf = (hash: Buffer): string => hash.toString('hex');

function headView({ size, root }: TreeHead) {
  return { size, rootHash: hexOf(root) };
}

function inclusionView({ leafHash, index, size, path, root }: ProvenInclusion, head: TreeHeadRow) {
  return {
    leafHash: hexOf(leafHash),
    index,
    ...headView({ size, root }),
    path: path.map(hexOf),
    ...(size === head.size ? { checkpoint: head.checkpoint } : {}),
  };
}
