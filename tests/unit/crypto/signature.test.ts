import { constants, createPublicKey, sign, type KeyObject } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { signReceipt, verifyReceipt } from '../../../src/crypto/signature.ts';
import { keyThumbprint } from '../../../src/crypto/thumbprint.ts';
import { newKeyPair } from '../../support/keyPair.ts';

const { privateKey, publicKey } = newKeyPair('rsa', 3072);
const payload = { sha256: 'ab'.repeat(32), records: 3, exportId: '019aa001-0000-7000-8000-000000000001' };
const jws = signReceipt(privateKey, payload);
const [header = '', body = ''] = jws.split('.');

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A JWS with any header and body, properly signed. */
function signedAs(head: string, content: string, options: object = {}, key: KeyObject = privateKey): string {
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32, ...options };
  return `${head}.${content}.${sign('sha256', Buffer.from(`${head}.${content}`), { key, ...pss }).toString('base64url')}`;
}

describe('receipt', () => {
  test('is a compact JWS, PS256, over canonical JSON', () => {
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({
      alg: 'PS256',
      kid: keyThumbprint(publicKey),
      typ: 'amanat-receipt+jws',
    });
    expect(Buffer.from(body, 'base64url').toString()).toBe(
      `{"exportId":"${payload.exportId}","records":3,"sha256":"${payload.sha256}"}`,
    );
    expect(verifyReceipt(publicKey, jws)).toEqual(payload);
  });

  test('does not verify with any character changed, dropped or doubled', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    for (let i = 0; i < jws.length; i++) {
      const next = alphabet[(alphabet.indexOf(jws.charAt(i)) + 1) % 64] ?? 'A';
      for (const changed of [
        jws.slice(0, i) + next + jws.slice(i + 1),
        jws.slice(0, i) + jws.slice(i + 1),
        jws.slice(0, i) + jws.charAt(i) + jws.slice(i),
      ]) {
        if (changed !== jws) expect(verifyReceipt(publicKey, changed), `character ${i}`).toBeUndefined();
      }
    }
  });

  const rewritten = { alg: 'PS256', kid: keyThumbprint(publicKey), typ: 'amanat-receipt+jws' };
  test.each<[string, string]>([
    ['algorithm none', `${encode({ ...rewritten, alg: 'none' })}.${body}.`],
    [
      'algorithm RS256, signed so',
      signedAs(encode({ ...rewritten, alg: 'RS256' }), body, { padding: constants.RSA_PKCS1_PADDING }),
    ],
    ['a PKCS #1 v1.5 signature', signedAs(header, body, { padding: constants.RSA_PKCS1_PADDING })],
    ['a salt of another length', signedAs(header, body, { saltLength: 20 })],
    ['an empty salt', signedAs(header, body, { saltLength: 0 })],
    ['another type', signedAs(encode({ ...rewritten, typ: 'JWT' }), body)],
    ['another order in the header', signedAs(encode({ typ: rewritten.typ, alg: 'PS256', kid: rewritten.kid }), body)],
    ['an extra header member', signedAs(encode({ ...rewritten, crit: [] }), body)],
    ['a key in the header', signedAs(encode({ ...rewritten, jwk: publicKey.export({ format: 'jwk' }) }), body)],
    ['a body with white space', signedAs(header, Buffer.from('{"a": 1}').toString('base64url'))],
    ['members out of order', signedAs(header, encode({ b: 1, a: 2 }))],
    ['a member twice', signedAs(header, Buffer.from('{"a":1,"a":1}').toString('base64url'))],
    ['a body that is not UTF-8', signedAs(header, Buffer.from([0x22, 0xff, 0x22]).toString('base64url'))],
    ['a body that is not JSON', signedAs(header, Buffer.from('x').toString('base64url'))],
    ['padding', `${jws}==`],
    ['a fourth segment', `${jws}.`],
    ['no signature', `${header}.${body}.`],
    ['two segments', `${header}.${body}`],
    ['nothing', ''],
  ])('does not verify: %s', (_what, forged) => {
    expect(verifyReceipt(publicKey, forged)).toBeUndefined();
    // Control: what this test signs itself does verify when it is a receipt.
    expect(verifyReceipt(publicKey, signedAs(header, encode({ a: 2, b: 1 })))).toEqual({ a: 2, b: 1 });
  });

  test('does not verify under another key, nor signed by another key in this one’s name', () => {
    const other = newKeyPair('rsa', 3072);
    expect(verifyReceipt(other.publicKey, jws)).toBeUndefined();
    expect(verifyReceipt(publicKey, signedAs(header, body, {}, other.privateKey))).toBeUndefined();
  });

  test('a payload that JSON cannot carry unchanged is refused', () => {
    for (const value of [undefined, Number.NaN, Infinity, 1n, '\ud800', new Date(0), new Map()]) {
      expect(() => signReceipt(privateKey, { value })).toThrow('internal');
    }
    const kept = { text: 'گیرنده', list: [1, 2.5, null, true, { b: [], a: {} }] };
    expect(verifyReceipt(publicKey, signReceipt(privateKey, kept))).toEqual(kept);
  });
});

describe('JWK thumbprint', () => {
  test('RFC 7638 section 3.1: the example', () => {
    const n =
      '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs' +
      'tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajr' +
      'n1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw';
    const key = createPublicKey({ key: { kty: 'RSA', n, e: 'AQAB' }, format: 'jwk' });
    expect(keyThumbprint(key)).toBe('NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs');
  });

  test('is the same for both halves, for each kind of key in use', () => {
    for (const pair of [newKeyPair('ec', 'P-256'), newKeyPair('ed25519')]) {
      expect(keyThumbprint(pair.privateKey)).toBe(keyThumbprint(pair.publicKey));
    }
    expect(keyThumbprint(privateKey)).toBe(keyThumbprint(publicKey));
  });
});
