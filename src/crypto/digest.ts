import { createHash, hash } from 'node:crypto';

/** SHA-256 (FIPS 180-4), 32 bytes. */
export function digestOf(bytes: Buffer): Buffer {
  return hash('sha256', bytes, 'buffer');
}

/** SHA-256 of what comes in pieces. */
export interface RunningDigest {
  update(bytes: Buffer): void;
  /** 32 bytes. Nothing may follow. */
  end(): Buffer;
}

export function runningDigest(): RunningDigest {
  const running = createHash('sha256');
  return { update: (bytes) => void running.update(bytes), end: () => running.digest() };
}

/** What the leaf of an erasure binds: the record holds nothing any more, and `amanat audit verify` knows why. */
export const digestOfNothing: Buffer = digestOf(Buffer.alloc(0));
