import { constants, createHmac, sign, type KeyObject } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { twinSignature } from '../../../src/crypto/lowS.ts';
import { VaultError } from '../../../src/errors.ts';
import type { ClientJwk } from '../../../src/crypto/clientKey.ts';
import { claimedClient, verifyClientAssertion } from '../../../src/vault/clientAssertion.ts';
import { newId } from '../../../src/vault/ids.ts';
import { b64, genuineToken, newTokenKey, signRaw } from './forgeries.ts';
import { newKeyPair } from '../../support/keyPair.ts';

const issuer = 'https://vault.example.com';
const audience = [issuer, `${issuer}/oauth/token`] as const;
const now = Date.UTC(2026, 0, 5, 8, 30);
const time = now / 1000;
const id = newId(now);

const ec = newKeyPair('ec', 'P-256');
const rsa = newKeyPair('rsa', 2048);

function publicJwk(key: KeyObject, alg: ClientJwk['alg'], kid?: string): ClientJwk {
  return { ...key.export({ format: 'jwk' }), alg, ...(kid === undefined ? {} : { kid }) } as ClientJwk;
}
const ecJwk = publicJwk(ec.publicKey, 'ES256');

const header = { alg: 'ES256' };
const claims = { iss: id, sub: id, aud: issuer, iat: time, exp: time + 60, jti: 'once-1' };

/** Any padding of RSA, as the header says. */
function signRsa(alg: string, key: KeyObject, payload: object = claims): string {
  const message = `${b64(JSON.stringify({ alg }))}.${b64(JSON.stringify(payload))}`;
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  const signature = sign('sha256', Buffer.from(message), { key, ...(alg.startsWith('PS') ? pss : {}) });
  return `${message}.${b64(signature)}`;
}

function outcome(assertion: string, jwk: ClientJwk = ecJwk): string {
  try {
    verifyClientAssertion(assertion, { id, jwk }, audience, now);
    return 'accepted';
  } catch (error) {
    if (error instanceof VaultError) return error.code;
    throw error;
  }
}

describe('an assertion', () => {
  test.each([
    ['with the issuer as audience', header, claims],
    ['with the token endpoint as audience', header, { ...claims, aud: `${issuer}/oauth/token` }],
    ['with a list of one audience', header, { ...claims, aud: [issuer] }],
    ['with typ JWT', { ...header, typ: 'JWT' }, claims],
    ['with typ client-authentication+jwt', { ...header, typ: 'client-authentication+jwt' }, claims],
    ['with a kid, where none was registered', { ...header, kid: 'k1' }, claims],
    ['without iat', header, { ...claims, iat: undefined }],
    ['with nbf', header, { ...claims, nbf: time }],
    ['from a clock half a minute ahead', header, { ...claims, iat: time + 30, nbf: time + 30, exp: time + 90 }],
    ['with five minutes to live', header, { ...claims, exp: time + 300 }],
    ["with claims of the client's own", header, { ...claims, trace: 'x' }],
  ])('%s passes', (_name, head, payload) => {
    expect(outcome(signRaw(head, payload, ec.privateKey))).toBe('accepted');
  });

  test('of an RSA key passes under the algorithm that was registered, and no other', () => {
    for (const alg of ['RS256', 'PS256'] as const) {
      const jwk = publicJwk(rsa.publicKey, alg);
      const results = ['RS256', 'PS256'].map((used) => outcome(signRsa(used, rsa.privateKey), jwk));
      expect(results).toEqual(alg === 'RS256' ? ['accepted', 'unauthenticated'] : ['unauthenticated', 'accepted']);
    }
  });

  test('names its jti and until when it must be remembered', () => {
    const assertion = signRaw(header, claims, ec.privateKey);
    expect(verifyClientAssertion(assertion, { id, jwk: ecJwk }, audience, now)).toEqual({
      jti: 'once-1',
      // A minute longer than it is good, for a process whose clock is behind.
      expiresAt: (time + 120) * 1000,
    });
    expect(claimedClient(assertion)).toBe(id);
  });

  test('may have either s: its jti makes it single', () => {
    const assertion = signRaw(header, claims, ec.privateKey);
    const cut = assertion.lastIndexOf('.') + 1;
    const twin = b64(twinSignature(Buffer.from(assertion.slice(cut), 'base64url')));
    expect(outcome(assertion.slice(0, cut) + twin)).toBe('accepted');
  });
});

describe('forged assertions', () => {
  const other = newKeyPair('ec', 'P-256');
  const message = `${b64('{"alg":"HS256"}')}.${b64(JSON.stringify(claims))}`;
  const hmac = (secret: string | Buffer) =>
    `${message}.${createHmac('sha256', secret).update(message).digest('base64url')}`;
  const genuine = signRaw(header, claims, ec.privateKey);
  const key = newTokenKey();

  const signed = (head: object | string, payload: object | string) => signRaw(head, payload, ec.privateKey);
  const forgeries: Record<string, string> = {
    'signed by another key': signRaw(header, claims, other.privateKey),
    'alg none': `${b64('{"alg":"none"}')}.${b64(JSON.stringify(claims))}.`,
    'HS256 with the public PEM': hmac(ec.publicKey.export({ type: 'spki', format: 'pem' }).toString()),
    'HS256 with the public DER': hmac(ec.publicKey.export({ type: 'spki', format: 'der' })),
    'HS256 with the JWK': hmac(JSON.stringify(ecJwk)),
    'RS256 for an EC key': signRsa('RS256', rsa.privateKey),
    'an access token of this vault': genuineToken(key, issuer, now),
    'typ at+jwt': signed({ ...header, typ: 'at+jwt' }, claims),
    'typ unknown': signed({ ...header, typ: 'x' }, claims),
    crit: signed({ ...header, crit: ['exp'] }, claims),
    'embedded jwk': signed({ ...header, jwk: ecJwk }, claims),
    jku: signed({ ...header, jku: 'https://192.0.2.1/' }, claims),
    'alg twice': signed('{"alg":"none","alg":"ES256"}', claims),
    'sub twice': signed(header, `{"sub":"x",${JSON.stringify(claims).slice(1)}`),
    'iss of another': signed(header, { ...claims, iss: newId(now) }),
    'sub of another': signed(header, { ...claims, sub: newId(now) }),
    'iss missing': signed(header, { ...claims, iss: undefined }),
    'sub missing': signed(header, { ...claims, sub: undefined }),
    'aud of another': signed(header, { ...claims, aud: 'https://192.0.2.1' }),
    'aud missing': signed(header, { ...claims, aud: undefined }),
    'aud with another': signed(header, { ...claims, aud: [issuer, 'https://192.0.2.1'] }),
    'aud of another endpoint': signed(header, { ...claims, aud: `${issuer}/oauth/revoke` }),
    'exp missing': signed(header, { ...claims, exp: undefined }),
    'exp past': signed(header, { ...claims, exp: time - 1 }),
    'exp now': signed(header, { ...claims, exp: time }),
    'exp as text': signed(header, { ...claims, exp: String(time + 60) }),
    'exp too far': signed(header, { ...claims, exp: time + 331 }),
    'iat future': signed(header, { ...claims, iat: time + 31 }),
    'nbf future': signed(header, { ...claims, nbf: time + 31 }),
    'jti missing': signed(header, { ...claims, jti: undefined }),
    'jti empty': signed(header, { ...claims, jti: '' }),
    'jti a number': signed(header, { ...claims, jti: 1 }),
    'jti very long': signed(header, { ...claims, jti: 'x'.repeat(257) }),
    'very long': signed(header, { ...claims, note: 'x'.repeat(5000) }),
    padded: `${genuine}==`,
    'with a space': `${genuine} `,
    'with a fourth segment': `${genuine}.x`,
    'no signature': genuine.slice(0, genuine.lastIndexOf('.') + 1),
    nothing: '',
    'no token': 'x',
  };

  test.each(Object.entries(forgeries))('%s', (_name, assertion) => {
    expect(outcome(assertion)).toBe('unauthenticated');
  });

  test('a kid other than the registered one', () => {
    const jwk = publicJwk(ec.publicKey, 'ES256', 'k1');
    expect(outcome(signed({ ...header, kid: 'k2' }, claims), jwk)).toBe('unauthenticated');
    expect(outcome(signed({ ...header, kid: 'k1' }, claims), jwk)).toBe('accepted');
  });
});
