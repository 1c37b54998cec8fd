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
