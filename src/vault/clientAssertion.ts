import { z } from 'zod';
import { clientKeyOf, type ClientJwk } from '../crypto/clientKey.ts';
import { VaultError } from '../errors.ts';
import { clockMarginMs, verifyToken } from './accessToken.ts';
import { parseCompactToken } from './compactToken.ts';

/** Client authentication by a signed assertion (RFC 7523 section 3, OpenID Connect Core section 9 `private_key_jwt`). */

const maxAssertionLength = 4096;
const maxLifetimeSeconds = 300;
/** Clients' clocks are their own. */
const clockSkewSeconds = 30;

const seconds = z.int().min(0);
const header = z.strictObject({
  alg: z.string(),
  typ: z.enum(['JWT', 'client-authentication+jwt']).optional(),
  kid: z.string().optional(),
});
/** Further claims are the client's business (RFC 7523 section 3, item 9); one audience, so that it serves nowhere else. */
const claims = z.looseObject({
  iss: z.string(),
  sub: z.string(),
  aud: z.union([z.string(), z.tuple([z.string()])]),
  exp: seconds,
  iat: seconds.optional(),
  nbf: seconds.optional(),
  jti: z.string().min(1).max(256),
});

export interface VerifiedAssertion {
  readonly jti: string;
  /** Milliseconds since the epoch: until then the assertion must be remembered. */
  readonly expiresAt: number;
}

/** Whom an assertion says it comes from. Nothing is verified yet; undefined when it is no assertion. */
export function claimedClient(assertion: string): string | undefined {
  try {
    const { payload } = parseCompactToken(assertion, maxAssertionLength);
    return claims.parse(payload).iss;
  } catch {
    return undefined;
  }
}

/**
 * Checks everything but single use. `audience`: the issuer and the token endpoint. The algorithm is the registered key's,
 * whatever the header says. Throws `unauthenticated`.
 */
export function verifyClientAssertion(
  assertion: string,
  client: { readonly id: string; readonly jwk: ClientJwk },
  audience: readonly [string, ...string[]],
  now: number,
): VerifiedAssertion {
  const verified = verifyToken(assertion, now, {
    maxLength: maxAssertionLength,
    header,
    key: ({ alg, kid }) => verificationKey(client.jwk, alg, kid),
    claims,
    issuer: client.id,
    audience,
  });
  const time = Math.floor(now / 1000);
  const { sub, exp, iat = time, nbf = time } = verified;
  const ahead = Math.max(iat, nbf) - time;
  if (sub !== client.id || ahead > clockSkewSeconds || exp - time > maxLifetimeSeconds + clockSkewSeconds) {
    throw new VaultError('unauthenticated');
  }
  return { jti: verified.jti, expiresAt: exp * 1000 + clockMarginMs };
}

function verificationKey(jwk: ClientJwk, alg: string, kid: string | undefined) {
  if (alg !== jwk.alg || (kid !== undefined && jwk.kid !== undefined && kid !== jwk.kid)) return undefined;
  const key = clientKeyOf(jwk);
  if (key === undefined) return undefined;
  return { ...key, accepts: (signature: Buffer) => signature.length === key.signatureBytes };
}
