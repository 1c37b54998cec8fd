import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { decryptValue, encryptValue } from '../../../src/crypto/xchacha.ts';
import { keystream, tagKey, taggedBlocks, tagOf } from './plainXchacha.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

test('answers the example of its draft (draft-irtf-cfrg-xchacha-03, A.3.1)', () => {
  const key = hex('808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f');
  const nonce = hex('404142434445464748494a4b4c4d4e4f5051525354555657');
  const associated = hex('50515253c0c1c2c3c4c5c6c7');
  const text = Buffer.from(
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
  );
  const sealed = encryptValue(key, nonce, associated, text);
  expect(Buffer.from(sealed).toString('hex')).toBe(
    'bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb' +
      '731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452' +
      '2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9' +
      '21f9664c97637da9768812f615c68b13b52e' +
      'c0875924c1c7987947deafd8780acf49',
  );
  expect(decryptValue(key, nonce, associated, Buffer.from(sealed)).equals(text)).toBe(true);
});

test('agrees with ChaCha20 of OpenSSL and a tag of our own reckoning, at every length around a block', () => {
  for (let length = 0; length <= 130; length++) {
    const [key, nonce, text] = [randomBytes(32), randomBytes(24), randomBytes(length)];
    const associated = randomBytes(length % 50);
    const stream = keystream(key, nonce, length).subarray(64);
    const ciphertext = Buffer.from(text.map((byte, at) => byte ^ (stream[at] ?? 0)));
    const tag = tagOf(tagKey(key, nonce), taggedBlocks(associated, ciphertext));
    expect(Buffer.from(encryptValue(key, nonce, associated, text)).equals(Buffer.concat([ciphertext, tag]))).toBe(true);
  }
});
