import { readFile } from 'node:fs/promises';
import { openCheckpoint, type OpenedCheckpoint } from '../crypto/checkpoint.ts';
import { digestOf } from '../crypto/digest.ts';
import { decodeLeaf, leafHash } from '../crypto/leaf.ts';
import { verifyInclusion } from '../crypto/merkleTree.ts';
import { parseVkey, type VerifierKey } from '../crypto/signedNote.ts';
import { UsageFault } from './command.ts';

/** Where the log holds what a receipt or a certificate says. */
export interface InLog {
  readonly origin: string;
  readonly index: number;
  readonly size: number;
}

export const proofMeanings = {
  proof_malformed: 'the file holds no proof as the vault gives it',
  checkpoint: 'the checkpoint in the proof was not signed by this key, or was changed',
  not_in_log: 'the proof does not lead from the entry to the root that the checkpoint signs',
  another_entry: 'the proof is of another entry of the log than the receipt is about',
} as const;
export type ProofFault = keyof typeof proofMeanings;

interface Proof {
  readonly leafHash: Buffer;
  readonly index: number;
  readonly size: number;
  readonly path: readonly Buffer[];
  readonly checkpoint: string;
  readonly leaf: Buffer | undefined;
}

/**
 * Does the log hold this receipt? `statement` is its verified payload, `jws` its text. The key is trusted, nothing else is: the
 * checkpoint opens under it, the path leads to the checkpoint's root, and entry and receipt name each other.
 */
export function checkProof(
  text: string,
  key: VerifierKey,
  jws: string,
  statement: Readonly<Record<string, unknown>>,
): InLog | ProofFault {
  const proof = parseProof(text);
  if (proof === undefined) return 'proof_malformed';
  const head = openCheckpoint(proof.checkpoint, [key]);
  if (head === undefined || head.origin !== key.name) return 'checkpoint';
  if (!isIn(proof, head)) return 'not_in_log';
  if (!isAbout(proof, jws, statement)) return 'another_entry';
  return { origin: head.origin, index: proof.index, size: head.size };
}

function isIn(proof: Proof, head: OpenedCheckpoint): boolean {
  return proof.size === head.size && verifyInclusion(proof, head.root);
}

/** A receipt names its entry; of a certificate the entry names the digest. */
function isAbout(proof: Proof, jws: string, statement: Readonly<Record<string, unknown>>): boolean {
  const { leafHash: named } = statement;
  if (named !== undefined) return named === proof.leafHash.toString('hex');
  if (proof.leaf === undefined || !leafHash(proof.leaf).equals(proof.leafHash)) return false;
  try {
    return decodeLeaf(proof.leaf).digest?.equals(digestOf(Buffer.from(jws))) === true;
  } catch {
    return false;
  }
}

/** The proof itself, or an answer of the vault that has it as `proof`. */
function parseProof(text: string): Proof | undefined {
  try {
    const whole = JSON.parse(text) as Readonly<Record<string, unknown>>;
    const { leafHash: hash, index, size, path, checkpoint, leaf } = (whole['proof'] ?? whole) as typeof whole;
    if (typeof checkpoint !== 'string' || !Array.isArray(path) || typeof hash !== 'string') return undefined;
    return {
      leafHash: Buffer.from(hash, 'hex'),
      index: Number(index),
      size: Number(size),
      path: path.map((one) => Buffer.from(String(one), 'hex')),
      checkpoint,
      leaf: typeof leaf === 'string' ? Buffer.from(leaf, 'base64') : undefined,
    };
  } catch {
    return undefined;
  }
}

/** A vkey as it stands, or in a file. Throws `UsageFault`. */
export async function readVkey(given: string): Promise<VerifierKey> {
  const key = parseVkey(given) ?? parseVkey((await readFile(given, 'utf8').catch(() => '')).trim());
  if (key?.kind !== 'ed25519') throw new UsageFault('--log-key is neither a vkey nor a file that holds one');
  return key;
}
