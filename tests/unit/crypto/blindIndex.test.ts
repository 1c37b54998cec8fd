import { createHmac, createSecretKey, hkdfSync, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { indexSubkey, indexTag, keyedHash } from '../../../src/crypto/blindIndex.ts';
import { expandSha512 } from '../../../src/crypto/hkdf.ts';

const indexKey = createSecretKey(Buffer.alloc(32, 7));
const email = indexSubkey(indexKey, 'email');

describe('blind index', () => {
  test('is HMAC-SHA-256 cut to 16 bytes, under HKDF-SHA-256 of the field', () => {
    const subkey = Buffer.from(hkdfSync('sha256', Buffer.alloc(32, 7), '', 'amanat index 1/email', 32));
    expect(email.export().equals(subkey)).toBe(true);
    const mac = createHmac('sha256', subkey).update('z@example.com').digest();
    expect(indexTag(email, 'z@example.com').equals(mac.subarray(0, 16))).toBe(true);
  });

  test('equal values have equal tags only in one field of one tenant', () => {
    const tag = indexTag(email, '9901234565');
    expect(indexTag(indexSubkey(indexKey, 'email'), '9901234565').equals(tag)).toBe(true);
    expect(indexTag(indexSubkey(indexKey, 'nationalId'), '9901234565').equals(tag)).toBe(false);
    expect(indexTag(indexSubkey(createSecretKey(randomBytes(32)), 'email'), '9901234565').equals(tag)).toBe(false);
    expect(indexTag(email, '9901234566').equals(tag)).toBe(false);
  });
});

describe('keyed hash', () => {
  test('tells parts apart, wherever the border between them lies', () => {
    const cases: (string | Buffer)[][] = [
      [],
      [''],
      ['', ''],
      ['ab'],
      ['a', 'b'],
      ['', 'ab'],
      ['ab', ''],
      ['a', 'b', ''],
    ];
    const hashes = cases.map((parts) => keyedHash(email, ...parts).toString('hex'));
    expect(new Set(hashes).size).toBe(cases.length);
    expect(hashes.every((hash) => hash.length === 64)).toBe(true);
  });

  test('takes text as its UTF-8 bytes, and depends on the key', () => {
    expect(keyedHash(email, 'کد').equals(keyedHash(email, Buffer.from('کد')))).toBe(true);
    expect(keyedHash(email, '12345').equals(keyedHash(indexSubkey(indexKey, 'code'), '12345'))).toBe(false);
  });
});

test('HKDF-Expand with SHA-512 is the second half of HKDF', () => {
  for (let i = 0; i < 20; i++) {
    const [ikm, salt] = [randomBytes(40), randomBytes(16)];
    const extracted = createHmac('sha512', salt).update(ikm).digest();
    const whole = Buffer.from(hkdfSync('sha512', ikm, salt, 'purpose', 64));
    expect(expandSha512(extracted, 'purpose').equals(whole)).toBe(true);
    expect(expandSha512(createSecretKey(extracted), 'purpose').equals(whole)).toBe(true);
    expect(expandSha512(extracted, 'another').equals(whole)).toBe(false);
  }
});
