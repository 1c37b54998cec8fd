import { createHmac, randomUUID, sign, type KeyObject } from 'node:crypto';
import { hasLowS, twinSignature } from '../../../src/crypto/lowS.ts';
import { parseTokenKey, type TokenKey } from '../../../src/keys/signingKey.ts';
import { issueAccessToken, type TokenContent } from '../../../src/vault/accessToken.ts';
import { newId } from '../../../src/vault/ids.ts';
import { newKeyPair } from '../../support/keyPair.ts';

/** Everything that somebody without the signing key, or with the key's other products, could show as a token. */

export interface Forgery {
  readonly name: string;
  readonly token: string;
}

export function newTokenKey(): TokenKey {
  const { privateKey } = newKeyPair('ec', 'P-256');
  return parseTokenKey('generated', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
}

export const b64 = (text: string | Buffer): string => Buffer.from(text).toString('base64url');
const jsonOf = (part: object | string): string => (typeof part === 'string' ? part : JSON.stringify(part));

/** Signs whatever it is given, as this vault's own signer would: ES256, the lower of the two s. */
export function signRaw(header: object | string | Buffer, payload: object | string | Buffer, key: KeyObject): string {
  const encode = (part: object | string | Buffer): string => b64(Buffer.isBuffer(part) ? part : jsonOf(part));
  const message = `${encode(header)}.${encode(payload)}`;
  const signature = sign('sha256', Buffer.from(message), { key, dsaEncoding: 'ieee-p1363' });
  const usable = signature.length === 64 && !hasLowS(signature) ? twinSignature(signature) : signature;
  return `${message}.${usable.toString('base64url')}`;
}

export interface Parts {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
}

export function partsOf(token: string): Parts {
  const [header = '', payload = ''] = token.split('.');
  const read = (segment: string) => JSON.parse(Buffer.from(segment, 'base64url').toString()) as Record<string, unknown>;
  return { header: read(header), claims: read(payload) };
}

/** A token that is right in everything; each forgery differs from one like it in the one thing its name says. */
export function genuineToken(key: TokenKey, issuer: string, now: number, content: Partial<TokenContent> = {}): string {
  const whole: TokenContent = {
    tenantId: newId(now),
    clientId: newId(now),
    role: 'support',
    scopes: ['customers:read', 'grants:read'],
    purposes: ['support'],
    actor: 'staff-17',
    department: undefined,
    carrierProfile: undefined,
    subjectId: undefined,
    ...content,
  };
  return issueAccessToken([key], issuer, whole, now).token;
}

export function forgeriesOf(genuine: string, key: TokenKey, now: number): readonly Forgery[] {
  return [
    ...withoutTheKey(genuine, key),
    ...inTheSignature(genuine),
    ...inTheSpelling(genuine),
    ...inTheHeader(genuine, key),
    ...inTheClaims(genuine, key, Math.floor(now / 1000)),
    ...inTheJson(genuine, key),
  ];
}

function withoutTheKey(genuine: string, key: TokenKey): Forgery[] {
  const { header, claims } = partsOf(genuine);
  const signature = genuine.slice(genuine.lastIndexOf('.') + 1);
  const body = (changed: object): string => `${b64(jsonOf({ ...header, ...changed }))}.${b64(jsonOf(claims))}`;
  const unsigned = ['none', 'None', 'NONE', 'nOnE', ''].flatMap((alg) => [
    { name: `alg ${alg || 'empty'}, no signature`, token: `${body({ alg })}.` },
    { name: `alg ${alg || 'empty'}, the genuine signature`, token: `${body({ alg })}.${signature}` },
  ]);
  const secrets: Record<string, string | Buffer> = {
    PEM: key.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    'trimmed PEM': key.publicKey.export({ type: 'spki', format: 'pem' }).toString().trim(),
    DER: key.publicKey.export({ type: 'spki', format: 'der' }),
    JWK: JSON.stringify(key.jwk),
    'bare JWK': JSON.stringify(key.publicKey.export({ format: 'jwk' })),
    'JWK x': Buffer.from(key.jwk.x, 'base64url'),
    'empty secret': '',
  };
  const keyed = Object.entries(secrets).flatMap(([form, secret]) =>
    (['HS256', 'HS384', 'HS512'] as const).map((alg) => {
      const message = body({ alg });
      const mac = createHmac(`sha${alg.slice(2)}`, secret)
        .update(message)
        .digest('base64url');
      return { name: `${alg} with the public key as secret (${form})`, token: `${message}.${mac}` };
    }),
  );
  const other = newTokenKey();
  const { privateKey: p384 } = newKeyPair('ec', 'P-384');
  const { privateKey: p521 } = newKeyPair('ec', 'P-521');
  const { privateKey: koblitz } = newKeyPair('ec', 'secp256k1');
  const { privateKey: rsa } = newKeyPair('rsa', 2048);
  const someone = { client_id: randomUUID(), sub: randomUUID() };
  return [
    ...unsigned,
    ...keyed,
    { name: 'another P-256 key under the genuine kid', token: signRaw(header, claims, other.privateKey) },
    {
      name: 'another P-256 key under its own kid',
      token: signRaw({ ...header, kid: other.kid }, claims, other.privateKey),
    },
    {
      name: 'another P-256 key, embedded as jwk',
      token: signRaw({ ...header, jwk: other.jwk }, claims, other.privateKey),
    },
    {
      name: 'claims with another client, re-signed by another valid key',
      token: signRaw(header, { ...claims, ...someone }, other.privateKey),
    },
    { name: 'P-384 called ES256', token: signRaw(header, claims, p384) },
    { name: 'P-384 called ES384', token: signRaw({ ...header, alg: 'ES384' }, claims, p384) },
    { name: 'P-521 called ES512', token: signRaw({ ...header, alg: 'ES512' }, claims, p521) },
    { name: 'secp256k1 called ES256', token: signRaw(header, claims, koblitz) },
    { name: 'secp256k1 called ES256K', token: signRaw({ ...header, alg: 'ES256K' }, claims, koblitz) },
    { name: 'RSA called ES256', token: signRaw(header, claims, rsa) },
    { name: 'RSA called RS256', token: signRaw({ ...header, alg: 'RS256' }, claims, rsa) },
  ];
}

function inTheSignature(genuine: string): Forgery[] {
  const cut = genuine.lastIndexOf('.') + 1;
  const message = genuine.slice(0, cut);
  const signature = Buffer.from(genuine.slice(cut), 'base64url');
  const [r, s] = [signature.subarray(0, 32), signature.subarray(32)];
  const flipped = (index: number): Buffer => {
    const copy = Buffer.from(signature);
    copy.writeUInt8(copy.readUInt8(index) ^ 1, index);
    return copy;
  };
  const order = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex');
  const zero = Buffer.alloc(32);
  const one = Buffer.concat([Buffer.alloc(31), Buffer.from([1])]);
  const variants: Record<string, Buffer> = {
    'no signature': Buffer.alloc(0),
    'r altered': flipped(31),
    's altered': flipped(63),
    // ECDSA itself takes (r, n - s) for (r, s); here a token has one spelling.
    's replaced by n - s': twinSignature(signature),
    'r and s exchanged': Buffer.concat([s, r]),
    'r and s zero (CVE-2022-21449)': Buffer.concat([zero, zero]),
    's zero': Buffer.concat([r, zero]),
    'r zero': Buffer.concat([zero, s]),
    'r and s equal to the order': Buffer.concat([order, order]),
    'r the order, s one': Buffer.concat([order, one]),
    'DER encoding': derOf(r, s),
    'one byte short': signature.subarray(0, 63),
    'one byte long': Buffer.concat([signature, Buffer.from([0])]),
    'a leading zero byte': Buffer.concat([Buffer.from([0]), signature]),
    'half of it': signature.subarray(0, 32),
    twice: Buffer.concat([signature, signature]),
  };
  return Object.entries(variants).map(([name, bytes]) => ({ name: `signature: ${name}`, token: message + b64(bytes) }));
}

function derOf(r: Buffer, s: Buffer): Buffer {
  const integer = (n: Buffer): Buffer => {
    const signed = n.readUInt8(0) >= 0x80 ? Buffer.concat([Buffer.from([0]), n]) : n;
    return Buffer.concat([Buffer.from([2, signed.length]), signed]);
  };
  const body = Buffer.concat([integer(r), integer(s)]);
  return Buffer.concat([Buffer.from([0x30, body.length]), body]);
}

function inTheSpelling(genuine: string): Forgery[] {
  const [header = '', payload = '', signature = ''] = genuine.split('.');
  const join = (...segments: string[]): string => segments.join('.');
  const pad = (segment: string): string => segment.padEnd(Math.ceil(segment.length / 4) * 4, '=');
  const last = signature.slice(-1);
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  // The last of 86 characters carries two bits; the other four are spare, and decode to nothing.
  const spare = alphabet.charAt(alphabet.indexOf(last) | 1);
  const spellings: Record<string, string> = {
    'signature with its spare bits set': join(header, payload, signature.slice(0, -1) + spare),
    'signature padded': join(header, payload, pad(signature)),
    'signature padded with too much': join(header, payload, `${signature}====`),
    'header padded': join(`${header}=`, payload, signature),
    'payload padded': join(header, `${payload}=`, signature),
    'characters that base64 skips': join(header, payload, `${signature}!`),
    'a space before': ` ${genuine}`,
    'a space after': `${genuine} `,
    'a newline after': `${genuine}\n`,
    'a newline within': join(header, `${payload.slice(0, 20)}\n${payload.slice(20)}`, signature),
    'a space within': join(header, `${payload.slice(0, 20)} ${payload.slice(20)}`, signature),
    'a tab within the signature': join(header, payload, `${signature.slice(0, 9)}\t${signature.slice(9)}`),
    'a NUL after': `${genuine}\0`,
    'a fourth segment': `${genuine}.AA`,
    'an empty fourth segment': `${genuine}.`,
    'an empty first segment': `.${genuine}`,
    'five segments, as of a JWE': join(header, '', payload, signature, signature),
    'two segments': join(header, payload),
    'one segment': header,
    nothing: '',
    'three empty segments': '..',
    'no header': join('', payload, signature),
    'no payload': join(header, '', signature),
    'the whole token base64url-encoded': b64(genuine),
    'a scheme before it': `Bearer ${genuine}`,
    'letters that look alike': genuine.replace('e', '\u0435'),
    'full-width dots': genuine.replaceAll('.', '\uff0e'),
    'larger than a token may be': join(header, payload, signature + 'A'.repeat(9000)),
    'segments in another order': join(payload, header, signature),
    'upper case': genuine.toUpperCase(),
  };
  return Object.entries(spellings).map(([name, token]) => ({ name: `spelling: ${name}`, token }));
}

/** All signed with the vault's own key: the header alone is at fault. */
function inTheHeader(genuine: string, key: TokenKey): Forgery[] {
  const { header, claims } = partsOf(genuine);
  const { alg, typ, kid } = header;
  const headers: Record<string, object> = {
    'typ JWT': { alg, typ: 'JWT', kid },
    'typ missing': { alg, kid },
    'typ application/at+jwt': { alg, typ: 'application/at+jwt', kid },
    'typ in capitals': { alg, typ: 'AT+JWT', kid },
    'typ with a space': { alg, typ: 'at+jwt ', kid },
    'typ of a receipt': { alg, typ: 'amanat-receipt+jws', kid },
    'typ of a client assertion': { alg, typ: 'client-authentication+jwt', kid },
    'typ null': { alg, typ: null, kid },
    'typ as a list': { alg, typ: ['at+jwt'], kid },
    'alg missing': { typ, kid },
    'alg in lower case': { alg: 'es256', typ, kid },
    'alg null': { alg: null, typ, kid },
    'alg as a list': { alg: ['ES256'], typ, kid },
    'alg ES384': { alg: 'ES384', typ, kid },
    'alg HS256': { alg: 'HS256', typ, kid },
    'kid missing': { alg, typ },
    'kid unknown': { alg, typ, kid: 'unknown' },
    'kid empty': { alg, typ, kid: '' },
    'kid with a space': { alg, typ, kid: `${String(kid)} ` },
    'kid a number': { alg, typ, kid: 0 },
    'kid a path': { alg, typ, kid: '../../../../dev/null' },
    'kid of an object member': { alg, typ, kid: 'toString' },
    'crit exp': { alg, typ, kid, crit: ['exp'] },
    'crit empty': { alg, typ, kid, crit: [] },
    'crit unknown': { alg, typ, kid, crit: ['x'], x: 1 },
    'b64 false': { alg, typ, kid, b64: false, crit: ['b64'] },
    'the right jwk, embedded': { alg, typ, kid, jwk: key.jwk },
    jku: { alg, typ, kid, jku: 'https://192.0.2.1/jwks.json' },
    x5u: { alg, typ, kid, x5u: 'https://192.0.2.1/x5u' },
    x5c: { alg, typ, kid, x5c: [] },
    'x5t#S256': { alg, typ, kid, 'x5t#S256': '' },
    cty: { alg, typ, kid, cty: 'JWT' },
    zip: { alg, typ, kid, zip: 'DEF' },
    nonce: { alg, typ, kid, nonce: 'n' },
  };
  return Object.entries(headers).map(([name, changed]) => ({
    name: `header: ${name}`,
    token: signRaw(changed, claims, key.privateKey),
  }));
}

/** All signed with the vault's own key: the claims alone are at fault. `undefined` removes one. */
function inTheClaims(genuine: string, key: TokenKey, time: number): Forgery[] {
  const { header, claims } = partsOf(genuine);
  const issuer = String(claims['iss']);
  const changes: Record<string, object> = {
    'exp missing': { exp: undefined },
    'exp as text': { exp: String(claims['exp']) },
    'exp fractional': { exp: time + 60.5 },
    'exp huge': { exp: Number.MAX_SAFE_INTEGER },
    'exp past': { iat: time - 600, exp: time - 300 },
    'exp now': { iat: time - 300, exp: time },
    'exp negative': { exp: -1 },
    'exp zero': { exp: 0 },
    'exp null': { exp: null },
    'exp as a list': { exp: [time + 60] },
    'exp before iat': { iat: time + 4, exp: time + 3 },
    'more than 15 minutes': { exp: time + 901 },
    'more than 15 minutes, issued long ago': { iat: time - 1000, exp: time + 10 },
    'iat missing': { iat: undefined },
    'iat future': { iat: time + 60, exp: time + 120 },
    'iat as text': { iat: String(time) },
    'iat fractional': { iat: time - 0.5 },
    'iat null': { iat: null },
    'nbf future': { nbf: time + 60 },
    'nbf as text': { nbf: 'now' },
    'nbf, which is never issued': { nbf: time - 60 },
    'iss of another': { iss: 'https://192.0.2.1' },
    'iss with a slash': { iss: `${issuer}/` },
    'iss in capitals': { iss: issuer.toUpperCase() },
    'iss missing': { iss: undefined },
    'iss as a list': { iss: [issuer] },
    'aud of another': { aud: 'https://192.0.2.1' },
    'aud missing': { aud: undefined },
    'aud as a list': { aud: [issuer] },
    'aud as a list with another': { aud: [issuer, 'https://192.0.2.1'] },
    'aud of the token endpoint': { aud: `${issuer}/oauth/token` },
    'aud empty': { aud: '' },
    'sub missing': { sub: undefined },
    'sub of another': { sub: randomUUID() },
    'client_id missing': { client_id: undefined },
    'client_id of another': { client_id: randomUUID() },
    'client_id no id': { client_id: 'admin', sub: 'admin' },
    'tenant missing': { tenant: undefined },
    'tenant no id': { tenant: '*' },
    'tenant as a list': { tenant: [claims['tenant']] },
    'jti missing': { jti: undefined },
    'jti version 4': { jti: randomUUID() },
    'role missing': { role: undefined },
    'role unknown': { role: 'superuser' },
    'role as a list': { role: ['support', 'system_admin'] },
    'role in capitals': { role: 'SUPPORT' },
    'role of an object member': { role: 'constructor' },
    'role subject without a subject': { role: 'subject' },
    'a subject with another role': { subject: randomUUID() },
    'scope missing': { scope: undefined },
    'scope of a space': { scope: ' ' },
    'scope unknown': { scope: 'customers:read everything' },
    'scope as a list': { scope: ['customers:read'] },
    'scope with two spaces': { scope: 'customers:read  grants:read' },
    'purposes missing': { purposes: undefined },
    'purposes as text': { purposes: 'support' },
    'act as text': { act: 'staff-17' },
    'act empty': { act: {} },
    'act with a name': { act: { sub: 'زهرا محمدی' } },
    'act nested': { act: { sub: 'staff-17', act: { sub: 'x' } } },
    'department as an object': { department: {} },
    'a claim nobody knows': { admin: true },
  };
  return Object.entries(changes).map(([name, changed]) => ({
    name: `claims: ${name}`,
    token: signRaw(header, { ...claims, ...changed }, key.privateKey),
  }));
}

/** Signed with the vault's own key, but not JSON that two readers understand alike. */
function inTheJson(genuine: string, key: TokenKey): Forgery[] {
  const { header, claims } = partsOf(genuine);
  const [headerText, claimsText] = [jsonOf(header), jsonOf(claims)];
  const inside = (text: string, first: string): string => `{${first},${text.slice(1)}`;
  const pairs: Record<string, [string | Buffer, string | Buffer]> = {
    'alg twice': [inside(headerText, '"alg":"none"'), claimsText],
    'alg twice, alike': [inside(headerText, '"alg":"ES256"'), claimsText],
    'role twice': [headerText, inside(claimsText, '"role":"system_admin"')],
    'exp twice': [headerText, inside(claimsText, '"exp":9999999999')],
    'role twice, once escaped': [headerText, inside(claimsText, '"\\u0072ole":"system_admin"')],
    'a __proto__ member': [headerText, inside(claimsText, '"__proto__":{"role":"system_admin"}')],
    'header with a comment': [`${headerText}//`, claimsText],
    'payload with a byte order mark': [headerText, `\ufeff${claimsText}`],
    'payload that is not UTF-8': [headerText, Buffer.from(claimsText.replace('staff-17', 'staff-\u00e9'), 'latin1')],
    'payload with a NUL': [headerText, `${claimsText}\0`],
    'payload a list': [headerText, `[${claimsText}]`],
    'payload a text': [headerText, JSON.stringify(claimsText)],
    'payload null': [headerText, 'null'],
    'payload empty': [headerText, '{}'],
    'header null': ['null', claimsText],
    'header a list': [`[${headerText}]`, claimsText],
    'payload 600 deep': [headerText, inside(claimsText, `"purposes":${'['.repeat(600)}${']'.repeat(600)}`)],
    'payload a token': [headerText, genuine],
  };
  return Object.entries(pairs).map(([name, [first, second]]) => ({
    name: `json: ${name}`,
    token: signRaw(first, second, key.privateKey),
  }));
}
