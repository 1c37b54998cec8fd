import { write, type Act, type Answer } from './act.ts';
import { leafStatement } from './audit.ts';
import type { Doer } from './caller.ts';
import type { Vault } from './vault.ts';

/** How the token endpoints say no (RFC 6749 section 5.2, RFC 8693 section 2.2.2). Fixed texts, never data. */
const table = {
  invalid_request: { status: 400, text: 'A parameter is missing, repeated or malformed' },
  invalid_client: { status: 401, text: 'Client authentication failed' },
  unauthorized_client: { status: 400, text: 'The client may not do this' },
  unsupported_grant_type: { status: 400, text: 'The grant type is not one of those in the metadata' },
  invalid_scope: { status: 400, text: 'The scope is unknown or more than the client may hold' },
  invalid_target: { status: 400, text: 'The subject or target is unknown' },
} as const;
export type OAuthError = keyof typeof table;

export function oauthRefusal(error: OAuthError): Answer {
  const { status, text } = table[error];
  const body = { error, error_description: text };
  // RFC 6749 section 5.2: with the scheme the client can use.
  return status === 401 ? { status, body, headers: { 'WWW-Authenticate': 'Basic realm="amanat"' } } : { status, body };
}

/** A failed authentication after too many others (RFC 6585 section 4). The right credentials are served all the same. */
export function oauthDelay(seconds: number): Answer {
  const body = { error: 'invalid_client' satisfies OAuthError, error_description: 'Too many failed authentications' };
  return { status: 429, body, headers: { 'Retry-After': String(seconds) } };
}

/** The refusal of a client that is known leaves its leaf, and stays a refusal when the audit cannot be written. */
export async function refuseClient(vault: Vault, client: Doer, act: Act, error: OAuthError): Promise<Answer> {
  try {
    const leaf = leafStatement(vault, client, act, { outcome: 'refused', rule: error });
    await write(vault, client.tenantId, [leaf]);
  } catch {
    vault.notice('refusal_unrecorded', error);
  }
  return oauthRefusal(error);
}
