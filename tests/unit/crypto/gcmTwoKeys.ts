import { createCipheriv, type KeyObject } from 'node:crypto';

/**
 * Builds one nonce, ciphertext and tag that AES-256-GCM accepts under two keys ("invisible salamanders": Dodis, Grubbs,
 * Ristenpart, Woodage, CRYPTO 2018). The tag is a polynomial over GF(2^128) in the hash key (NIST SP 800-38D section 6.4),
 * so one free ciphertext block is the solution of a linear equation.
 *
 * The last byte of the plaintext is 0x80 under both keys, which is padding that `open` accepts: only the commitment is
 * left to refuse it.
 */
export function gcmForTwoKeys(one: KeyObject, two: KeyObject, associated: Buffer) {
  const nonce = nonceWithEqualEnds(one, two);
  const ciphertext = Buffer.alloc(length, 0x42);
  ciphertext[length - 1] = lastKeystreamByte(one, nonce) ^ 0x80;
  ciphertext.fill(0, 0, block);

  const blocks = hashedBlocks(associated, ciphertext);
  const free = Math.ceil(associated.length / block);
  const [powersOne, powersTwo] = [powers(hashKey(one), blocks.length), powers(hashKey(two), blocks.length)];
  let difference = mask(one, nonce) ^ mask(two, nonce);
  for (const [i, value] of blocks.entries()) difference ^= multiply(value, at(powersOne, i) ^ at(powersTwo, i));
  const solution = multiply(difference, inverse(at(powersOne, free) ^ at(powersTwo, free)));
  bytesOf(solution).copy(ciphertext, 0);

  const tag = hashedBlocks(associated, ciphertext).reduce(
    (sum, value, i) => sum ^ multiply(value, at(powersOne, i)),
    mask(one, nonce),
  );
  return { nonce, ciphertext, tag: bytesOf(tag) };
}

const block = 16;
const length = 4 * block;

function aes(key: KeyObject, input: Buffer): Buffer {
  return createCipheriv('aes-256-ecb', key, null).setAutoPadding(false).update(input);
}

function counter(nonce: Buffer, count: number): Buffer {
  const input = Buffer.alloc(block);
  nonce.copy(input);
  input.writeUInt32BE(count, nonce.length);
  return input;
}

function lastKeystreamByte(key: KeyObject, nonce: Buffer): number {
  // Block n of the plaintext takes counter n + 1; counter 1 masks the tag.
  return aes(key, counter(nonce, length / block + 1)).readUInt8(block - 1);
}

function nonceWithEqualEnds(one: KeyObject, two: KeyObject): Buffer {
  for (let i = 0; ; i++) {
    const nonce = Buffer.alloc(12);
    nonce.writeUInt32BE(i);
    if (lastKeystreamByte(one, nonce) === lastKeystreamByte(two, nonce)) return nonce;
  }
}

function hashKey(key: KeyObject): bigint {
  return numberOf(aes(key, Buffer.alloc(block)));
}

function mask(key: KeyObject, nonce: Buffer): bigint {
  return numberOf(aes(key, counter(nonce, 1)));
}

function hashedBlocks(associated: Buffer, ciphertext: Buffer): bigint[] {
  const lengths = Buffer.alloc(block);
  lengths.writeBigUInt64BE(BigInt(associated.length * 8), 0);
  lengths.writeBigUInt64BE(BigInt(ciphertext.length * 8), 8);
  const padded = [associated, ciphertext].map((part) =>
    Buffer.concat([part, Buffer.alloc(-part.length & (block - 1))]),
  );
  const all = Buffer.concat([...padded, lengths]);
  return Array.from({ length: all.length / block }, (_, i) => numberOf(all.subarray(i * block, (i + 1) * block)));
}

/** The power of the hash key that block i of n is multiplied with: n - i. */
function powers(key: bigint, count: number): bigint[] {
  const rising: bigint[] = [];
  let power = key;
  for (let i = 0; i < count; i++) {
    rising.push(power);
    power = multiply(power, key);
  }
  return rising.toReversed();
}

/** Bit i of a block is bit 127 - i of the number, as section 6.3 orders them. */
function multiply(x: bigint, y: bigint): bigint {
  let product = 0n;
  let v = y;
  for (let bit = 127n; bit >= 0n; bit--) {
    if ((x >> bit) & 1n) product ^= v;
    v = v & 1n ? (v >> 1n) ^ (0xe1n << 120n) : v >> 1n;
  }
  return product;
}

/** x^(2^128 - 2), since the field has 2^128 elements. */
function inverse(x: bigint): bigint {
  let result = 1n << 127n;
  let square = x;
  for (let i = 1; i < 128; i++) {
    square = multiply(square, square);
    result = multiply(result, square);
  }
  return result;
}

function numberOf(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString('hex')}`);
}

function bytesOf(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(2 * block, '0'), 'hex');
}

function at(values: readonly bigint[], index: number): bigint {
  const value = values[index];
  if (value === undefined) throw new RangeError('no such block');
  return value;
}
