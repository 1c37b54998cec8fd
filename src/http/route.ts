import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

import type { VaultError } from '../errors.ts';
import { parseId } from '../vault/ids.ts';
import type { Query } from './query.ts';
import type { Answer } from './respond.ts';

/** What a route takes as its body, and what its handler is given for it. */
export interface Bodies {
  none: undefined;
  json: unknown;
  /** As `json`; undefined when the request has no body. */
  jsonIfAny: unknown;
  /** `application/merge-patch+json` (RFC 7396). */
  mergePatch: unknown;
  form: ReadonlyMap<string, string>;
  /** `application/x-ndjson`, line by line. */
  lines: AsyncIterable<Buffer>;
  /** One of the route's `bodyTypes`, piece by piece. */
  bytes: ByteBody;
}
/** A body that is passed on as it arrives; nothing is read ahead of the one who asks. */
export interface ByteBody {
  readonly mediaType: string;
  /** Throws `body_too_large` as soon as more has come than may. */
  readonly pieces: AsyncIterable<Buffer>;
}
export type BodyKind = keyof Bodies;
export type Method = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';

/** A request that has passed everything HTTP asks of it. */
export interface Incoming<Who = unknown, Kind extends BodyKind = BodyKind, Name extends string = string> {
  /** X-Request-Id: ours, never the caller's. */
  readonly id: string;
  readonly method: Method;
  /** The declared pattern. */
  readonly route: string;
  /** As sent, without the query. */
  readonly path: string;
  readonly params: Readonly<Record<string, string | undefined>>;
  readonly query: Query<Name>;
  /** Repeated headers arrive joined by a comma. */
  readonly headers: IncomingHttpHeaders;
  /** The token's caller; undefined on a public route. */
  readonly caller: Who;
  readonly body: Bodies[Kind];
  /** The bytes that `body` was parsed from; undefined for `none`, `form`, `lines` and `bytes`. */
  readonly bytes: Buffer | undefined;
  readonly raw: IncomingMessage;
}

/** What is known of a refused request: no more than was read of it. */
export type Refused = Pick<Incoming, 'id' | 'params'> & { readonly body: unknown };

export interface RouteOptions<
  Auth extends boolean = boolean,
  Kind extends BodyKind = BodyKind,
  Name extends string = string,
> {
  /** Does it ask for a token? */
  readonly auth: Auth;
  /** Name of the act in the audit and among the permits, where the route is one act of a known caller. */
  readonly action?: string;
  /** Names its query may have; none when absent. */
  readonly query?: readonly Name[];
  /** `none` when absent: a body is refused. */
  readonly body?: Kind;
  /** Bytes of a JSON or `bytes` body, 256 kB when absent; of one line for `lines`, 64 kB when absent. */
  readonly maxBytes?: number;
  readonly maxDepth?: number;
  /** Media types that a `bytes` body may have. */
  readonly bodyTypes?: readonly string[];
  /** Media type of its answers, or the several they may have, for Accept; application/json when absent. */
  readonly produces?: string | readonly string[];
  /** Served however busy the service is, and uncounted: for /healthz and /readyz. */
  readonly unlimited?: boolean;
  /** May this caller come in at all? Asked before anything else of the request is looked at; throws when not. */
  readonly admit?: (caller: unknown) => void;
  /** Told of a refusal of a known caller, before it is answered. Must not throw. */
  readonly refused?: (caller: unknown, request: Refused, error: unknown) => Promise<void>;
  /** Another form for refusals (RFC 6749 at the token endpoints); undefined leaves problem+json. */
  readonly refusal?: (error: VaultError) => Answer | undefined;
}

export type Handler<Who, Kind extends BodyKind, Name extends string> = (
  request: Incoming<Who, Kind, Name>,
) => Answer | Promise<Answer>;

/** `api.get('/v1/customers/:id', { auth: true, query: ['grant', 'fields'] }, async (request) => …)` */
export type Declare<Caller> = <Auth extends boolean, Kind extends BodyKind = 'none', Name extends string = never>(
  path: string,
  options: RouteOptions<Auth, Kind, Name>,
  handler: Handler<Auth extends true ? Caller : undefined, Kind, Name>,
) => void;

/** A declared route, for whoever compares them with the API description. */
export interface DeclaredRoute {
  readonly method: Method;
  readonly path: string;
  readonly options: RouteOptions;
}

/** The id in the path in lower case; undefined when it is none, which must be answered as an unknown one is. */
export function pathId(request: Pick<Incoming, 'params'>, name = 'id'): string | undefined {
  const text = request.params[name];
  return text === undefined ? undefined : parseId(text);
}

/** Network address of the other end of the connection; a proxy's where there is one. */
export function sourceOf(request: Pick<Incoming, 'raw'>): string {
  return request.raw.socket.remoteAddress ?? '';
}
