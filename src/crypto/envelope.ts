import { createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto';
import { VaultError } from '../errors.ts';
import { decrypt, encrypt, nonceLength, tagLength } from './gcm.ts';
import { expandSha512 } from './hkdf.ts';
import { drawNonce } from './randomPool.ts';

/**
 * Authenticated encryption that commits to its key. GCM alone does not: one ciphertext can be made to open under two keys. Of keys
 * under keys and of journals; of values as they were sealed before there was valueEnvelope.ts.
 *
 * | offset | bytes | what                                               |
 * | ------ | ----- | -------------------------------------------------- |
 * | 0      | 1     | format version: 1                                  |
 * | 1      | 32    | commitment to the key                              |
 * | 33     | 12    | nonce                                              |
 * | 45     | n     | ciphertext                                         |
 * | 45 + n | 16    | tag                                                |
 *
 * Key and commitment are the two halves of HKDF-Expand-SHA-512 over a random secret, so finding two keys with one
 * commitment is finding a collision in SHA-512 cut to 256 bits.
 */
export interface CommittedKey {
  readonly sealing: KeyObject;
  /** 32 bytes, stored in the clear beside what is sealed; tells nothing about the key. */
  readonly commitment: Buffer;
  /** Id of the record whose key it is, where it is one's. */
  readonly keyOf?: string;
}

export const secretLength = 32;
export const envelopeFormat = 1;
const commitmentAt = 1;
const commitmentLength = 32;
const nonceAt = commitmentAt + commitmentLength;
const ciphertextAt = nonceAt + nonceLength;
export const envelopeOverhead = ciphertextAt + tagLength;

/** `purpose` keeps keys derived from one secret apart. Throws `integrity_failure` for a secret of any length but 32. */
export function committedKey(secret: KeyObject | Buffer, purpose: string): CommittedKey {
  const length = Buffer.isBuffer(secret) ? secret.length : secret.symmetricKeySize;
  if (length !== secretLength) throw new VaultError('integrity_failure');
  const derived = expandSha512(secret, purpose);
  const sealing = createSecretKey(derived.subarray(0, secretLength));
  return { sealing, commitment: Buffer.from(derived.subarray(secretLength)) };
}

export function sealEnvelope(key: CommittedKey, associated: Buffer, plaintext: Buffer): Buffer {
  const nonce = drawNonce();
  const [ciphertext, tag] = encrypt(key.sealing, nonce, associated, plaintext);
  const sealed = Buffer.allocUnsafe(envelopeOverhead + ciphertext.length);
  sealed[0] = envelopeFormat;
  sealed.set(key.commitment, commitmentAt);
  sealed.set(nonce, nonceAt);
  sealed.set(ciphertext, ciphertextAt);
  sealed.set(tag, ciphertextAt + ciphertext.length);
  return sealed;
}

/** Throws `integrity_failure`. The commitment is compared first, in constant time. */
export function openEnvelope(key: CommittedKey, associated: Buffer, sealed: Buffer): Buffer {
  if (sealed.length < envelopeOverhead || sealed[0] !== envelopeFormat) throw new VaultError('integrity_failure');
  if (!timingSafeEqual(sealed.subarray(commitmentAt, nonceAt), key.commitment)) {
    throw new VaultError('integrity_failure', [], undefined, false, key.keyOf);
  }
  const tagAt = sealed.length - tagLength;
  const nonce = sealed.subarray(nonceAt, ciphertextAt);
  return decrypt(key.sealing, nonce, associated, sealed.subarray(ciphertextAt, tagAt), sealed.subarray(tagAt));
}
