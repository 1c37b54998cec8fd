import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

import { problems, VaultError, type Code } from '../errors.ts';
import type { HttpRules, Reply } from './exchange.ts';
import { withStanding } from './headers.ts';
import { problemBody, problemType, sendProblem } from './problem.ts';

/** What Node's parser or its clock found (https://nodejs.org/api/http.html#event-clienterror). */
const codes: Readonly<Record<string, Code>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'body_too_large',
};
const gone: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ERR_STREAM_PREMATURE_CLOSE']);

/**
 * Answers what is no HTTP request with the same problem+json as everything else, once per connection, and ends the
 * connection. `latest` is the last answer begun on it: the fault lies in its request's body or in whatever follows it,
 * and must never be taken for the answer to a request before.
 */
export function clientFaults(rules: HttpRules, latest: (socket: Duplex) => Reply | undefined) {
  const answered = new WeakSet<Duplex>();
  return (error: NodeJS.ErrnoException, socket: Duplex): void => {
    if (answered.has(socket)) return;
    answered.add(socket);
    const reason = error.code ?? '';
    if (gone.has(reason) || !socket.writable) {
      socket.destroy();
      return;
    }
    const refusal = new VaultError(codes[reason] ?? 'malformed_request');
    const res = latest(socket);
    if (res === undefined || res.closed) refuse(rules, socket, refusal);
    else if (res.req.complete) res.once('close', () => refuse(rules, socket, refusal));
    else sendProblem(res, refusal);
  };
}

function refuse(rules: HttpRules, socket: Duplex, refusal: VaultError): void {
  if (!socket.writable) return;
  const { code, status } = refusal;
  const requestId = rules.newRequestId();
  const body = problemBody(refusal, requestId);
  const list = withStanding(rules.standing, undefined);
  list.push('X-Request-Id', requestId, 'Content-Type', problemType, 'Content-Length', String(Buffer.byteLength(body)));
  list.push('Date', new Date().toUTCString(), 'Connection', 'close');
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`];
  for (let i = 0; i < list.length; i += 2) lines.push(`${list[i] ?? ''}: ${list[i + 1] ?? ''}`);
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
  rules.log.event('connection_refused', { requestId, status: problems[code].status, code });
  // The other end may go on sending; what comes is thrown away for a moment, so that it gets to read the answer.
  const cut = setTimeout(() => socket.destroy(), rules.lingerMs);
  socket.once('close', () => clearTimeout(cut));
}
