import { withStanding } from './headers.ts';
import { hasUnreadBody, type Reply } from './exchange.ts';

type Headers = Readonly<Record<string, string>>;

/** JSON, or nothing when `body` is undefined. `headers` stand in place of standing headers of the same name. */
export interface JsonAnswer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Headers;
}
export interface BytesAnswer {
  readonly status: number;
  readonly type: string;
  readonly bytes: Buffer | string;
  readonly headers?: Headers;
  /** Told, once, whether the whole answer left; what left may still not arrive. Must not throw. */
  readonly ended?: (whole: boolean) => Promise<void>;
}
/** Sent as it is made; the next piece is asked for when the client has taken the last. */
export interface StreamAnswer {
  readonly status: number;
  readonly type: string;
  readonly stream: AsyncIterable<Buffer | string>;
  readonly headers?: Headers;
}
export type Answer = JsonAnswer | BytesAnswer | StreamAnswer;

/** Bytes that a client must take within `writeMs`. */
const pieceBytes = 64 * 1024;
const jsonType = 'application/json; charset=utf-8';

export async function sendAnswer(res: Reply, answer: Answer): Promise<void> {
  if ('bytes' in answer) {
    const { ended } = answer;
    if (ended !== undefined) tellEnd(res, ended);
    sendBytes(res, answer.status, answer.type, answer.bytes, answer.headers);
  } else if ('stream' in answer) await sendStream(res, answer);
  else if (answer.body === undefined) sendNothing(res, answer.status, answer.headers);
  else sendJson(res, answer.status, answer.body, answer.headers);
}

function tellEnd(res: Reply, ended: (whole: boolean) => Promise<void>): void {
  const { socket } = res.req;
  const tell = (): void => {
    res.off('close', tell);
    socket.off('close', tell);
    void ended(res.writableFinished && !res.locals.cut);
  };
  if (res.destroyed || socket.destroyed) void ended(false);
  // An answer queued behind others is told nothing when their connection breaks.
  else {
    res.on('close', tell);
    socket.on('close', tell);
  }
}

export function sendJson(res: Reply, status: number, value: unknown, headers?: Headers): void {
  const text = JSON.stringify(value);
  // A long one goes in pieces, of bytes: they are made once, and not counted before.
  sendBytes(res, status, jsonType, text.length > pieceBytes ? Buffer.from(text) : text, headers);
}

/** One head, one write. `type` is a media type with its charset. */
export function sendBytes(res: Reply, status: number, type: string, bytes: Buffer | string, headers?: Headers): void {
  writeHead(res, status, headers, ['Content-Type', type, 'Content-Length', String(Buffer.byteLength(bytes))]);
  finish(res, bytes);
}

/** An answer without a body (RFC 9110 section 8.6: 204 has no Content-Length). */
export function sendNothing(res: Reply, status = 204, headers?: Headers): void {
  writeHead(res, status, headers, status === 204 || status === 304 ? [] : ['Content-Length', '0']);
  finish(res, undefined);
}

async function sendStream(res: Reply, answer: StreamAnswer): Promise<void> {
  writeHead(res, answer.status, answer.headers, ['Content-Type', answer.type]);
  if (res.req.method !== 'HEAD') {
    for await (const piece of answer.stream) {
      if (res.destroyed) return;
      if (!res.write(piece)) await taken(res);
    }
  }
  finish(res, undefined);
}

function writeHead(res: Reply, status: number, own: Headers | undefined, more: readonly string[]): void {
  const { rules, id } = res.locals;
  const list = withStanding(rules.standing, own);
  list.push('X-Request-Id', id, ...more);
  // What is left of the body could be taken for the next request.
  if (hasUnreadBody(res.req)) res.shouldKeepAlive = false;
  res.writeHead(status, list);
}

function finish(res: Reply, payload: Buffer | string | undefined): void {
  if (hasUnreadBody(res.req)) linger(res, payload);
  else if (payload !== undefined && payload.length > pieceBytes)
    void sendPieces(res, Buffer.isBuffer(payload) ? payload : Buffer.from(payload));
  else end(res, payload);
}

function end(res: Reply, payload: Buffer | string | undefined): void {
  res.end(payload);
  if ((res.socket?.writableLength ?? 0) > 0) void taken(res);
}

/** A long answer goes piece by piece, so that a slow client is one that takes no piece, not one that takes many. */
async function sendPieces(res: Reply, bytes: Buffer): Promise<void> {
  let from = 0;
  for (; bytes.length - from > pieceBytes && !res.destroyed; from += pieceBytes) {
    if (!res.write(bytes.subarray(from, from + pieceBytes))) await taken(res);
  }
  if (!res.destroyed) end(res, bytes.subarray(from));
}

/**
 * Answers a client that is still sending. Closing at once would reset the connection and could take the answer with it
 * (RFC 9112 section 9.6), so a bounded rest is thrown away first.
 */
function linger(res: Reply, payload: Buffer | string | undefined): void {
  const { lingerMs, lingerBytes } = res.locals.rules;
  const { req } = res;
  let left = lingerBytes;
  const done = (): void => {
    clearTimeout(timer);
    req.off('data', count);
    res.end();
  };
  const count = (piece: Buffer): void => {
    left -= piece.length;
    if (left < 0) done();
  };
  const timer = setTimeout(done, lingerMs);
  if (payload === undefined) res.flushHeaders();
  else res.write(payload);
  req.once('end', done).once('close', done).once('error', done).on('data', count);
  // Listeners of a read given up leave the stream on the next tick only; before that it would not flow.
  setImmediate(() => req.resume());
}

/** Waits until the client has taken what was written, for as long as a slow client may take; then it is cut off. */
function taken(res: Reply): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      clearTimeout(timer);
      res.off('drain', go).off('close', go);
      resolve();
    };
    const timer = setTimeout(() => {
      cut(res);
      go();
    }, res.locals.rules.writeMs);
    res.on('drain', go).on('close', go);
  });
}

/** Ends the connection so that nobody takes what was sent for the whole. */
export function cut(res: Reply): void {
  res.locals.cut = true;
  res.destroy();
}
