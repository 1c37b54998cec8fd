import type { IncomingMessage } from 'node:http';
import { VaultError } from '../errors.ts';
import type { TokenVerifier, VerifyToken } from '../vault/accessToken.ts';
import type { Caller } from '../vault/caller.ts';
import type { Watch } from '../vault/watch.ts';

const bearer = /^Bearer ([\w\-.~+/]+=*)$/i;

/**
 * Who sent this request: the one access token of its one Authorization header (RFC 6750 section 2.1; never the query or
 * the body), verified and, as of at most five seconds ago, not revoked. Throws `unauthenticated`, or `audit_unavailable`
 * when revocations cannot be known.
 */
export function authenticator(
  verify: VerifyToken,
  watch: Pick<Watch, 'fresh' | 'isRevoked'>,
): (req: IncomingMessage) => Promise<Caller> {
  return async (req) => {
    const caller = verify(tokenOf(req));
    await watch.fresh();
    if (watch.isRevoked(caller)) throw new VaultError('unauthenticated');
    return caller;
  };
}

/** Who sent this request if its token verified before; anything else is nobody's. */
export function callerRecalled(recall: TokenVerifier['recall']): (req: IncomingMessage) => Caller | undefined {
  return ({ headers: { authorization } }) =>
    authorization === undefined ? undefined : recall(bearer.exec(authorization)?.[1] ?? '');
}

/** Repeated headers arrive joined by a comma (server.ts), which is no token. */
function tokenOf(req: IncomingMessage): string {
  const token = bearer.exec(req.headers.authorization ?? '')?.[1];
  if (token === undefined) throw new VaultError('unauthenticated');
  return token;
}
