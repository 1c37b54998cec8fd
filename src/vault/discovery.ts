import { certificateDer } from '../crypto/x509.ts';
import type { TokenKey } from '../keys/folder.ts';
import { tokenEndpoint } from './clientAuthentication.ts';
import { scopes } from './permit.ts';
import { grantTypes } from './tokens.ts';
import type { Vault } from './vault.ts';

const authMethods = ['client_secret_basic', 'private_key_jwt'] as const;
const assertionAlgorithms = ['ES256', 'RS256', 'PS256'] as const;

/** RFC 8414 section 2: what a client library needs to find its way. */
export function metadata({ issuer }: Pick<Vault, 'issuer'>) {
  return {
    issuer,
    token_endpoint: tokenEndpoint(issuer),
    revocation_endpoint: `${issuer}/oauth/revoke`,
    introspection_endpoint: `${issuer}/oauth/introspect`,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    // Of this vault's own (RFC 8414 section 2 leaves room for more): not for those who verify tokens.
    amanat_keys_uri: `${issuer}/.well-known/amanat-keys.json`,
    // Required; there is no authorization endpoint, so none.
    response_types_supported: [],
    grant_types_supported: grantTypes,
    scopes_supported: scopes,
    token_endpoint_auth_methods_supported: authMethods,
    token_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    revocation_endpoint_auth_methods_supported: authMethods,
    revocation_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    introspection_endpoint_auth_methods_supported: authMethods,
    introspection_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    service_documentation: `${issuer}/docs`,
  };
}

/** RFC 7517 section 5: every key under which a token may still verify, the signing one first. */
export function jwks({ keys }: Pick<Vault, 'keys'>) {
  return { keys: keys.token.map((key) => key.jwk) };
}

/** One public key as it verifies what the vault signed (RFC 7517 section 4), and what that is. */
interface PublishedKey {
  readonly kid: string;
  readonly use: 'sig';
  readonly alg: 'ES256' | 'PS256' | 'EdDSA';
  readonly signs: 'token' | 'export' | 'checkpoint';
  /** It makes new signatures; the others only verify. */
  readonly current: boolean;
  /** Base64 DER of its certificate (RFC 7517 section 4.7). */
  readonly x5c?: readonly string[];
}

const algorithms = { token: 'ES256', export: 'PS256', checkpoint: 'EdDSA' } as const;

/**
 * Every public key that verifies what this vault signs or has signed, of all families in one place. Not in the key set of RFC 8414's
 * `jwks_uri`: whoever believes every key there would believe a token that an export key signed.
 */
export function publishedKeys({ keys }: Pick<Vault, 'keys'>) {
  const { token, exportSigning, formerExport, retiredExport, checkpoint, formerCheckpoint } = keys;
  return {
    version: 1,
    keys: [
      ...token.map((key, i) => published(key, 'token', i === 0)),
      ...[exportSigning, ...formerExport, ...retiredExport].map((key, i) => ({
        ...published(key, 'export', i === 0),
        x5c: [certificateDer(key.certificatePem).toString('base64')],
      })),
      // All that are there sign each checkpoint; of the others the file says so.
      ...checkpoint.map((key) => published(key, 'checkpoint', true)),
      ...formerCheckpoint.map((key) => published(key, 'checkpoint', false)),
    ],
  };
}

function published(
  { kid, publicKey }: Pick<TokenKey, 'kid' | 'publicKey'>,
  signs: PublishedKey['signs'],
  current: boolean,
): PublishedKey {
  return { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: algorithms[signs], signs, current };
}
