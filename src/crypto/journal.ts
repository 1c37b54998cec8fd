import { createSecretKey, type KeyObject } from 'node:crypto';
import { VaultError } from '../errors.ts';
import { committedKey, openEnvelope, sealEnvelope, type CommittedKey } from './envelope.ts';
import { hkdfSha256 } from './hkdf.ts';

/**
 * What a piece of the journal says, sealed for its log alone: the witness that keeps it learns how much happened, not what.
 * The envelope of envelope.ts around JSON; its key is derived from the private key that signs the piece (HKDF-SHA-256 over
 * the 32-byte seed of Ed25519), and the origin and the range are associated data.
 */
export interface JournalContent {
  /** Who told of it; undefined in pieces of before it was said. */
  readonly by?: Installation;
  /** When the last leaf that it tells of was made. Milliseconds. */
  readonly at: number;
  /** How many leaves of each action there are, from the first of the log to the last that it tells of. */
  readonly tally: Readonly<Record<string, number>>;
  /** Leaves of acts that a restored database would not know: their index, and the leaf (leaf.ts). */
  readonly acts: readonly { readonly index: number; readonly leaf: Buffer }[];
}

/** One of the places that have the keys of a log: a name made of what it is, and what a person knows it by. */
export interface Installation {
  /** 12 hex digits. */
  readonly id: string;
  /** Machine and data folder. */
  readonly place: string;
}

export interface JournalPlace {
  readonly origin: string;
  readonly from: number;
  readonly to: number;
}

export const journalKey = (privateKey: KeyObject): CommittedKey => formerJournalKey(journalSecret(privateKey));

/** Of a key that signs no more, what is kept to open the pieces of its time. */
export const formerJournalKey = (secret: Buffer): CommittedKey => committedKey(secret, 'amanat journal/v1');

export function journalSecret(privateKey: KeyObject): Buffer {
  const { d } = privateKey.export({ format: 'jwk' });
  if (privateKey.asymmetricKeyType !== 'ed25519' || d === undefined) throw new VaultError('internal');
  const seed = createSecretKey(Buffer.from(d, 'base64url'));
  return hkdfSha256(seed, Buffer.alloc(0), Buffer.from('amanat journal/v1'), 32);
}

export function sealJournal(key: CommittedKey, place: JournalPlace, { by, at, tally, acts }: JournalContent): Buffer {
  const content = { by, at, tally, acts: acts.map(({ index, leaf }) => [index, leaf.toString('base64')]) };
  return sealEnvelope(key, associated(place), Buffer.from(JSON.stringify(content)));
}

/** Throws `integrity_failure`. What opens was written here. */
export function openJournalContent(key: CommittedKey, place: JournalPlace, sealed: Buffer): JournalContent {
  const { by, at, tally, acts } = JSON.parse(openEnvelope(key, associated(place), sealed).toString()) as {
    readonly by?: Installation;
    readonly at: number;
    readonly tally: Readonly<Record<string, number>>;
    readonly acts: readonly (readonly [number, string])[];
  };
  const opened = acts.map(([index, leaf]) => ({ index, leaf: Buffer.from(leaf, 'base64') }));
  return { ...(by && { by }), at, tally, acts: opened };
}

const associated = ({ origin, from, to }: JournalPlace): Buffer => Buffer.from(`${origin}\n${from}\n${to}\n`);
