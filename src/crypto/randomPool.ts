import { randomFillSync } from 'node:crypto';
import { nonceLength } from './gcm.ts';
import { longNonceLength } from './xchacha.ts';

/**
 * Random bytes from pools: one call of the generator for hundreds of nonces or 64 secrets.
 *
 * What was drawn leaves its pool before it is used and never returns. The pools belong to one module instance and start
 * empty, and Node never copies a running heap: `child_process.fork` and `cluster` start a new program, a worker thread
 * loads its own module. So no two processes or threads draw from one pool.
 */
function randomPool(length: number, count: number): () => Buffer {
  const pool = Buffer.alloc(length * count);
  let next = pool.length;
  return () => {
    if (next === pool.length) {
      randomFillSync(pool);
      next = 0;
    }
    const drawn = Buffer.from(pool.subarray(next, next + length));
    pool.fill(0, next, next + length);
    next += length;
    return drawn;
  };
}

/** A random 96-bit nonce (NIST SP 800-38D section 8.2.2). */
export const drawNonce = randomPool(nonceLength, 512);

/** A random 192-bit nonce: as many as one likes under one key (draft-irtf-cfrg-xchacha-03 section 3.1). */
export const drawLongNonce = randomPool(longNonceLength, 256);

/** 32 bytes to make a key of. */
export const drawSecret = randomPool(32, 64);
