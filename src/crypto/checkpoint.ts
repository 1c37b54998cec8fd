import type { KeyObject } from 'node:crypto';
import type { TreeHead } from './merkleTree.ts';
import {
  openNote,
  signNote,
  signToo,
  verifierKey,
  type NoteSigner,
  type OpenedNote,
  type VerifierKey,
} from './signedNote.ts';

/**
 * A log's signed head (C2SP tlog-checkpoint): a signed note whose text is three lines, each ending in a line feed. The
 * key's name is the origin.
 *
 * | line   | what                                                        |
 * | ------ | ----------------------------------------------------------- |
 * | origin | which log: `amanat/`, the tenant's id, `/2` and so on for its later epochs |
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

/** `epoch`: how many times the log has begun anew, after a restored database was reconciled; the first has no number. */
export function originOf(tenantId: string, epoch = 1): string {
  return epoch === 1 ? `amanat/${tenantId}` : `amanat/${tenantId}/${epoch}`;
}

/** Is this the name of a tenant's log, in any of its epochs? */
export function isOriginOf(tenantId: string, origin: string): boolean {
  const [, epoch] = /^amanat\/[^/]+(?:\/([1-9][0-9]{0,8}))?$/.exec(origin) ?? [];
  return origin === originOf(tenantId, epoch === undefined ? 1 : Number(epoch));
}

/** The key that signs the checkpoints of a tenant's log. */
export function checkpointKey(tenantId: string, publicKey: KeyObject, epoch = 1): VerifierKey {
  return verifierKey(originOf(tenantId, epoch), publicKey);
}

/** The note, signed by the log. */
export function signCheckpoint({ size, root }: TreeHead, signer: NoteSigner, ...more: readonly NoteSigner[]): string {
  const note = signNote(checkpointText({ origin: signer.key.name, size, root }), signer);
  return more.reduce(signToo, note);
}

/** `undefined` unless the note opens under these keys (`openNote`) and its text is a checkpoint's. */
export function openCheckpoint(note: string, keys: readonly VerifierKey[]): OpenedCheckpoint | undefined {
  const opened = openNote(note, keys);
  const checkpoint = opened && parseCheckpointText(opened.text);
  return opened && checkpoint && { ...checkpoint, signatures: opened.signatures };
}

/** The same for a tenant's log in whichever epoch: the keys are those of the one it names. */
export function openCheckpointOf(
  tenantId: string,
  note: string,
  keys: readonly VerifierKey[],
): OpenedCheckpoint | undefined {
  const [origin = ''] = note.split('\n');
  if (!isOriginOf(tenantId, origin)) return undefined;
  const opened = openCheckpoint(
    note,
    keys.map(({ publicKey, kind, former }) => ({
      ...verifierKey(origin, publicKey, kind),
      ...(former === undefined ? {} : { former }),
    })),
  );
  return opened?.origin === origin ? opened : undefined;
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
