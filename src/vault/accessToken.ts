import type { KeyObject } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { z } from 'zod';
import { hasLowS, twinSignature } from '../crypto/lowS.ts';
import { VaultError } from '../errors.ts';
import type { TokenKey } from '../keys/folder.ts';
import { roles, type Role } from '../policy/profile.ts';
import { callerOf, type Caller } from './caller.ts';
import { parseCompactToken } from './compactToken.ts';
import { newId } from './ids.ts';
import { scopes, type Scope } from './permit.ts';

/** The only caller of jsonwebtoken, whose own `verify` takes more than it should; see tests/unit/tokens. */

export const defaultLifetimeSeconds = 300;
export const maxLifetimeSeconds = 900;
/** How far another process's clock may be ahead of this one's. */
const clockSkewSeconds = 5;
/** What is known of a token is kept this long beyond its end, for processes whose clocks are behind. */
export const clockMarginMs = 60_000;
const maxTokenLength = 4096;
const maxVerifiedTokens = 10_000;

/** A staff member's id as the shop's own systems know it: opaque, and never a name or an address. */
export const actorPattern = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;

/** What a token is to say. */
export interface TokenContent {
  readonly tenantId: string;
  readonly clientId: string;
  readonly role: Role;
  readonly scopes: readonly Scope[];
  /** What the profile lets the role ask for; informative, the judge decides. */
  readonly purposes: readonly string[];
  readonly actor: string | undefined;
  readonly department: string | undefined;
  readonly carrierProfile: string | undefined;
  /** Narrows the token to one customer; with role `subject` only. */
  readonly subjectId: string | undefined;
  readonly lifetimeSeconds?: number;
}

export interface IssuedToken {
  readonly token: string;
  readonly tokenId: string;
  readonly expiresInSeconds: number;
}

const seconds = z.int().min(0);
const headerSchema = z.strictObject({ alg: z.literal('ES256'), typ: z.literal('at+jwt'), kid: z.string() });
const scopeList = z
  .string()
  // A role that may do nothing has a token without scopes.
  .transform((text) => (text === '' ? [] : text.split(' ')))
  .pipe(z.array(z.enum(scopes)));

/** Claims of RFC 9068 section 2.2 and ours. Strict: what is not listed is refused, `nbf` included. */
const claimsSchema = z
  .strictObject({
    iss: z.string(),
    aud: z.string(),
    sub: z.uuid(),
    client_id: z.uuid(),
    iat: seconds,
    exp: seconds,
    jti: z.uuidv7(),
    scope: scopeList,
    tenant: z.uuid(),
    role: z.enum(roles),
    purposes: z.array(z.string().max(64)).max(64),
    act: z.strictObject({ sub: z.string().regex(actorPattern) }).optional(),
    department: z.string().optional(),
    carrier_profile: z.string().optional(),
    subject: z.uuid().optional(),
  })
  .refine((c) => (c.role === 'subject' ? c.subject === c.sub && c.act?.sub === c.client_id : c.sub === c.client_id))
  .refine((c) => (c.role === 'subject') === (c.subject !== undefined));

declare const verified: unique symbol;
/** Claims whose signature and time were verified. */
export type AccessClaims = z.infer<typeof claimsSchema> & { readonly [verified]: true };

/** Signs an access token (RFC 9068) with the current key: five minutes unless told otherwise, never more than fifteen. */
export function issueAccessToken(
  keys: readonly TokenKey[],
  issuer: string,
  content: TokenContent,
  now: number,
): IssuedToken {
  const [key] = keys;
  if (key === undefined) throw new VaultError('sealed');
  const iat = Math.floor(now / 1000);
  const tokenId = newId(now);
  const expiresInSeconds = Math.min(content.lifetimeSeconds ?? defaultLifetimeSeconds, maxLifetimeSeconds);
  const claims = {
    iss: issuer,
    aud: issuer,
    sub: content.subjectId ?? content.clientId,
    client_id: content.clientId,
    iat,
    exp: iat + expiresInSeconds,
    jti: tokenId,
    scope: content.scopes.join(' '),
    tenant: content.tenantId,
    role: content.role,
    purposes: content.purposes,
    act: content.actor === undefined ? undefined : { sub: content.actor },
    department: content.department,
    carrier_profile: content.carrierProfile,
    subject: content.subjectId,
  };
  const header = { alg: 'ES256', typ: 'at+jwt', kid: key.kid };
  const token = jwt.sign(claims, key.privateKey, { algorithm: 'ES256', header });
  return { token: withLowS(token), tokenId, expiresInSeconds };
}

function withLowS(token: string): string {
  const end = token.lastIndexOf('.') + 1;
  const signature = Buffer.from(token.slice(end), 'base64url');
  return hasLowS(signature) ? token : token.slice(0, end) + twinSignature(signature).toString('base64url');
}

/** Believes nothing but what this vault signed and what still holds. Throws `unauthenticated`, whatever is wrong. */
export function verifyAccessClaims(
  keys: readonly TokenKey[],
  issuer: string,
  token: string,
  now: number,
): AccessClaims {
  const claims = verifyToken(token, now, {
    maxLength: maxTokenLength,
    header: headerSchema,
    key: ({ kid }) => keyOf(keys.find((k) => k.kid === kid)),
    claims: claimsSchema,
    issuer,
    audience: [issuer],
  });
  const lifetime = claims.exp - claims.iat;
  const ahead = claims.iat - Math.floor(now / 1000);
  if (lifetime <= 0 || lifetime > maxLifetimeSeconds || ahead > clockSkewSeconds)
    throw new VaultError('unauthenticated');
  return claims as AccessClaims;
}

function keyOf(key: TokenKey | undefined): VerificationKey | undefined {
  return key === undefined ? undefined : { algorithm: 'ES256', publicKey: key.publicKey, accepts: hasLowS };
}

/** The one way to a Caller. */
export function verifyAccessToken(keys: readonly TokenKey[], issuer: string, token: string, now: number): Caller {
  return callerOfClaims(verifyAccessClaims(keys, issuer, token, now));
}

/** For claims that verifyAccessClaims has just given. */
export function callerOfClaims(claims: AccessClaims): Caller {
  return callerOf({
    tenantId: claims.tenant,
    clientId: claims.client_id,
    role: claims.role,
    scopes: new Set(claims.scope),
    // In a data subject's token `act` names the shop's client, which is no member of staff.
    actor: claims.role === 'subject' ? undefined : claims.act?.sub,
    department: claims.department,
    carrierProfile: claims.carrier_profile,
    subjectId: claims.subject,
    tokenId: claims.jti,
    issuedAt: claims.iat * 1000,
    expiresAt: claims.exp * 1000,
  });
}

export type VerifyToken = (token: string) => Caller;

export interface TokenVerifier {
  readonly verify: VerifyToken;
  /** Who sent this token before, if it verified then. No proof of anything: for sharing out, never for letting in. */
  readonly recall: (token: string) => Caller | undefined;
}

/**
 * verifyAccessToken with a memory: a token that verified is remembered by its exact text until it expires, the least
 * recently used go first. What failed is not remembered. Revocation is not looked at here.
 */
export function tokenVerifier(
  keys: { readonly token: readonly TokenKey[] },
  issuer: string,
  now: () => number,
  limit: number = maxVerifiedTokens,
): TokenVerifier {
  const remembered = new Map<string, Caller>();
  const verify: VerifyToken = (token) => {
    const time = now();
    const known = remembered.get(token);
    remembered.delete(token);
    const caller =
      known !== undefined && known.expiresAt > time ? known : verifyAccessToken(keys.token, issuer, token, time);
    remembered.set(token, caller);
    if (remembered.size > limit) remembered.delete(remembered.keys().next().value ?? '');
    return caller;
  };
  return { verify, recall: (token) => remembered.get(token) };
}

export interface VerificationKey {
  readonly algorithm: 'ES256' | 'RS256' | 'PS256';
  readonly publicKey: KeyObject;
  /** Is this a signature of the right form for the key? */
  readonly accepts: (signature: Buffer) => boolean;
}

export interface TokenRules<Header, Claims> {
  /** Characters. */
  readonly maxLength: number;
  readonly header: z.ZodType<Header>;
  readonly key: (header: Header) => VerificationKey | undefined;
  readonly claims: z.ZodType<Claims>;
  readonly issuer: string;
  /** The token's `aud` must name one of these. */
  readonly audience: readonly [string, ...string[]];
}

/**
 * The strict wrapper: form, header, key and signature first, then the claims as this code parsed them, not as jsonwebtoken
 * did. `exp` is checked by jsonwebtoken, so `claims` must require it. Throws `unauthenticated`.
 */
export function verifyToken<Header, Claims>(token: string, now: number, rules: TokenRules<Header, Claims>): Claims {
  const { header, payload, signature } = parseCompactToken(token, rules.maxLength);
  const parsed = rules.header.safeParse(header);
  const key = parsed.success ? rules.key(parsed.data) : undefined;
  if (key === undefined || !key.accepts(signature)) throw new VaultError('unauthenticated');
  try {
    jwt.verify(token, key.publicKey, {
      algorithms: [key.algorithm],
      issuer: rules.issuer,
      audience: [...rules.audience],
      clockTimestamp: Math.floor(now / 1000),
      // Judged by the claims' own rules: access tokens have none, a client's clock may be a little ahead.
      ignoreNotBefore: true,
    });
  } catch {
    throw new VaultError('unauthenticated');
  }
  const claims = rules.claims.safeParse(payload);
  if (!claims.success) throw new VaultError('unauthenticated');
  return claims.data;
}
