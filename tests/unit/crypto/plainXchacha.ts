import { createCipheriv } from 'node:crypto';

/** XChaCha20-Poly1305 once more, out of ChaCha20 as OpenSSL has it: what libsodium made is held against it. */

/** A cipher's block n, 64 bytes each from n = 0: 0 makes the key of the tag, 1 and on the keystream (RFC 8439 section 2.8). */
export function keystream(key: Buffer, nonce: Buffer, bytes: number): Buffer {
  const iv = Buffer.concat([Buffer.alloc(4), Buffer.alloc(4), nonce.subarray(16)]);
  return createCipheriv('chacha20', hChaCha20(key, nonce.subarray(0, 16)), iv).update(Buffer.alloc(64 + bytes));
}

/** The subkey of the first 16 bytes of a nonce (draft-irtf-cfrg-xchacha-03 section 2.2). */
function hChaCha20(key: Buffer, start: Buffer): Buffer {
  const words = new Uint32Array([0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, ...wordsOf(key), ...wordsOf(start)]);
  for (let round = 0; round < 10; round++) {
    for (const [a, b, c, d] of quarters) quarterRound(words, a, b, c, d);
  }
  const subkey = Buffer.alloc(32);
  for (const [at, word] of [...words.subarray(0, 4), ...words.subarray(12)].entries())
    subkey.writeUInt32LE(word, 4 * at);
  return subkey;
}

const quarters = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const;

/** RFC 8439 section 2.1. */
function quarterRound(words: Uint32Array, a: number, b: number, c: number, d: number): void {
  const of = (at: number): number => words[at] ?? 0;
  const step = (sum: number, other: number, turned: number, by: number): void => {
    words[sum] = of(sum) + of(other);
    const mixed = of(turned) ^ of(sum);
    words[turned] = (mixed << by) | (mixed >>> (32 - by));
  };
  step(a, b, d, 16);
  step(c, d, b, 12);
  step(a, b, d, 8);
  step(c, d, b, 7);
}

function wordsOf(bytes: Buffer): number[] {
  return Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readUInt32LE(4 * at));
}

export const prime = (1n << 130n) - 5n;
const most = 1n << 128n;

/** r and s (RFC 8439 section 2.5). */
export function tagKey(key: Buffer, nonce: Buffer): { readonly r: bigint; readonly s: bigint } {
  const block = keystream(key, nonce, 0);
  return {
    r: numberOf(block.subarray(0, 16)) & 0x0ffffffc0ffffffc0ffffffc0fffffffn,
    s: numberOf(block.subarray(16, 32)),
  };
}

/** What Poly1305 is reckoned over, block by block, each with its bit 128 set (section 2.8). */
export function taggedBlocks(associated: Buffer, ciphertext: Buffer): bigint[] {
  const lengths = Buffer.alloc(16);
  lengths.writeBigUInt64LE(BigInt(associated.length), 0);
  lengths.writeBigUInt64LE(BigInt(ciphertext.length), 8);
  const padded = [associated, ciphertext].map((part) => Buffer.concat([part, Buffer.alloc(-part.length & 15)]));
  const all = Buffer.concat([...padded, lengths]);
  return Array.from({ length: all.length / 16 }, (_, at) => numberOf(all.subarray(16 * at, 16 * at + 16)) + most);
}

export function tagOf({ r, s }: { readonly r: bigint; readonly s: bigint }, blocks: readonly bigint[]): Buffer {
  const sum = blocks.reduce((before, block) => ((before + block) * r) % prime, 0n);
  return bytesOf((sum + s) % most);
}

export function numberOf(bytes: Buffer): bigint {
  return BigInt(`0x${Buffer.from(bytes.toReversed()).toString('hex')}`);
}

/** 16 bytes. */
export function bytesOf(value: bigint): Buffer {
  return Buffer.from(Buffer.from(value.toString(16).padStart(32, '0'), 'hex').toReversed());
}
