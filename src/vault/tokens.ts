import { commit } from '../db/commit.ts';
import { DbFault } from '../db/fault.ts';
import type { Statement } from '../db/statement.ts';
import { insertRevocation, requireActiveCustomer } from '../db/tokens.ts';
import { VaultError } from '../errors.ts';
import type { Role } from '../policy/profile.ts';
import {
  actorPattern,
  callerOfClaims,
  clockMarginMs,
  issueAccessToken,
  verifyAccessClaims,
  type AccessClaims,
  type TokenContent,
} from './accessToken.ts';
import { refusalOf, write, type Answer } from './act.ts';
import { leafStatement, type Deed } from './audit.ts';
import type { Client } from './clientAuthentication.ts';
import { oauthRefusal, type OAuthError } from './oauthAnswer.ts';
import { actions, scopesOf, type Scope } from './permit.ts';
import { isDeclared, purposesOf } from './reader.ts';
import type { Vault } from './vault.ts';

const clientCredentials = 'client_credentials';
const tokenExchange = 'urn:ietf:params:oauth:grant-type:token-exchange';
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token';
const tokenTypes: ReadonlySet<string> = new Set([accessTokenType, 'urn:ietf:params:oauth:token-type:jwt']);
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export const grantTypes = [clientCredentials, tokenExchange] as const;

/** The parameters a token request may have; others are ignored (RFC 6749 section 3.2). */
export const tokenParameters = [
  'grant_type',
  'scope',
  'actor',
  'requested_subject',
  'subject_token',
  'subject_token_type',
  'actor_token',
  'requested_token_type',
  'audience',
  'resource',
] as const;
export type TokenRequest = Readonly<Partial<Record<(typeof tokenParameters)[number], string>>>;

/** RFC 6749 section 4.4 and RFC 8693, for a client that has authenticated. The token leaves when its leaf is durable. */
export async function grantToken(
  vault: Vault,
  client: Client,
  request: TokenRequest,
  requestId: string,
): Promise<Answer> {
  await vault.watch.fresh();
  // A tenant that another process has just made.
  if (!vault.watch.tenants().includes(client.tenantId)) await vault.watch.look();
  const attempt: Attempt = { vault, client, request, requestId };
  switch (request.grant_type) {
    case undefined:
      return oauthRefusal('invalid_request');
    case clientCredentials:
      return grantToClient(attempt);
    case tokenExchange:
      return grantSubjectsView(attempt);
    default:
      return oauthRefusal('unsupported_grant_type');
  }
}

interface Attempt {
  readonly vault: Vault;
  readonly client: Client;
  readonly request: TokenRequest;
  readonly requestId: string;
}

async function grantToClient(attempt: Attempt): Promise<Answer> {
  const { vault, client, request } = attempt;
  const { profile } = vault.watch.policy(client.tenantId);
  const scopes = scopesAsked(request.scope, client.role);
  const { actor } = request;
  if (!isDeclared(profile, client)) return refuseToken(attempt, 'tokens.issue', 'unauthorized_client');
  if (actor !== undefined && !actorPattern.test(actor)) return refuseToken(attempt, 'tokens.issue', 'invalid_request');
  if (scopes === undefined) return refuseToken(attempt, 'tokens.issue', 'invalid_scope');
  if (isElsewhere(attempt)) return refuseToken(attempt, 'tokens.issue', 'invalid_target');
  const { tenantId, clientId, role, department, carrierProfile } = client;
  const purposes = purposesOf(profile, client);
  const content = {
    tenantId,
    clientId,
    role,
    scopes,
    purposes,
    actor,
    department,
    carrierProfile,
    subjectId: undefined,
  };
  return issue(attempt, 'tokens.issue', content, [], {});
}

/**
 * The data subject's own view (contract.md). RFC 8693 demands a `subject_token`, which the vault has no use for: the shop
 * has signed its customer in, and `requested_subject` names the customer. It may be absent; when sent, it must be the
 * client's own access token, and its scopes bind.
 */
async function grantSubjectsView(attempt: Attempt): Promise<Answer> {
  const { vault, client, request } = attempt;
  const refuse = (error: OAuthError): Promise<Answer> => refuseToken(attempt, 'tokens.exchange', error);
  const { profile } = vault.watch.policy(client.tenantId);
  const rule: { readonly roles: readonly Role[] } = actions['subjects.exchange'];
  if (!rule.roles.includes(client.role) || !isDeclared(profile, client)) return refuse('unauthorized_client');
  if (!isExchange(request)) return refuse('invalid_request');
  if (request.subject_token !== undefined) {
    const own = liveToken(vault, request.subject_token);
    if (own?.client_id !== client.clientId || own.role === 'subject') return refuse('invalid_request');
    if (!own.scope.includes('subjects')) return refuse('invalid_scope');
  }
  const scopes = scopesAsked(request.scope, 'subject');
  if (scopes === undefined) return refuse('invalid_scope');
  const subjectId = request.requested_subject;
  if (subjectId === undefined) return refuse('invalid_request');
  if (!uuid.test(subjectId) || isElsewhere(attempt)) return refuse('invalid_target');
  const { tenantId, clientId } = client;
  const nobody = { department: undefined, carrierProfile: undefined, purposes: [] };
  const content = { tenantId, clientId, role: 'subject', scopes, actor: clientId, subjectId, ...nobody } as const;
  try {
    return await issue(attempt, 'tokens.exchange', content, [requireActiveCustomer(tenantId, subjectId)], {
      subjectId,
    });
  } catch (error) {
    if (error instanceof DbFault && error.guard === 'unknown_subject') return refuse('invalid_target');
    throw refusalOf(vault, error);
  }
}

/** RFC 8693 section 2.1: a token comes with its type, we exchange access tokens only, and nobody acts for the subject. */
function isExchange(request: TokenRequest): boolean {
  const { subject_token: token, subject_token_type: type, requested_token_type: wanted } = request;
  if ((token === undefined) !== (type === undefined) || request.actor_token !== undefined) return false;
  return [type, wanted].every((name) => name === undefined || tokenTypes.has(name));
}

/** RFC 8707, RFC 8693 section 2.1: tokens of this vault are for this vault. */
function isElsewhere({ vault, request }: Attempt): boolean {
  return [request.audience, request.resource].some((target) => target !== undefined && target !== vault.issuer);
}

/** All the role can hold when none is asked; undefined when one of those asked is not among them. */
function scopesAsked(text: string | undefined, role: Role): readonly Scope[] | undefined {
  const most = scopesOf(role);
  if (text === undefined) return most;
  const asked = new Set<string>(text.split(' '));
  const granted = most.filter((scope) => asked.has(scope));
  return granted.length === asked.size ? granted : undefined;
}

async function issue(
  attempt: Attempt,
  action: 'tokens.issue' | 'tokens.exchange',
  content: TokenContent,
  guards: readonly Statement[],
  deed: Deed,
): Promise<Answer> {
  const { vault, client, requestId } = attempt;
  const issued = issueAccessToken(vault.keys.token, vault.issuer, content, vault.now());
  const doer = action === 'tokens.issue' ? { ...client, actor: content.actor } : client;
  const object = { kind: 'tokens', id: issued.tokenId };
  const leaf = leafStatement(vault, doer, { action, requestId }, { ...deed, object });
  await commit(vault.db, { tenantIds: [client.tenantId] }, [...guards, leaf]).catch((error: unknown) => {
    throw error instanceof DbFault && error.kind === 'guard' ? error : refusalOf(vault, error);
  });
  return {
    status: 200,
    body: {
      access_token: issued.token,
      ...(action === 'tokens.exchange' ? { issued_token_type: accessTokenType } : {}),
      token_type: 'Bearer',
      expires_in: issued.expiresInSeconds,
      // RFC 6749 section 3.3: a scope has at least one word.
      ...(content.scopes.length === 0 ? {} : { scope: content.scopes.join(' ') }),
    },
  };
}

/** A refusal of a client that is known leaves its leaf, and stays a refusal when the audit cannot be written. */
async function refuseToken(
  { vault, client, requestId }: Attempt,
  action: 'tokens.issue' | 'tokens.exchange' | 'tokens.revoke',
  error: OAuthError,
): Promise<Answer> {
  try {
    const deed: Deed = { outcome: 'refused', rule: error };
    await write(vault, client.tenantId, [leafStatement(vault, client, { action, requestId }, deed)]);
  } catch {
    vault.notice('refusal_unrecorded', error);
  }
  return oauthRefusal(error);
}

/** RFC 7009. A client revokes its own tokens; what is no live token of this tenant needs no revoking and is answered alike. */
export async function revokeToken(
  vault: Vault,
  client: Client,
  token: string | undefined,
  requestId: string,
): Promise<Answer> {
  if (token === undefined) return oauthRefusal('invalid_request');
  const claims = readToken(vault, token);
  if (claims === undefined || claims.tenant !== client.tenantId) return { status: 200, body: {} };
  if (claims.client_id !== client.clientId) {
    return refuseToken({ vault, client, request: {}, requestId }, 'tokens.revoke', 'unauthorized_client');
  }
  const expiresAt = claims.exp * 1000 + clockMarginMs;
  const revocation = { tokenId: claims.jti, expiresAt: new Date(expiresAt) };
  const object = { kind: 'tokens', id: claims.jti };
  await write(vault, client.tenantId, [
    insertRevocation(client.tenantId, revocation, new Date(vault.now())),
    leafStatement(vault, client, { action: 'tokens.revoke', requestId }, { object, subjectId: claims.subject }),
  ]);
  vault.watch.revokeToken(claims.jti, expiresAt);
  return { status: 200, body: {} };
}

/** RFC 7662. Another tenant's token is as inactive as none (section 2.2). */
export async function introspectToken(vault: Vault, client: Client, token: string | undefined): Promise<Answer> {
  if (token === undefined) return oauthRefusal('invalid_request');
  await vault.watch.fresh();
  const claims = liveToken(vault, token);
  if (claims?.tenant !== client.tenantId) return { status: 200, body: { active: false } };
  return { status: 200, body: { active: true, token_type: 'Bearer', ...claims, scope: claims.scope.join(' ') } };
}

/** After `fresh`: what a token says that would be let in now. */
function liveToken(vault: Vault, token: string): AccessClaims | undefined {
  const claims = readToken(vault, token);
  return claims === undefined || vault.watch.isRevoked(callerOfClaims(claims)) ? undefined : claims;
}

function readToken(vault: Vault, token: string): AccessClaims | undefined {
  try {
    return verifyAccessClaims(vault.keys.token, vault.issuer, token, vault.now());
  } catch (error) {
    if (error instanceof VaultError && error.code === 'unauthenticated') return undefined;
    throw error;
  }
}
