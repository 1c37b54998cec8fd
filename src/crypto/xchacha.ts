import sodium, { ready } from 'libsodium-wrappers';
import { VaultError } from '../errors.ts';

/**
 * XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03 over RFC 8439) with 192-bit nonces and full tags, by libsodium as WebAssembly; the
 * only place that calls it. For what is small and opened by the dozen: OpenSSL makes three objects for each value, and with them takes
 * three times as long.
 */
export const longNonceLength = 24;
export const polyTagLength = 16;
const wrongTag = 'ciphertext cannot be decrypted using that key';
await ready;

/** Ciphertext (as long as the plaintext) and tag, one after the other. `key`: 32 bytes. Throws `internal`. */
export function encryptValue(key: Uint8Array, nonce: Buffer, associated: Buffer, plaintext: Buffer): Uint8Array {
  try {
    return sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(plaintext, associated, null, nonce, key);
  } catch {
    // What it throws where there is no memory is no Error.
    throw new VaultError('internal');
  }
}

/** Throws `integrity_failure`, `internal`; nothing of the plaintext is released before the tag is checked. `sealed`: ciphertext and tag. */
export function decryptValue(key: Uint8Array, nonce: Buffer, associated: Buffer, sealed: Buffer): Buffer {
  let plaintext: Uint8Array;
  try {
    plaintext = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(null, sealed, associated, nonce, key);
  } catch (error) {
    // Anything else (no memory) is nothing that was stored.
    throw new VaultError((error as Error).message === wrongTag ? 'integrity_failure' : 'internal');
  }
  return Buffer.from(plaintext.buffer, plaintext.byteOffset, plaintext.byteLength);
}
