import type { IncomingMessage } from 'node:http';

import { readForm, readJson, readLines, readPieces, refuseBody } from './body.ts';
import { hasBody, type Reply } from './exchange.ts';
import { VaultError } from '../errors.ts';
import type { Gate, RateLimiter } from './limits.ts';
import { requireAcceptable } from './mediaType.ts';
import { refusalFor, sendProblem } from './problem.ts';
import { readQuery } from './query.ts';
import { sendAnswer, sendJson, type Answer } from './respond.ts';
import type { BodyKind, Incoming, Method, RouteOptions } from './route.ts';
import { pathOf } from './target.ts';

/** What every route passes through. */
export interface Doors<Caller> {
  /** Throws `unauthenticated`. */
  readonly authenticate: (req: IncomingMessage) => Caller | Promise<Caller>;
  /** The client's id, for the limits and the log. */
  readonly clientOf: (caller: Caller) => string;
  /** Whose share of the places it takes. */
  readonly tenantOf: (caller: Caller) => string;
  readonly gate: Gate;
}

export interface Route {
  readonly method: Method;
  readonly path: string;
  readonly options: RouteOptions;
  readonly limiter: RateLimiter;
  readonly handler: (request: Incoming) => Answer | Promise<Answer>;
}

type Params = Incoming['params'];

/** Serves one request on a route, whatever happens. Never rejects. */
export async function serve<Caller>(doors: Doors<Caller>, route: Route, res: Reply, params: Params): Promise<void> {
  const exchange = res.locals;
  const { over } = exchange;
  exchange.over = undefined;
  let request: Incoming | undefined;
  try {
    request = await admit(doors, route, res, params);
    const answer = await route.handler(request);
    // A connection that broke meanwhile has had its answer.
    if (!res.headersSent) await sendAnswer(res, answer);
  } catch (error) {
    const { caller, id } = exchange;
    if (caller !== undefined) await route.options.refused?.(caller, { id, params, body: request?.body }, error);
    refuse(route, res, error);
  } finally {
    // Not when the answer is taken: one queued behind others on a connection that breaks never is, and tells nobody.
    exchange.leave?.();
    over?.();
  }
}

function refuse({ options }: Route, res: Reply, error: unknown): void {
  if (res.writableEnded) return;
  const own = options.refusal?.(refusalFor(res, error));
  if (own === undefined || res.headersSent || !('body' in own)) sendProblem(res, error);
  else sendJson(res, own.status, own.body, own.headers);
}

/** Who asks, may they ask this often, is there room, and is the request in order. */
async function admit<Caller>(doors: Doors<Caller>, route: Route, res: Reply, params: Params): Promise<Incoming> {
  const { req, locals: exchange } = res;
  const { method, path: pattern, options } = route;
  const url = req.url ?? '';
  let caller: Caller | undefined;
  if (options.auth) {
    const known = doors.authenticate(req);
    caller = known instanceof Promise ? await known : known;
    exchange.caller = caller;
    exchange.clientId = doors.clientOf(caller);
    enter(doors, route, res, doors.tenantOf(caller));
    options.admit?.(caller);
  }
  requireAcceptable(req, options.produces ?? 'application/json');
  const query = readQuery(url, options.query ?? []);
  const { value, bytes } = options.body === undefined ? readNone(req) : await readBody(options.body, options, res);
  // Nobody answers for a body that comes slowly without a token, so it holds no place meanwhile.
  if (!options.auth) enter(doors, route, res);
  return {
    id: exchange.id,
    method,
    route: pattern,
    path: pathOf(url),
    params,
    query,
    headers: req.headers,
    caller,
    body: value,
    bytes,
    raw: req,
  };
}

function enter<Caller>(doors: Doors<Caller>, { options, limiter }: Route, res: Reply, tenant?: string): void {
  if (options.unlimited === true) return;
  const key = res.locals.clientId ?? res.req.socket.remoteAddress ?? '';
  const seconds = limiter.take(key);
  if (seconds !== undefined) throw new VaultError('too_many_requests', [], seconds);
  res.locals.leave = doors.gate.enter(key, tenant);
}

interface Body {
  readonly value: Incoming['body'];
  readonly bytes: Buffer | undefined;
}
const noBody: Body = { value: undefined, bytes: undefined };

function readNone(req: IncomingMessage): Body {
  refuseBody(req);
  return noBody;
}

async function readBody(kind: BodyKind, options: RouteOptions, res: Reply): Promise<Body> {
  const { maxBytes, maxDepth, bodyTypes = [] } = options;
  switch (kind) {
    case 'none':
      return readNone(res.req);
    case 'json':
      return readJson(res, { maxBytes, maxDepth });
    case 'jsonIfAny':
      return hasBody(res.req) ? readJson(res, { maxBytes, maxDepth }) : noBody;
    case 'mergePatch':
      return readJson(res, { maxBytes, maxDepth, type: 'application/merge-patch+json' });
    case 'form':
      return { value: await readForm(res), bytes: undefined };
    case 'lines':
      return { value: readLines(res, maxBytes), bytes: undefined };
    case 'bytes':
      return { value: readPieces(res, bodyTypes, maxBytes), bytes: undefined };
  }
}
