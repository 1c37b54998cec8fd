import { commit } from '../db/commit.ts';
import { DbFault } from '../db/fault.ts';
import type { Statement } from '../db/statement.ts';
import { markSeen } from '../db/retentionAccounts.ts';
import { requireActiveCustomer } from '../db/tokens.ts';
import type { Role } from '../policy/profile.ts';
import { actorPattern, issueAccessToken, type TokenContent } from './accessToken.ts';
import { refusalOf, type Act, type Answer } from './act.ts';
import { leafStatement } from './audit.ts';
import type { Doer } from './caller.ts';
import type { Client } from './clientAuthentication.ts';
import { oauthRefusal, refuseClient, type OAuthError } from './oauthAnswer.ts';
import { actions, scopesOf, type Scope } from './permit.ts';
import { isDeclared, purposesOf } from './reader.ts';
import { liveToken } from './tokenState.ts';
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
  switch (request.grant_type) {
    case undefined:
      return oauthRefusal('invalid_request');
    case clientCredentials:
      return grantToClient({ vault, client, request, act: { action: 'tokens.issue', requestId } });
    case tokenExchange:
      return grantSubjectsView({ vault, client, request, act: { action: 'tokens.exchange', requestId } });
    default:
      return oauthRefusal('unsupported_grant_type');
  }
}

interface Attempt {
  readonly vault: Vault;
  readonly client: Client;
  readonly request: TokenRequest;
  readonly act: Act;
}

async function grantToClient(attempt: Attempt): Promise<Answer> {
  const { vault, client, request } = attempt;
  const { profile } = vault.watch.policy(client.tenantId);
  const { tenantId, clientId, role, department, carrierProfile } = client;
  const { actor } = request;
  const scopes = scopesAsked(request.scope, role);
  if (!isDeclared(profile, client)) return refuse(attempt, 'unauthorized_client');
  if (vault.watch.isFrozen({ tenantId, clientId, actor })) return refuse(attempt, 'unauthorized_client');
  if (actor !== undefined && !actorPattern.test(actor)) return refuse(attempt, 'invalid_request');
  if (scopes === undefined) return refuse(attempt, 'invalid_scope');
  if (isElsewhere(attempt)) return refuse(attempt, 'invalid_target');
  const purposes = purposesOf(profile, client);
  const staff = { ...client, actor };
  const content = { tenantId, clientId, role, scopes, purposes, actor, department, carrierProfile };
  return issue(attempt, staff, { ...content, subjectId: undefined });
}

/**
 * The data subject's own view (contract.md). RFC 8693 demands a `subject_token`, which the vault has no use for: the shop
 * has signed its customer in, and `requested_subject` names the customer. It may be absent; when sent, it must be the
 * client's own access token, and its scopes bind.
 */
async function grantSubjectsView(attempt: Attempt): Promise<Answer> {
  const { vault, client, request } = attempt;
  const { profile } = vault.watch.policy(client.tenantId);
  const rule: { readonly roles: readonly Role[] } = actions['subjects.exchange'];
  if (vault.watch.isFrozen(client)) return refuse(attempt, 'unauthorized_client');
  if (!rule.roles.includes(client.role) || !isDeclared(profile, client)) return refuse(attempt, 'unauthorized_client');
  if (!isExchange(request)) return refuse(attempt, 'invalid_request');
  if (request.subject_token !== undefined) {
    const own = liveToken(vault, request.subject_token);
    if (own?.client_id !== client.clientId || own.role === 'subject') return refuse(attempt, 'invalid_request');
    if (!own.scope.includes('subjects')) return refuse(attempt, 'invalid_scope');
  }
  const scopes = scopesAsked(request.scope, 'subject');
  if (scopes === undefined) return refuse(attempt, 'invalid_scope');
  const subjectId = request.requested_subject;
  if (subjectId === undefined) return refuse(attempt, 'invalid_request');
  if (!uuid.test(subjectId) || isElsewhere(attempt)) return refuse(attempt, 'invalid_target');
  const { tenantId, clientId } = client;
  const nobody = { department: undefined, carrierProfile: undefined, purposes: [] };
  const content = { tenantId, clientId, role: 'subject', scopes, actor: clientId, subjectId, ...nobody } as const;
  return issue(attempt, client, content, [
    requireActiveCustomer(tenantId, subjectId),
    markSeen(tenantId, subjectId, new Date(vault.now())),
  ]);
}

const refuse = ({ vault, client, act }: Attempt, error: OAuthError): Promise<Answer> =>
  refuseClient(vault, client, act, error);

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

/** Signs the token; it is answered when its leaf is durable. */
async function issue(
  attempt: Attempt,
  doer: Doer,
  content: TokenContent,
  guards: readonly Statement[] = [],
): Promise<Answer> {
  const { vault, client, act } = attempt;
  const issued = issueAccessToken(vault.peers.signing(vault.keys.token), vault.issuer, content, vault.now());
  const deed = { object: { kind: 'tokens', id: issued.tokenId }, subjectId: content.subjectId };
  try {
    const statements = [...guards, leafStatement(vault, doer, act, deed)];
    await commit(vault.db, { tenantIds: [client.tenantId] }, statements);
  } catch (error) {
    if (error instanceof DbFault && error.guard === 'unknown_subject') return refuse(attempt, 'invalid_target');
    throw refusalOf(vault, error);
  }
  return {
    status: 200,
    body: {
      access_token: issued.token,
      ...(content.role === 'subject' ? { issued_token_type: accessTokenType } : {}),
      token_type: 'Bearer',
      expires_in: issued.expiresInSeconds,
      // RFC 6749 section 3.3: a scope has at least one word.
      ...(content.scopes.length === 0 ? {} : { scope: content.scopes.join(' ') }),
    },
  };
}
