import { decryptValue, encryptValue, longNonceLength, polyTagLength, type Take } from '../../../src/crypto/xchacha.ts';

/** Nonce, ciphertext and tag. */
export function encrypted(
  key: Uint8Array,
  nonce: Buffer,
  associated: Buffer,
  plaintext: Buffer,
  encrypt = encryptValue,
): Buffer {
  const sealed = Buffer.alloc(longNonceLength + plaintext.length + polyTagLength);
  encrypt(key, nonce, associated, plaintext, sealed, 0);
  return sealed;
}

/** Of what `encrypted` gives. */
export function decrypted(key: Uint8Array, associated: Buffer, sealed: Buffer, decrypt = decryptValue): Buffer {
  return decrypt(key, associated, sealed, 0, copied);
}

export const copied: Take<Buffer> = (memory, from, to) => Buffer.from(memory.subarray(from, to));
