import { IncomingMessage, ServerResponse, type RequestListener } from 'node:http';

import express from 'express';

import { VaultError } from '../errors.ts';
import type { Log } from '../log.ts';
import { comerOf, type Comer, type KnowsCallers } from './comer.ts';
import { serve, type Doors, type Route } from './dispatch.ts';
import type { HttpRules, Reply } from './exchange.ts';
import { standingHeaders } from './headers.ts';
import { concurrencyGate, rateLimiter, type RateRules } from './limits.ts';
import { sendProblem } from './problem.ts';
import { requestIds } from './requestId.ts';
import type { Declare, DeclaredRoute, Incoming, Method } from './route.ts';
import { checkHead, pathOf } from './target.ts';
import { turnstile, type Turnstile, type TurnstileRules } from './turnstile.ts';

export interface HttpOptions<Caller> extends Omit<Doors<Caller>, 'gate'>, KnowsCallers<Caller> {
  readonly log: Log;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Per client and route; 60,000 in 10 s when absent. */
  readonly rate?: RateRules;
  /** Requests being worked on at once, 512 when absent; one tenant may hold three quarters of them, one client half. */
  readonly mostInFlight?: number;
  /** Sixteen in a turn, sixteen of one of several tenants where thirty-two are under way, slow after 250 to 500 ms, when absent. */
  readonly turnstile?: Partial<TurnstileRules>;
  /** While it says so, everything but the two probes is 503 `sealed`. */
  readonly isSealed?: () => boolean;
  readonly patience?: Partial<Pick<HttpRules, 'bodyMs' | 'writeMs' | 'lingerMs' | 'lingerBytes'>>;
}

/** What a server should make requests and answers of; any other kind works too, only slower. */
export interface Kinds {
  readonly IncomingMessage: typeof IncomingMessage;
  readonly ServerResponse: typeof ServerResponse;
}

/** The service's HTTP side: routes are declared on it, `listen` serves its `listener`. */
export interface Http<Caller> {
  readonly get: Declare<Caller>;
  readonly post: Declare<Caller>;
  readonly patch: Declare<Caller>;
  readonly put: Declare<Caller>;
  readonly delete: Declare<Caller>;
  /** In the order they were declared. */
  readonly declaredRoutes: () => readonly DeclaredRoute[];
  readonly listener: RequestListener;
  readonly kinds: Kinds;
  readonly rules: HttpRules;
}

const defaultRate: RateRules = { quota: 60_000, windowSeconds: 10 };
const turnstileRules: TurnstileRules = { perTurn: 16, share: 16, busy: 32, slowMs: 250 };
const patience = { bodyMs: 15_000, writeMs: 30_000, lingerMs: 1_000, lingerBytes: 1024 * 1024 };

/**
 * Express with nothing in front of its router: what every request needs is done once, here, before it is routed. Paths are
 * case- and slash-sensitive, no proxy is trusted, no query is parsed for a route that did not ask, no body is read for one.
 */
export function createHttp<Caller>(options: HttpOptions<Caller>): Http<Caller> {
  const { log, now, rate = defaultRate, mostInFlight = 512 } = options;
  const newLimiter = () => rateLimiter(rate, now);
  const rules: HttpRules = {
    ...patience,
    ...options.patience,
    log,
    newRequestId: requestIds(now),
    standing: standingHeaders({ 'RateLimit-Policy': newLimiter().policy }),
  };
  const gate = concurrencyGate(mostInFlight, Math.ceil((mostInFlight * 3) / 4), Math.ceil(mostInFlight / 2));
  const { authenticate, clientOf, tenantOf, isSealed = () => false } = options;
  const door: Door = {
    rules,
    isSealed,
    comerOf: comerOf(options),
    turnstile: turnstile({ ...turnstileRules, ...options.turnstile }),
  };
  const app = bareExpress();
  const table = routeTable<Caller>(app, { authenticate, clientOf, tenantOf, gate }, newLimiter);
  return { ...table, kinds: kindsOf(app), rules, listener: (req, res) => begin(app, door, req, res) };
}

function bareExpress(): express.Express {
  const app = express();
  app.disable('x-powered-by').disable('etag').disable('trust proxy').set('query parser', false);
  return app.enable('case sensitive routing').enable('strict routing');
}

/**
 * Express gives every request and answer its own prototype, and the engine then forgets all it knew about their shape: two
 * thirds of the time of a small request. Made with that prototype from the start, they are left as they are.
 */
function kindsOf(app: express.Express): Kinds {
  class ExpressRequest extends IncomingMessage {}
  class ExpressResponse<Req extends IncomingMessage = IncomingMessage> extends ServerResponse<Req> {}
  Object.setPrototypeOf(ExpressRequest.prototype, app.request);
  Object.setPrototypeOf(ExpressResponse.prototype, app.response);
  app.request = ExpressRequest.prototype as express.Request;
  app.response = ExpressResponse.prototype as express.Response;
  return { IncomingMessage: ExpressRequest, ServerResponse: ExpressResponse };
}

/** They tell about the process itself, also of a vault that is sealed. */
const probes: ReadonlySet<string> = new Set(['/healthz', '/readyz']);

interface Door {
  readonly rules: HttpRules;
  readonly isSealed: () => boolean;
  readonly comerOf: (req: IncomingMessage) => Comer;
  readonly turnstile: Turnstile;
}

function begin(app: express.Express, door: Door, req: IncomingMessage, response: ServerResponse): void {
  const res = response as Reply;
  const { rules } = door;
  res.locals = {
    rules,
    id: rules.newRequestId(),
    startedAt: performance.now(),
    method: req.method ?? '',
    route: undefined,
    caller: undefined,
    clientId: undefined,
    code: undefined,
    leave: undefined,
    over: undefined,
    cut: false,
  };
  res.on('close', closed);
  // Probes are served however busy it is.
  if (probes.has(pathOf(req.url ?? ''))) enter(app, door, req, res);
  else waitForTurn(app, door, req, res);
}

function waitForTurn(app: express.Express, door: Door, req: IncomingMessage, res: Reply): void {
  const comer = door.comerOf(req);
  try {
    door.turnstile.pass(comer, (over) => {
      // Whoever waited for its turn may have gone.
      if (res.destroyed || req.socket.destroyed) return over();
      // Its token was verified while it waited, for another request.
      if (comer.tenant === undefined && door.comerOf(req).tenant !== undefined) return waitForTurn(app, door, req, res);
      res.locals.over = over;
      enter(app, door, req, res);
      // No route serves it: it is refused already, whenever that answer goes out.
      if (res.locals.over === undefined) return;
      res.locals.over = undefined;
      over();
    });
  } catch (error) {
    res.shouldKeepAlive = false;
    sendProblem(res, error);
  }
}

function enter(app: express.Express, door: Door, req: IncomingMessage, res: Reply): void {
  try {
    checkHead(req);
    if (door.isSealed() && !probes.has(pathOf(req.url ?? ''))) throw new VaultError('sealed');
  } catch (error) {
    // Whoever sends this may see the next request elsewhere than we do.
    res.shouldKeepAlive = false;
    sendProblem(res, error);
    return;
  }
  // The third argument is what Express calls when no route matched or its router failed.
  (app as unknown as ExpressListener)(req, res, (error) => sendProblem(res, routerRefusal(error)));
}

type ExpressListener = (req: IncomingMessage, res: ServerResponse, done: (error?: unknown) => void) => void;

function routerRefusal(error: unknown): unknown {
  if (error === undefined || error === null) return new VaultError('not_found');
  return error instanceof URIError ? new VaultError('malformed_request') : error;
}

function closed(this: Reply): void {
  const { rules, startedAt, method, id, route, clientId, code, cut } = this.locals;
  rules.log.event('request', {
    requestId: id,
    method,
    route,
    status: this.statusCode,
    ms: Math.round((performance.now() - startedAt) * 10) / 10,
    clientId,
    code,
    cut: cut || !this.writableFinished ? true : undefined,
  });
}

interface PathEntry {
  readonly routes: Map<string, Route>;
  allow: string;
}

type Table<Caller> = Pick<Http<Caller>, 'get' | 'post' | 'patch' | 'put' | 'delete' | 'declaredRoutes'>;

/** Express matches the path; which of its methods are there, and the 405 for the others, is this table's. */
function routeTable<Caller>(
  app: express.Express,
  doors: Doors<Caller>,
  newLimiter: () => Route['limiter'],
): Table<Caller> {
  const paths = new Map<string, PathEntry>();
  const routes: Route[] = [];
  const declare =
    (method: Method): Declare<Caller> =>
    (path, options, handler) => {
      const entry = paths.get(path) ?? open(path);
      if (entry.routes.has(method)) throw new Error(`${method} ${path} is declared twice`);
      const erased = handler as unknown as Route['handler'];
      const route: Route = { method, path, options, limiter: newLimiter(), handler: erased };
      entry.routes.set(method, route);
      // RFC 9110 section 9.3.2: HEAD is GET without the content.
      if (method === 'GET') entry.routes.set('HEAD', route);
      entry.allow = [...entry.routes.keys()].join(', ');
      routes.push(route);
    };
  const open = (path: string): PathEntry => {
    const entry: PathEntry = { routes: new Map(), allow: '' };
    paths.set(path, entry);
    app.route(path).all((req, response) => {
      const res = response as unknown as Reply;
      const route = entry.routes.get(req.method);
      res.locals.route = path;
      if (route === undefined) return sendProblem(res, new VaultError('method_not_allowed'), { Allow: entry.allow });
      return serve(doors, route, res, req.params as Incoming['params']);
    });
    return entry;
  };
  return {
    get: declare('GET'),
    post: declare('POST'),
    patch: declare('PATCH'),
    put: declare('PUT'),
    delete: declare('DELETE'),
    declaredRoutes: () => routes,
  };
}
