import { hash } from 'node:crypto';

/** SHA-256 (FIPS 180-4), 32 bytes. */
export function digestOf(bytes: Buffer): Buffer {
  return hash('sha256', bytes, 'buffer');
}
