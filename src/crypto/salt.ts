import { randomBytes } from 'node:crypto';

/** 128 random bits in hexadecimal: hashed with a record, they keep a dictionary from reversing its digest. */
export function newSalt(): string {
  return randomBytes(16).toString('hex');
}
