import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { decryptValue, encryptValue, longNonceLength } from '../../../src/crypto/xchacha.ts';
import { keystream, tagKey, taggedBlocks, tagOf } from './plainXchacha.ts';
import { copied, decrypted, encrypted } from './xchachaBytes.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

test('answers the example of its draft (draft-irtf-cfrg-xchacha-03, A.3.1)', () => {
  const key = hex('808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f');
  const nonce = hex('404142434445464748494a4b4c4d4e4f5051525354555657');
  const associated = hex('50515253c0c1c2c3c4c5c6c7');
  const text = Buffer.from(
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
  );
  const sealed = encrypted(key, nonce, associated, text);
  expect(sealed.subarray(0, longNonceLength).equals(nonce)).toBe(true);
  expect(sealed.subarray(longNonceLength).toString('hex')).toBe(
    'bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb' +
      '731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452' +
      '2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9' +
      '21f9664c97637da9768812f615c68b13b52e' +
      'c0875924c1c7987947deafd8780acf49',
  );
  expect(decrypted(key, associated, sealed).equals(text)).toBe(true);
});

test('agrees with ChaCha20 of OpenSSL and a tag of our own reckoning, at every length around a block', () => {
  for (let length = 0; length <= 130; length++) {
    const [key, nonce, text] = [randomBytes(32), randomBytes(24), randomBytes(length)];
    const associated = randomBytes(length % 50);
    const stream = keystream(key, nonce, length).subarray(64);
    const ciphertext = Buffer.from(text.map((byte, at) => byte ^ (stream[at] ?? 0)));
    const tag = tagOf(tagKey(key, nonce), taggedBlocks(associated, ciphertext));
    expect(encrypted(key, nonce, associated, text).equals(Buffer.concat([nonce, ciphertext, tag]))).toBe(true);
  }
});

test('opens under its key and its label alone, wherever in the bytes it stands', () => {
  const [key, associated, text] = [randomBytes(32), randomBytes(512), randomBytes(64)];
  const sealed = encrypted(key, randomBytes(24), associated, text);
  expect(() => decrypted(randomBytes(32), associated, sealed)).toThrow('integrity_failure');
  expect(() => decrypted(key, randomBytes(40), sealed)).toThrow('integrity_failure');
  for (const at of [0, 1, 33, 64]) {
    const behind = Buffer.concat([randomBytes(at), sealed]);
    expect(decryptValue(key, associated, behind, at, copied).equals(text)).toBe(true);
    expect(() => decryptValue(key, associated, behind, at + 1, copied)).toThrow();
  }
  expect(() => decryptValue(key, associated, Buffer.concat([randomBytes(65), sealed]), 65, copied)).toThrow('internal');
  expect(decrypted(key, associated, sealed).equals(text)).toBe(true);
});

test('a key or a label that does not fit its place is refused before anything is written there', () => {
  const text = randomBytes(32);
  for (const length of [0, 31, 33, 64]) {
    expect(() => encrypted(randomBytes(length), randomBytes(24), Buffer.alloc(0), text)).toThrow('internal');
  }
  expect(() => encrypted(randomBytes(32), randomBytes(24), Buffer.alloc(513), text)).toThrow('internal');
  for (const length of [0, 23, 25]) {
    expect(() => encrypted(randomBytes(32), randomBytes(length), Buffer.alloc(0), text)).toThrow('internal');
  }
  for (const [length, at] of [
    [71, 0],
    [80, 9],
  ] as const) {
    const target = Buffer.alloc(length);
    const write = () => encryptValue(randomBytes(32), randomBytes(24), Buffer.alloc(0), text, target, at);
    expect(write).toThrow('internal');
    expect(target.equals(Buffer.alloc(length))).toBe(true);
  }
  // Control: the longest that fit.
  const [key, nonce, associated] = [randomBytes(32), randomBytes(24), randomBytes(512)];
  expect(decrypted(key, associated, encrypted(key, nonce, associated, text)).equals(text)).toBe(true);
});

test('values of every size share the desk: a large one makes it larger, and nothing of one gets into another', () => {
  const seen = [40, 70_000, 31, 64 * 1024, 64 * 1024 + 1, 300_000, 0, 299_999].map((length) => {
    const [key, associated, text] = [randomBytes(32), randomBytes(60), randomBytes(length)];
    return { key, associated, text, sealed: encrypted(key, randomBytes(24), associated, text) };
  });
  for (const { key, associated, text, sealed } of seen.toReversed())
    expect(decrypted(key, associated, sealed).equals(text)).toBe(true);
});
