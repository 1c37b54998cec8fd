import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto';

/** HMAC-SHA-256 (RFC 2104, FIPS 180-4), 32 bytes. */
export function hmacSha256(key: KeyObject, message: string | Buffer): Buffer {
  const hmac = createHmac('sha256', key);
  return (typeof message === 'string' ? hmac.update(message, 'utf8') : hmac.update(message)).digest();
}

/** Constant time in what they hold, not in how long they are. */
export function sameBytes(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}
