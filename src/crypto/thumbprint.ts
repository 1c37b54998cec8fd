import { createPublicKey, hash, type KeyObject } from 'node:crypto';
import { VaultError } from '../errors.ts';

/** The members of a public JWK that its thumbprint covers, in the order of their names. */
const required: Readonly<Record<string, readonly string[]>> = {
  EC: ['crv', 'kty', 'x', 'y'],
  OKP: ['crv', 'kty', 'x'],
  RSA: ['e', 'kty', 'n'],
};

/** JWK thumbprint (RFC 7638 section 3), base64url: the same for the private and the public half. */
export function keyThumbprint(key: KeyObject): string {
  const jwk: Record<string, unknown> = {
    ...(key.type === 'private' ? createPublicKey(key) : key).export({ format: 'jwk' }),
  };
  const members = required[String(jwk['kty'])];
  if (members === undefined) throw new VaultError('internal');
  return hash('sha256', JSON.stringify(Object.fromEntries(members.map((name) => [name, jwk[name]]))), 'base64url');
}
