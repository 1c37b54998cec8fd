import type { KeyObject } from 'node:crypto';
import { subkey } from './hkdf.ts';
import { hmacSha256 } from './hmac.ts';

/**
 * Blind indexes: equality of a searchable value inside one tenant and field, and nothing else. Whoever sees the tags
 * learns which records share a value; without the tenant's index key nobody can compute a tag to compare.
 */
const tagLength = 16;

/** One subkey a field (or a purpose of `keyedHash`), derived from the tenant's index, mac or hash key. Cache it: 10 µs. */
export function indexSubkey(indexKey: KeyObject, field: string): KeyObject {
  return subkey(indexKey, Buffer.from(`amanat index 1/${field}`));
}

/** HMAC-SHA-256 cut to 16 bytes (RFC 2104 section 5) of a value in its canonical form. */
export function indexTag(fieldSubkey: KeyObject, canonical: string): Buffer {
  return hmacSha256(fieldSubkey, canonical).subarray(0, tagLength);
}

/**
 * 32-byte keyed hash of values that are compared and never read back: delivery codes, idempotency keys, bodies. Each
 * part is preceded by its length (4 bytes, big-endian), so moving a byte from one part to the next changes the hash.
 */
export function keyedHash(purposeSubkey: KeyObject, ...parts: readonly (string | Buffer)[]): Buffer {
  const framed = parts.flatMap((part) => {
    const bytes = typeof part === 'string' ? Buffer.from(part) : part;
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(bytes.length);
    return [length, bytes];
  });
  return hmacSha256(purposeSubkey, Buffer.concat(framed));
}
