import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto';
import { VaultError } from '../errors.ts';

/** AES-256-GCM (NIST SP 800-38D) with 96-bit nonces and full tags; the only place that calls a cipher. */
export const nonceLength = 12;
export const tagLength = 16;
const options = { authTagLength: tagLength };

/** Returns ciphertext (as long as the plaintext) and tag. `key` is a KeyObject: a raw Buffer costs five times as much. */
export function encrypt(key: KeyObject, nonce: Buffer, associated: Buffer, plaintext: Buffer): [Buffer, Buffer] {
  const cipher = createCipheriv('aes-256-gcm', key, nonce, options).setAAD(associated);
  const ciphertext = cipher.update(plaintext);
  cipher.final();
  return [ciphertext, cipher.getAuthTag()];
}

/** Throws `integrity_failure`; nothing of the plaintext is released before the tag is checked. */
export function decrypt(key: KeyObject, nonce: Buffer, associated: Buffer, ciphertext: Buffer, tag: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, options).setAAD(associated);
  try {
    decipher.setAuthTag(tag);
    const plaintext = decipher.update(ciphertext);
    decipher.final();
    return plaintext;
  } catch {
    throw new VaultError('integrity_failure');
  }
}
