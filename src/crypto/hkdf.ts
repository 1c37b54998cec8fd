import { createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';

/** Key derivation (RFC 5869). `info` keeps the purposes of one secret apart. */

/** HKDF with SHA-256; `length` in bytes. */
export function hkdfSha256(key: KeyObject, salt: Buffer, info: Buffer, length: number): Buffer {
  return Buffer.from(hkdfSync('sha256', key, salt, info, length));
}

/** A 256-bit key for one purpose, derived without salt: the input is a uniformly random key (RFC 5869 section 3.1). */
export function subkey(key: KeyObject, info: Buffer): KeyObject {
  return createSecretKey(hkdfSha256(key, Buffer.alloc(0), info, 32));
}

/**
 * HKDF-Expand with SHA-512, in blocks of 64 bytes: T(n) = HMAC(PRK, T(n - 1) | info | n) (section 2.3). Extraction is left
 * out because the input is already a uniformly random key (section 3.3).
 */
export function expandSha512(key: KeyObject | Buffer, info: string, blocks = 1): Buffer {
  const made: Buffer[] = [];
  for (let n = 1; n <= blocks; n++) {
    const hmac = createHmac('sha512', key);
    const before = made.at(-1);
    if (before !== undefined) hmac.update(before);
    made.push(hmac.update(`${info}${String.fromCharCode(n)}`, 'latin1').digest());
  }
  return Buffer.concat(made);
}
