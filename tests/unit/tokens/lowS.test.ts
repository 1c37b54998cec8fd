import { sign, verify } from 'node:crypto';
import { expect, test } from 'vitest';
import { hasLowS, twinSignature } from '../../../src/crypto/lowS.ts';
import { newKeyPair } from '../../support/keyPair.ts';

const { privateKey, publicKey } = newKeyPair('ec', 'P-256');
const dsaEncoding = 'ieee-p1363' as const;
const message = Buffer.from('a message');

test('a signature and its twin both verify, and exactly one of them has the low s', () => {
  for (let i = 0; i < 50; i += 1) {
    const signature = sign('sha256', message, { key: privateKey, dsaEncoding });
    const twin = twinSignature(signature);
    for (const one of [signature, twin]) {
      expect(verify('sha256', message, { key: publicKey, dsaEncoding }, one)).toBe(true);
    }
    expect(hasLowS(signature)).toBe(!hasLowS(twin));
    expect(twinSignature(twin)).toEqual(signature);
  }
});

test('the edge is half the order of P-256', () => {
  // n/2 rounded down; SP 800-186 section 3.2.1.3.
  const half = '7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8';
  const above = '7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a9';
  const withS = (s: string) => Buffer.from('11'.repeat(32) + s, 'hex');
  expect([half, above].map((s) => hasLowS(withS(s)))).toEqual([true, false]);
  expect([63, 65, 0].map((length) => hasLowS(Buffer.alloc(length)))).toEqual([false, false, false]);
});
