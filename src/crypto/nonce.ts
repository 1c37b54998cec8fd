import { randomFillSync } from 'node:crypto';
import { nonceLength } from './gcm.ts';

/**
 * Random 96-bit nonces (NIST SP 800-38D section 8.2.2) from a pool: one call of the generator for 512 of them.
 *
 * A nonce leaves the pool before it is used and never returns. The pool belongs to one module instance and starts empty,
 * and Node never copies a running heap: `child_process.fork` and `cluster` start a new program, a worker thread loads
 * its own module. So no two processes or threads draw from one pool.
 */
const pool = Buffer.alloc(512 * nonceLength);
let next = pool.length;

export function drawNonce(): Buffer {
  if (next === pool.length) {
    randomFillSync(pool);
    next = 0;
  }
  const nonce = Buffer.allocUnsafe(nonceLength);
  pool.copy(nonce, 0, next, next + nonceLength);
  next += nonceLength;
  return nonce;
}
