import { encryptValue, longNonceLength, polyTagLength } from '../../../src/crypto/xchacha.ts';

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
