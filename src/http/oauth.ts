import type { VaultError } from '../errors.ts';
import { authenticateClient, type Client, type Credentials } from '../vault/clientAuthentication.ts';
import { jwks, metadata, publishedKeys } from '../vault/discovery.ts';
import { oauthRefusal, type OAuthError } from '../vault/oauthAnswer.ts';
import type { Throttle } from '../vault/throttle.ts';
import { grantToken, tokenParameters, type TokenRequest } from '../vault/tokens.ts';
import { introspectToken, revokeToken } from '../vault/tokenState.ts';
import type { Vault } from '../vault/vault.ts';
import type { Declarations } from './acts.ts';
import type { JsonAnswer } from './respond.ts';
import { sourceOf, type Incoming } from './route.ts';
import { decode } from './target.ts';

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const basic = /^Basic ([A-Za-z0-9+/]+={0,2})$/i;
/** Metadata and keys are public and change with a rotation only, which keeps both keys for longer than this. */
const cached = { 'Cache-Control': 'public, max-age=300' };

/** What is wrong with the form of a request is told in RFC 6749's words; the rest stays problem+json. */
const refusal = (error: VaultError): JsonAnswer | undefined =>
  error.code === 'malformed_request' ? uncached(oauthRefusal('invalid_request')) : undefined;
const options = { auth: false, body: 'form', refusal } as const;

/** The token endpoints (RFC 6749, 7009, 7662, 8693) and what clients discover them by (RFC 8414, RFC 7517). */
export function oauth(api: Declarations, vault: Vault, throttle: Throttle): void {
  const authenticated =
    (serve: (client: Client, request: FormRequest) => Promise<JsonAnswer>) =>
    async (request: FormRequest): Promise<JsonAnswer> => {
      const credentials = credentialsOf(request);
      if (typeof credentials === 'string') return uncached(oauthRefusal(credentials));
      const origin = { source: sourceOf(request), requestId: request.id };
      const outcome = await authenticateClient(vault, throttle, credentials, origin);
      return uncached('client' in outcome ? await serve(outcome.client, request) : outcome.refusal);
    };

  api.post(
    '/oauth/token',
    options,
    authenticated((client, request) => grantToken(vault, client, tokenRequestOf(request), request.id)),
  );
  api.post(
    '/oauth/revoke',
    options,
    authenticated((client, request) => revokeToken(vault, client, parameter(request, 'token'), request.id)),
  );
  api.post(
    '/oauth/introspect',
    options,
    authenticated((client, request) => introspectToken(vault, client, parameter(request, 'token'))),
  );
  api.get('/.well-known/oauth-authorization-server', { auth: false }, () => ({
    status: 200,
    body: metadata(vault),
    headers: cached,
  }));
  api.get('/.well-known/jwks.json', { auth: false, produces: 'application/jwk-set+json' }, () => ({
    status: 200,
    type: 'application/jwk-set+json',
    bytes: JSON.stringify(jwks(vault)),
    headers: cached,
  }));
  api.get('/.well-known/amanat-keys.json', { auth: false }, () => ({
    status: 200,
    body: publishedKeys(vault),
    headers: cached,
  }));
}

/** RFC 6749 section 5.1 asks for Pragma beside `no-store`, which every answer has. */
function uncached(answer: JsonAnswer): JsonAnswer {
  return { ...answer, headers: { ...answer.headers, Pragma: 'no-cache' } };
}

type FormRequest = Incoming<undefined, 'form', never>;

/** RFC 6749 section 3.2: a parameter without a value counts as omitted. */
function parameter(request: FormRequest, name: string): string | undefined {
  return request.body.get(name) || undefined;
}

function tokenRequestOf(request: FormRequest): TokenRequest {
  return Object.fromEntries(
    tokenParameters.flatMap((name) => {
      const value = parameter(request, name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** One way of authenticating, and only one (RFC 6749 section 2.3). A secret in the body is not among them. */
function credentialsOf(request: FormRequest): Credentials | OAuthError {
  const { authorization } = request.headers;
  const assertion = parameter(request, 'client_assertion');
  const clientId = parameter(request, 'client_id');
  if (request.body.has('client_secret')) return 'invalid_client';
  if (authorization !== undefined && assertion !== undefined) return 'invalid_request';
  if (assertion !== undefined) {
    if (parameter(request, 'client_assertion_type') !== assertionType) return 'invalid_request';
    return { method: 'private_key_jwt', clientId, assertion };
  }
  const pair = userAndPassword(authorization ?? '');
  if (pair === undefined) return 'invalid_client';
  if (clientId !== undefined && clientId !== pair.clientId) return 'invalid_request';
  return { method: 'client_secret', ...pair };
}

/** RFC 7617 with both halves form-encoded (RFC 6749 section 2.3.1). */
function userAndPassword(authorization: string): { clientId: string; secret: string } | undefined {
  const encoded = basic.exec(authorization)?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon < 0) return undefined;
  try {
    return { clientId: formDecoded(text.slice(0, colon)), secret: formDecoded(text.slice(colon + 1)) };
  } catch {
    return undefined;
  }
}

const formDecoded = (text: string): string => decode(text.replaceAll('+', ' '));
