import jwt from 'jsonwebtoken';
import { describe, expect, test } from 'vitest';
import { VaultError } from '../../../src/errors.ts';
import {
  issueAccessToken,
  maxLifetimeSeconds,
  tokenVerifier,
  verifyAccessToken,
  type TokenContent,
} from '../../../src/vault/accessToken.ts';
import { newId } from '../../../src/vault/ids.ts';
import { forgeriesOf, genuineToken, newTokenKey, partsOf, signRaw } from './forgeries.ts';

const issuer = 'https://vault.example.com';
const now = Date.UTC(2026, 0, 5, 8, 30, 0, 250);
const key = newTokenKey();
const genuine = genuineToken(key, issuer, now);

const verify = (token: string, at: number = now) => verifyAccessToken([key], issuer, token, at);

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof VaultError) return error.code;
    throw error;
  }
  return 'accepted';
}

describe('an untouched token', () => {
  test('names its caller', () => {
    const caller = verify(genuine);
    expect(caller).toMatchObject({ role: 'support', actor: 'staff-17', subjectId: undefined });
    expect([...caller.scopes]).toEqual(['customers:read', 'grants:read']);
    expect(caller.expiresAt - caller.issuedAt).toBe(300_000);
  });

  test('has exactly the header of RFC 9068 and the claims it should', () => {
    const { header, claims } = partsOf(genuine);
    expect(header).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: key.kid });
    expect(Object.keys(claims).sort()).toEqual(
      ['act', 'aud', 'client_id', 'exp', 'iat', 'iss', 'jti', 'purposes', 'role', 'scope', 'sub', 'tenant'].sort(),
    );
    expect(claims).toMatchObject({ iss: issuer, aud: issuer, sub: claims['client_id'], act: { sub: 'staff-17' } });
  });

  test('passes when signed again by the same key with the raw signer of the forgeries', () => {
    const { header, claims } = partsOf(genuine);
    expect(codeOf(() => verify(signRaw(header, claims, key.privateKey)))).toBe('accepted');
  });

  test('lives until its last millisecond and not one longer', () => {
    const { expiresAt } = verify(genuine);
    expect(codeOf(() => verify(genuine, expiresAt - 1))).toBe('accepted');
    expect(codeOf(() => verify(genuine, expiresAt))).toBe('unauthenticated');
  });

  test('of a process whose clock is five seconds ahead passes, six do not', () => {
    expect(codeOf(() => verify(genuineToken(key, issuer, now + 5_000)))).toBe('accepted');
    expect(codeOf(() => verify(genuineToken(key, issuer, now + 6_000)))).toBe('unauthenticated');
  });

  test('passes under either key while keys are rotated, and not once its key is gone', () => {
    const next = newTokenKey();
    expect(verifyAccessToken([next, key], issuer, genuine, now).role).toBe('support');
    expect(codeOf(() => verifyAccessToken([next], issuer, genuine, now))).toBe('unauthenticated');
    const byNext = genuineToken(next, issuer, now);
    expect(verifyAccessToken([next, key], issuer, byNext, now).role).toBe('support');
  });

  test('is never signed for more than fifteen minutes', () => {
    const token = genuineToken(key, issuer, now, { lifetimeSeconds: 100_000 });
    const caller = verify(token);
    expect(caller.expiresAt - caller.issuedAt).toBe(maxLifetimeSeconds * 1000);
  });
});

describe("a data subject's token", () => {
  const content: TokenContent = {
    tenantId: newId(now),
    clientId: newId(now),
    role: 'subject',
    scopes: ['customers:read'],
    purposes: [],
    actor: undefined,
    department: undefined,
    carrierProfile: undefined,
    subjectId: newId(now),
  };
  const issue = (changed: Partial<TokenContent>) =>
    issueAccessToken([key], issuer, { ...content, ...changed }, now).token;

  test('is about the customer, with the shop as actor, and names no member of staff', () => {
    const token = issue({ actor: content.clientId });
    expect(partsOf(token).claims).toMatchObject({ sub: content.subjectId, act: { sub: content.clientId } });
    expect(verify(token)).toMatchObject({ role: 'subject', subjectId: content.subjectId, actor: undefined });
  });

  test.each([
    ['without its shop', {}],
    ['acted for by somebody else', { actor: 'staff-17' }],
    ['without its customer', { actor: content.clientId, subjectId: undefined }],
    ['with another role', { actor: content.clientId, role: 'shop_backend' }],
  ] satisfies [string, Partial<TokenContent>][])('%s is refused', (_name, changed) => {
    expect(codeOf(() => verify(issue(changed)))).toBe('unauthenticated');
  });
});

describe('forgeries (P8)', () => {
  const forgeries = forgeriesOf(genuine, key, now);

  test('are many, and each is another token', () => {
    const tokens = forgeries.map((f) => f.token);
    expect(tokens.length).toBeGreaterThan(150);
    expect(tokens).not.toContain(genuine);
    expect(forgeries.filter((f, i) => tokens.indexOf(f.token) !== i).map((f) => f.name)).toEqual([]);
  });

  test('control: jsonwebtoken alone, with everything pinned that it can pin, takes some of each kind', () => {
    const options: jwt.VerifyOptions = {
      algorithms: ['ES256'],
      issuer,
      audience: issuer,
      clockTimestamp: Math.floor(now / 1000),
    };
    const taken = forgeries.filter(({ token }) => {
      try {
        return jwt.verify(token, key.publicKey, options) !== undefined;
      } catch {
        return false;
      }
    });
    expect(taken.map((f) => f.name)).toEqual(
      expect.arrayContaining([
        'signature: s replaced by n - s',
        'spelling: signature with its spare bits set',
        'header: typ JWT',
        'header: crit unknown',
        'claims: exp missing',
        'claims: aud as a list with another',
        'claims: more than 15 minutes',
        'json: role twice',
      ]),
    );
  });

  test.each(forgeries)('$name', ({ token }) => {
    expect(codeOf(() => verify(token))).toBe('unauthenticated');
  });

  test('every character of a token counts', () => {
    const accepted: number[] = [];
    for (let i = 0; i < genuine.length; i += 1) {
      const replaced = genuine.charAt(i) === 'A' ? 'B' : 'A';
      const token = genuine.slice(0, i) + replaced + genuine.slice(i + 1);
      if (codeOf(() => verify(token)) === 'accepted') accepted.push(i);
    }
    expect(accepted).toEqual([]);
  });

  test('every truncation is refused', () => {
    const accepted = Array.from({ length: genuine.length }, (_, length) => genuine.slice(0, length)).filter(
      (token) => codeOf(() => verify(token)) === 'accepted',
    );
    expect(accepted).toEqual([]);
  });

  test('a token of this vault is none for a vault with another issuer', () => {
    expect(codeOf(() => verifyAccessToken([key], 'https://other.example.com', genuine, now))).toBe('unauthenticated');
  });
});

describe('verified tokens are remembered', () => {
  /** Counts real verifications: only they look at the keys. */
  function counted(limit?: number) {
    let verifications = 0;
    let time = now;
    const keys = {
      get token() {
        verifications += 1;
        return [key];
      },
    };
    const { verify: check, recall } = tokenVerifier(keys, issuer, () => time, limit);
    return { check, recall, verifications: () => verifications, at: (moment: number) => void (time = moment) };
  }

  test('by their exact text', () => {
    const { check, verifications } = counted();
    const first = check(genuine);
    expect(check(genuine)).toBe(first);
    expect(verifications()).toBe(1);
    expect(codeOf(() => check(`${genuine} `))).toBe('unauthenticated');
  });

  test('and recalled only once they have verified', () => {
    const { check, recall } = counted();
    expect(recall(genuine)).toBeUndefined();
    const caller = check(genuine);
    expect(recall(genuine)).toBe(caller);
    expect(codeOf(() => check(`${genuine} `))).toBe('unauthenticated');
    expect(recall(`${genuine} `)).toBeUndefined();
  });

  test('until they expire', () => {
    const { check, verifications, at } = counted();
    const { expiresAt } = check(genuine);
    at(expiresAt - 1);
    check(genuine);
    expect(verifications()).toBe(1);
    at(expiresAt);
    expect(codeOf(() => check(genuine))).toBe('unauthenticated');
    at(now);
    check(genuine);
    expect(verifications()).toBe(3);
  });

  test('never when they failed', () => {
    const { check, verifications } = counted();
    const forged = signRaw(partsOf(genuine).header, partsOf(genuine).claims, newTokenKey().privateKey);
    for (let i = 0; i < 3; i += 1) expect(codeOf(() => check(forged))).toBe('unauthenticated');
    expect(verifications()).toBe(3);
  });

  test('up to a bound, the least recently used first to go', () => {
    const { check, verifications } = counted(2);
    const [a, b, c] = [genuine, genuineToken(key, issuer, now), genuineToken(key, issuer, now)];
    for (const token of [a, b, a, c, a]) check(token);
    expect(verifications()).toBe(3);
    check(b);
    expect(verifications()).toBe(4);
  });
});
