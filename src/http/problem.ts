import { problems, VaultError } from '../errors.ts';
import { faultOf } from '../log.ts';
import { advice } from './advice.ts';
import type { Reply } from './exchange.ts';
import { exhausted } from './limits.ts';
import { cut, sendBytes } from './respond.ts';

export const problemType = 'application/problem+json; charset=utf-8';
/** More faults than this help nobody. */
const mostFaults = 50;

/** The members of RFC 9457, and ours: `code`, `errors`, `requestId`. */
export function problemBody(error: VaultError, requestId: string): string {
  const { code } = error;
  const { status, title } = problems[code];
  const errors = error.faults.slice(0, mostFaults).map((fault) => ({ pointer: fault.pointer, code: fault.code }));
  // Relative to the issuer; /docs/problems lists every code.
  const type = `/docs/problems#${code}`;
  return JSON.stringify({ type, title, status, code, detail: advice[code], errors, requestId });
}

/** Headers that the status calls for. */
export function problemHeaders(error: VaultError, tokenGiven: boolean): Record<string, string> {
  const { code, status } = error;
  const headers: Record<string, string> = {};
  // RFC 6750 section 3: no error code for a request that brought no token.
  if (code === 'unauthenticated')
    headers['WWW-Authenticate'] = `Bearer realm="amanat"${tokenGiven ? ', error="invalid_token"' : ''}`;
  if (code === 'insufficient_scope') headers['WWW-Authenticate'] = 'Bearer realm="amanat", error="insufficient_scope"';
  const retryAfter = error.retryAfter ?? (status === 429 || status === 503 ? 1 : undefined);
  const seconds = Math.max(1, Math.ceil(retryAfter ?? 0));
  if (retryAfter !== undefined) headers['Retry-After'] = String(seconds);
  if (code === 'too_many_requests') headers['RateLimit'] = exhausted(seconds);
  return headers;
}

/** Anything that is not ours is a bare `internal`; its class and place go to the log, nothing of it to the client. */
export function refusalFor(res: Reply, error: unknown): VaultError {
  const { rules, id } = res.locals;
  const refusal = error instanceof VaultError ? error : new VaultError('internal');
  res.locals.code = refusal.code;
  if (refusal !== error) rules.log.event('fault', { ...faultOf(error), requestId: id });
  if (refusal.code === 'integrity_failure') {
    rules.log.event('integrity_failure', { ...faultOf(error, refusal.code), requestId: id });
  }
  return refusal;
}

/** Answers with problem+json (RFC 9457). `more` adds headers that only the caller knows (Allow). */
export function sendProblem(res: Reply, error: unknown, more?: Readonly<Record<string, string>>): void {
  const refusal = refusalFor(res, error);
  if (res.headersSent) {
    // Half an answer is out; only cutting it says that it is not whole.
    if (!res.writableEnded) cut(res);
    return;
  }
  const headers = { ...problemHeaders(refusal, res.req.headers.authorization !== undefined), ...more };
  sendBytes(res, refusal.status, problemType, problemBody(refusal, res.locals.id), headers);
}
