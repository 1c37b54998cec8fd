import { openCheckpointOf, parseCheckpointText, type OpenedCheckpoint } from '../crypto/checkpoint.ts';
import { growTree, type NodeAt, type TreeHead } from '../crypto/merkleTree.ts';
import { keyThumbprint } from '../crypto/thumbprint.ts';
import type { VerifierKey } from '../crypto/signedNote.ts';
import type { Breach } from './breach.ts';

/** A leaf is made before its commit, and the tree takes the oldest first: none waits so long while later ones are taken. */
export const overdueMs = 300_000;

/** What a log is held against. */
export interface LogTrust {
  readonly tenantId: string;
  /** Of the log: a checkpoint that none of these signed is none. */
  readonly keys: readonly VerifierKey[];
  /** One that was held from before: the log must begin with it. */
  readonly held: OpenedCheckpoint | undefined;
}

/** Leaves in the order of the log, one after the other, and the checkpoints that were signed over them. Keeps O(log n) hashes. */
export interface LogCheck {
  /** A breach where the log forks here from the checkpoint held. */
  append(leafHash: Buffer, completed?: (node: NodeAt, hash: Buffer) => void): Breach | undefined;
  /** A stored checkpoint, of the size that has been reached. That of the head is signed by a key that still signs. */
  checkpoint(note: string, ofHead?: boolean): Breach | undefined;
  /** The end of the log: not before the checkpoint held, and covered by the last signed one. */
  end(): Breach | undefined;
  /** Leaves so far. */
  readonly size: () => number;
  readonly head: () => TreeHead;
  /** Checkpoints that were verified so far. */
  readonly verified: () => number;
}

/** From the beginning, or from where `start` leaves off: the hashes of `rootNodes(size)`, which the first checkpoint vouches for. */
export function checkLog(
  { tenantId, keys, held }: LogTrust,
  start: { readonly size: number; readonly nodes: readonly Buffer[] } = { size: 0, nodes: [] },
): LogCheck {
  const tree = growTree(start.size, start.nodes);
  let { size: appended } = start;
  /** Up to here a signed checkpoint agrees. */
  let signed = start.size;
  let verified = 0;
  const turn = keyTurn(keys);
  // Which leaf of those since the last checkpoint that agrees was changed, the hashes alone cannot say.
  const between = (code: Breach['code'], kind: Breach['kind'], size: number): Breach => ({
    code,
    kind,
    id: String(size),
    from: signed,
    index: Math.max(signed, size - 1),
  });
  const forked = (): Breach | undefined => {
    if (held === undefined) return undefined;
    const { size, root } = tree.head();
    return size === held.size && !root.equals(held.root) ? between('log_forked', 'checkpoint', size) : undefined;
  };
  return {
    append(leafHash, completed) {
      tree.append(leafHash, completed);
      appended += 1;
      return held?.size === appended ? forked() : undefined;
    },
    checkpoint(note, ofHead = false) {
      const { size, root } = tree.head();
      const opened = openCheckpointOf(tenantId, note, keys);
      if (opened === undefined) return { code: unsigned(note), kind: 'checkpoint', id: String(size) };
      if (opened.size !== size) return between('checkpoint_misplaced', 'checkpoint', size);
      if (!opened.root.equals(root)) return between('checkpoint_root', 'checkpoint', size);
      if (!turn.allows(opened, ofHead)) return { code: 'checkpoint_signature', kind: 'checkpoint', id: String(size) };
      signed = size;
      verified += 1;
      return undefined;
    },
    end() {
      const { size } = tree.head();
      if (signed < size) return between('checkpoint_missing', 'checkpoint', size);
      if (held !== undefined && held.size > size)
        return { code: 'log_rolled_back', kind: 'checkpoint', id: String(held.size), index: size };
      return held !== undefined && held.size === start.size ? forked() : undefined;
    },
    size: () => appended,
    head: () => tree.head(),
    verified: () => verified,
  };
}

/**
 * Keys come and go in one direction: while processes get the next one, one after the other, each of them signs with what it has, then the
 * newer alone. One that was not there beside a newer one vouches for nothing by itself any more, whoever may have it by then. Newer is
 * what signed for the first time later; of two that did at once, what comes first in `keys`.
 */
function keyTurn(keys: readonly VerifierKey[]): { allows(opened: OpenedCheckpoint, ofHead: boolean): boolean } {
  const listed = keys.map(({ publicKey }) => keyThumbprint(publicKey));
  /** From the oldest on. */
  const known: string[] = [];
  const ended = new Set<string>();
  return {
    allows({ signatures }, ofHead) {
      const own = signatures.filter(({ key }) => key.kind === 'ed25519').map(({ key }) => key);
      if (ofHead && own.every(({ former }) => former === true)) return false;
      const signers = new Set(own.map(({ publicKey }) => keyThumbprint(publicKey)));
      if ([...signers].every((signer) => ended.has(signer))) return false;
      const fresh = [...signers].filter((signer) => !known.includes(signer));
      known.push(...fresh.sort((x, y) => listed.indexOf(y) - listed.indexOf(x)));
      const newest = known.findLastIndex((key) => signers.has(key));
      for (const key of known.slice(0, newest)) if (!signers.has(key)) ended.add(key);
      return true;
    },
  };
}

function unsigned(note: string): Breach['code'] {
  const cut = note.lastIndexOf('\n\n');
  return cut >= 0 && parseCheckpointText(note.slice(0, cut + 1)) !== undefined
    ? 'checkpoint_signature'
    : 'checkpoint_malformed';
}
