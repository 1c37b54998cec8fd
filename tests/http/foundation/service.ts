import { createHash } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import * as z from 'zod';
import { VaultError } from '../../../src/errors.ts';
import { createHttp, type Http, type HttpOptions } from '../../../src/http/http.ts';
import { parseBody } from '../../../src/http/parse.ts';
import { pathId } from '../../../src/http/route.ts';
import { listen, type ListenOptions, type Running } from '../../../src/http/server.ts';
import { createLog } from '../../../src/log.ts';

/** A small service on the real HTTP side: every kind of route once. */

export interface Client {
  readonly id: string;
}
export const alice = '01920000-0000-7000-8000-00000000000a';
export const bob = '01920000-0000-7000-8000-00000000000b';
export const known = '01920000-0000-7000-8000-0000000000aa';
export const token = (id = alice): { authorization: string } => ({ authorization: `Bearer ${id}` });

const thing = z.strictObject({
  name: z.string().min(2).max(5),
  kind: z.enum(['natural', 'legal']),
  count: z.number().int().max(10).optional(),
  email: z.email().optional(),
  phones: z
    .array(z.strictObject({ number: z.string() }))
    .max(2)
    .optional(),
  fields: z.record(z.string(), z.string()).optional(),
  code: z
    .string()
    .refine((code) => code === '1', { params: { reason: 'checksum' } })
    .optional(),
  other: z
    .string()
    .refine((text) => text !== 'x')
    .optional(),
});

/** An error as PostgreSQL's driver throws them: everything about the row is in it. */
export class SqlFault extends Error {
  readonly code = '23505';
  readonly detail: string;
  constructor(canary: string) {
    super(`duplicate key value ${canary}\n    at ${canary} (/src/${canary}.ts:1:1)`);
    this.detail = `Key (email)=(${canary}) already exists`;
  }
}

export interface Latch {
  readonly opened: Promise<void>;
  open(): void;
}
export function latch(): Latch {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

export interface Sample extends Running {
  readonly port: number;
  readonly http: Http<Client>;
  /** Lines of the log. */
  readonly lines: string[];
  /** Resolves the requests held by GET /v1/wait. */
  readonly gate: Latch;
  /** Resolves when GET /v1/wait is being served. */
  readonly waiting: Latch;
}

export const canary = 'CANARY-9901234565-زهرا';
export const pageBytes = 48 * 1024 * 1024;

export async function startSample(
  options: Partial<HttpOptions<Client>> = {},
  listening: Partial<ListenOptions> = {},
): Promise<Sample> {
  const lines: string[] = [];
  const http = createHttp<Client>({
    log: createLog({ level: 'info', destination: { write: (line) => void lines.push(line) } }),
    now: Date.now,
    authenticate: (req) => {
      const id = /^Bearer ([0-9a-f-]{36})$/.exec(req.headers.authorization ?? '')?.[1];
      if (id === undefined) throw new VaultError('unauthenticated');
      return { id };
    },
    clientOf: (caller) => caller.id,
    tenantOf: (caller) => caller.id,
    ...options,
  });
  const gate = latch();
  const waiting = latch();
  declareRoutes(http, gate, waiting);
  const running = await listen(http, { host: '127.0.0.1', port: 0, ...listening });
  return { ...running, port: Number(new URL(running.url).port), http, lines, gate, waiting };
}

function declareRoutes(api: Http<Client>, gate: Latch, waiting: Latch): void {
  api.get('/v1/things/:id', { auth: true, query: ['fields'] }, (request) => {
    if (pathId(request) !== known) throw new VaultError('not_found');
    return { status: 200, body: { id: known, who: request.caller.id }, headers: { ETag: '"1"' } };
  });
  api.patch('/v1/things/:id', { auth: true, body: 'mergePatch' }, ({ body }) => ({ status: 200, body: { body } }));
  api.delete('/v1/things/:id', { auth: true }, () => ({ status: 204 }));
  api.get('/v1/open', { auth: false, query: ['limit', 'cursor'] }, ({ query }) => ({ status: 200, body: { query } }));
  api.get('/healthz', { auth: false, unlimited: true }, () => ({ status: 200, body: { status: 'alive' } }));
  api.post('/v1/json', { auth: false, body: 'json' }, ({ body, bytes }) => ({
    status: 200,
    body: { body, length: bytes?.length },
  }));
  api.post('/v1/guarded', { auth: true, body: 'json' }, ({ body }) => ({ status: 200, body: { body } }));
  api.post('/v1/small', { auth: false, body: 'json', maxBytes: 64 }, ({ body }) => ({ status: 200, body: { body } }));
  api.post('/v1/close', { auth: false, body: 'jsonIfAny' }, ({ body }) => ({
    status: 200,
    body: { got: body !== undefined },
  }));
  api.post('/v1/things', { auth: false, body: 'json' }, ({ body }) => ({ status: 201, body: parseBody(thing, body) }));
  api.post(
    '/v1/form',
    {
      auth: false,
      body: 'form',
      refusal: ({ code }) =>
        code === 'malformed_request' ? { status: 400, body: { error: 'invalid_request' } } : undefined,
    },
    ({ body }) => ({ status: 200, body: Object.fromEntries(body) }),
  );
  api.post('/v1/lines', { auth: false, body: 'lines', maxBytes: 1000 }, ({ body }) => ({
    status: 200,
    type: 'application/x-ndjson',
    stream: lengths(body),
  }));
  api.post(
    '/v1/bytes',
    { auth: false, body: 'bytes', bodyTypes: ['image/png', 'application/pdf'], maxBytes: 200_000 },
    async ({ body }) => {
      const hash = createHash('sha256');
      for await (const piece of body.pieces) hash.update(piece);
      return { status: 200, body: { type: body.mediaType, sha256: hash.digest('hex') } };
    },
  );
  api.post('/v1/unread', { auth: false, body: 'bytes', bodyTypes: ['image/png'], maxBytes: 200_000 }, () => {
    throw new VaultError('conflict');
  });
  api.get('/v1/picture', { auth: false, produces: ['image/png', 'image/jpeg'] }, () => ({
    status: 200,
    type: 'image/png',
    bytes: Buffer.alloc(8),
  }));
  api.get('/v1/page', { auth: false, produces: 'text/html' }, () => ({
    status: 200,
    type: 'text/html; charset=utf-8',
    bytes: '<p>page</p>',
    headers: { 'content-security-policy': "default-src 'self'", 'Cache-Control': 'public, max-age=300' },
  }));
  api.get('/v1/big', { auth: false, produces: 'application/octet-stream' }, () => ({
    status: 200,
    type: 'application/octet-stream',
    bytes: Buffer.alloc(pageBytes),
  }));
  api.get('/v1/stream', { auth: false, produces: 'application/octet-stream' }, () => ({
    status: 200,
    type: 'application/octet-stream',
    stream: pieces(),
  }));
  api.get('/v1/half', { auth: false, produces: 'application/x-ndjson' }, () => ({
    status: 200,
    type: 'application/x-ndjson',
    stream: broken(),
  }));
  api.get('/v1/fault', { auth: false }, () => {
    throw new SqlFault(canary);
  });
  api.get('/v1/oddity', { auth: false }, () => {
    // What a careless library may do.
    // oxlint-disable-next-line no-throw-literal, typescript/only-throw-error
    throw canary;
  });
  api.get('/v1/unwritable', { auth: false }, () => ({ status: 200, body: { big: 1n } }));
  api.get('/v1/refusal/:code', { auth: false }, ({ params }) => {
    throw new VaultError(params['code'] as 'not_found', [{ pointer: '/a', code: 'b' }]);
  });
  api.get('/v1/wait', { auth: true }, async () => {
    waiting.open();
    await gate.opened;
    return { status: 200, body: { waited: true } };
  });
}

async function* lengths(lines: AsyncIterable<Buffer>): AsyncGenerator<string> {
  for await (const line of lines) yield `${JSON.stringify({ length: line.length })}\n`;
}

async function* pieces(): AsyncGenerator<Buffer> {
  for (let left = pageBytes; left > 0; left -= 65_536) yield Buffer.alloc(65_536);
}

async function* broken(): AsyncGenerator<string> {
  yield '{"line":1}\n';
  throw new Error(canary);
}

/** What came back over a bare connection. */
export interface Wire {
  readonly text: string;
  /** Status lines in order. */
  readonly statuses: readonly number[];
  /** `code` of the last body, if it is a problem. */
  readonly code: string | undefined;
}

/** Sends bytes as they are and reads until the other end closes. `half` closes our side after sending. */
export function wire(port: number, bytes: string | Buffer, how: { half?: boolean } = {}): Promise<Wire> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const got: Buffer[] = [];
    socket.on('data', (piece) => got.push(piece));
    // A reset after the answer is the server's right; before it, the assertions on the text fail.
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' || error.code === 'EPIPE' ? undefined : reject(error),
    );
    socket.on('end', () => socket.end());
    socket.on('close', () => resolve(wireOf(Buffer.concat(got).toString('utf8'))));
    if (how.half === true) socket.end(bytes);
    else socket.write(bytes);
  });
}

function wireOf(text: string): Wire {
  const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
  const code = [...text.matchAll(/"code":"([a-z_0-9]+)","detail"/g)].at(-1)?.[1];
  return { text, statuses, code };
}

export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly errors: readonly { pointer: string; code: string }[];
  readonly requestId: string;
}

/** The problem in an answer; fails when it is none. */
export async function problemOf(answer: Response): Promise<ProblemBody> {
  if (answer.headers.get('content-type') !== 'application/problem+json; charset=utf-8')
    throw new Error('no problem+json');
  return (await answer.json()) as ProblemBody;
}
