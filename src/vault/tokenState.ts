import { insertRevocation } from '../db/tokens.ts';
import { VaultError } from '../errors.ts';
import { callerOfClaims, clockMarginMs, verifyAccessClaims, type AccessClaims } from './accessToken.ts';
import { write, type Answer } from './act.ts';
import { leafStatement } from './audit.ts';
import type { Client } from './clientAuthentication.ts';
import { oauthRefusal, refuseClient } from './oauthAnswer.ts';
import type { Vault } from './vault.ts';

/** RFC 7009. A client revokes its own tokens; what is no live token of this tenant needs no revoking and is answered alike. */
export async function revokeToken(
  vault: Vault,
  client: Client,
  token: string | undefined,
  requestId: string,
): Promise<Answer> {
  if (token === undefined) return oauthRefusal('invalid_request');
  const act = { action: 'tokens.revoke', requestId } as const;
  const claims = readToken(vault, token);
  if (claims === undefined || claims.tenant !== client.tenantId) return { status: 200, body: {} };
  if (claims.client_id !== client.clientId) {
    return refuseClient(vault, client, act, 'unauthorized_client');
  }
  const expiresAt = claims.exp * 1000 + clockMarginMs;
  const revocation = { tokenId: claims.jti, expiresAt: new Date(expiresAt) };
  const object = { kind: 'tokens', id: claims.jti };
  await write(vault, client.tenantId, [
    insertRevocation(client.tenantId, revocation, new Date(vault.now())),
    leafStatement(vault, client, act, { object, subjectId: claims.subject }),
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
export function liveToken(vault: Vault, token: string): AccessClaims | undefined {
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
