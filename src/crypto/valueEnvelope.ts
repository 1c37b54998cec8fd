import { VaultError } from '../errors.ts';
import { drawLongNonce } from './randomPool.ts';
import { decryptValue, encryptValue, longNonceLength, polyTagLength, type Take } from './xchacha.ts';

/**
 * A sealed value: authenticated encryption that commits to its key. Poly1305 alone does not, no more than GCM.
 *
 * | offset | bytes | what                                               |
 * | ------ | ----- | -------------------------------------------------- |
 * | 0      | 1     | format version: 2                                  |
 * | 1      | 32    | commitment to the key                              |
 * | 33     | 24    | nonce                                              |
 * | 57     | n     | ciphertext                                         |
 * | 57 + n | 16    | tag                                                |
 *
 * Key and commitment come from one secret by HKDF-Expand-SHA-512, so the commitment commits to both keys of a record, this one and that
 * of format 1 (envelope.ts), and stands at the same place in both formats.
 */
export interface ValueKey {
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** 32 bytes, stored in the clear beside what is sealed; tells nothing about the key. */
  readonly commitment: Buffer;
  /** Id of the record whose key it is, where it is one's. */
  readonly keyOf?: string;
}

export const valueFormat = 2;
const commitmentAt = 1;
const commitmentLength = 32;
const nonceAt = commitmentAt + commitmentLength;
const ciphertextAt = nonceAt + longNonceLength;
const valueOverhead = ciphertextAt + polyTagLength;

/** Opens its own output, as it is to be stored, before returning it. Throws `integrity_failure`. */
export function sealValue(key: ValueKey, associated: Buffer, plaintext: Buffer): Buffer {
  const sealed = Buffer.allocUnsafe(valueOverhead + plaintext.length);
  sealed[0] = valueFormat;
  sealed.set(key.commitment, commitmentAt);
  encryptValue(key.key, drawLongNonce(), associated, plaintext, sealed, nonceAt);
  const isSame = openValue(key, associated, sealed, (memory, from, to) => plaintext.compare(memory, from, to) === 0);
  if (!isSame) throw new VaultError('integrity_failure');
  return sealed;
}

/** What `take` makes of it. Throws `integrity_failure`. The commitment is compared first, in constant time. */
export function openValue<T>(key: ValueKey, associated: Buffer, sealed: Buffer, take: Take<T>): T {
  expectCommitted(key, sealed);
  return decryptValue(key.key, associated, sealed, nonceAt, take);
}

/** Throws `integrity_failure` for what is not in this format, or under another key. */
function expectCommitted({ commitment, keyOf }: ValueKey, sealed: Buffer): void {
  if (sealed.length < valueOverhead || sealed[0] !== valueFormat) throw new VaultError('integrity_failure');
  // No early exit, as in `timingSafeEqual`, and without the view that it would want of every value.
  let different = commitment.length ^ commitmentLength;
  for (let i = 0; i < commitmentLength; i++) different |= (sealed[commitmentAt + i] ?? 0) ^ (commitment[i] ?? 0);
  if (different !== 0) throw new VaultError('integrity_failure', [], undefined, false, keyOf);
}
