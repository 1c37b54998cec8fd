import type { KeyObject } from 'node:crypto';
import type { TreeHead } from './merkleTree.ts';
import { openNote, signNote, verifierKey, type NoteSigner, type OpenedNote, type VerifierKey } from './signedNote.ts';

/**
 * A log's signed head (C2SP tlog-checkpoint): a signed note whose text is three lines, each ending in a line feed. The
 * key's name is the origin.
 *
 * | line   | what                                                        |
 * | ------ | ----------------------------------------------------------- |
 * | origin | which log: `amanat/` and the tenant's id                    |
 * | size   | number of leaves, decimal, without a zero before it         |
 * | root   | base64 of the 32-byte root of the tree (merkleTree.ts)      |
 *
 * Lines after these (extension lines) are not made here, and a checkpoint that has any is refused: nobody could audit them.
 */
export interface Checkpoint extends TreeHead {
  readonly origin: string;
}

export interface OpenedCheckpoint extends Checkpoint {
  /** Whose signatures verified: the log's, and those of the witnesses among the keys. */
  readonly signatures: OpenedNote['signatures'];
}

const rootLength = 32;

export function originOf(tenantId: string): string {
  return `amanat/${tenantId}`;
}

/** The key that signs the checkpoints of a tenant's log. */
export function checkpointKey(tenantId: string, publicKey: KeyObject): VerifierKey {
  return verifierKey(originOf(tenantId), publicKey);
}

/** The note, signed by the log. */
export function signCheckpoint({ size, root }: TreeHead, signer: NoteSigner): string {
  return signNote(checkpointText({ origin: signer.key.name, size, root }), signer);
}

/** `undefined` unless the note opens under these keys (`openNote`) and its text is a checkpoint's. */
export function openCheckpoint(note: string, keys: readonly VerifierKey[]): OpenedCheckpoint | undefined {
  const opened = openNote(note, keys);
  const checkpoint = opened && parseCheckpointText(opened.text);
  return opened && checkpoint && { ...checkpoint, signatures: opened.signatures };
}

export function checkpointText({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${root.toString('base64')}\n`;
}

/** What a note says, believed by nobody yet: `undefined` for anything that `checkpointText` does not write. */
export function parseCheckpointText(text: string): Checkpoint | undefined {
  const [, origin = '', digits = '', encoded = ''] = /^([^\n]+)\n(0|[1-9][0-9]{0,15})\n([^\n]{44})\n$/.exec(text) ?? [];
  const [size, root] = [Number(digits), Buffer.from(encoded, 'base64')];
  if (origin === '' || !Number.isSafeInteger(size) || root.length !== rootLength) return undefined;
  return root.toString('base64') === encoded ? { origin, size, root } : undefined;
}
