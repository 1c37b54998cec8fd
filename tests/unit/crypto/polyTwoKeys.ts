import { randomBytes } from 'node:crypto';
import { bytesOf, keystream, numberOf, prime, tagKey, taggedBlocks, tagOf } from './plainXchacha.ts';

/**
 * Builds one nonce, ciphertext and tag that XChaCha20-Poly1305 accepts under two keys (Len, Grubbs, Ristenpart, "Partitioning Oracle
 * Attacks", USENIX Security 2021, appendix on ChaCha20/Poly1305). For a wanted tag the sum under each key is known, so two free blocks
 * of ciphertext are the solution of two linear equations modulo 2^130 - 5; one solution in sixteen is a pair of blocks.
 *
 * The last byte of the plaintext is 0x80 under both keys, which is padding that `open` accepts: only the commitment is left to refuse it.
 */
export function polyForTwoKeys(one: Buffer, two: Buffer, associated: Buffer) {
  const nonce = nonceWithEqualEnds(one, two);
  const ciphertext = Buffer.alloc(length, 0x42);
  ciphertext[length - 1] = lastByte(one, nonce) ^ 0x80;
  ciphertext.fill(0, 0, 2 * block);
  const blocks = taggedBlocks(associated, ciphertext);
  const free = Math.ceil(associated.length / block);
  const keys = [tagKey(one, nonce), tagKey(two, nonce)] as const;
  for (;;) {
    const tag = randomBytes(block);
    const [first, second] = solution(...(keys.map((key) => equation(key, blocks, free, tag)) as [Equation, Equation]));
    if (![first, second].every((value) => value >= most && value < 2n * most)) continue;
    bytesOf(first - most).copy(ciphertext, 0);
    bytesOf(second - most).copy(ciphertext, block);
    if (keys.every((key) => tagOf(key, taggedBlocks(associated, ciphertext)).equals(tag)))
      return { nonce, ciphertext, tag };
  }
}

const block = 16;
const length = 4 * block;
const most = 1n << 128n;

/** first * x + second * y = sum */
interface Equation {
  readonly first: bigint;
  readonly second: bigint;
  readonly sum: bigint;
}

function equation(
  { r, s }: { readonly r: bigint; readonly s: bigint },
  blocks: readonly bigint[],
  free: number,
  tag: Buffer,
): Equation {
  // Block i of n is multiplied with r to the power n - i.
  const factors = blocks.map((_, at) => power(r, BigInt(blocks.length - at)));
  const wanted = (numberOf(tag) - s + most) % most;
  const known = blocks.reduce(
    (sum, value, at) => (at === free || at === free + 1 ? sum : sum + value * factorAt(factors, at)),
    0n,
  );
  return { first: factorAt(factors, free), second: factorAt(factors, free + 1), sum: modulo(wanted - known) };
}

/** Cramer's rule. */
function solution(one: Equation, two: Equation): [bigint, bigint] {
  const inverse = power(modulo(one.first * two.second - one.second * two.first), prime - 2n);
  return [
    modulo(modulo(one.sum * two.second - one.second * two.sum) * inverse),
    modulo(modulo(one.first * two.sum - one.sum * two.first) * inverse),
  ];
}

function nonceWithEqualEnds(one: Buffer, two: Buffer): Buffer {
  for (;;) {
    const nonce = randomBytes(24);
    if (lastByte(one, nonce) === lastByte(two, nonce)) return nonce;
  }
}

function lastByte(key: Buffer, nonce: Buffer): number {
  return keystream(key, nonce, length).readUInt8(64 + length - 1);
}

function power(base: bigint, exponent: bigint): bigint {
  let [result, square, left] = [1n, modulo(base), exponent];
  for (; left > 0n; left >>= 1n) {
    if (left & 1n) result = modulo(result * square);
    square = modulo(square * square);
  }
  return result;
}

const modulo = (value: bigint): bigint => ((value % prime) + prime) % prime;

function factorAt(values: readonly bigint[], index: number): bigint {
  const value = values[index];
  if (value === undefined) throw new RangeError('no such block');
  return value;
}
