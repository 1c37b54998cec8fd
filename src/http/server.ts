import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

import { clientFaults } from './clientFault.ts';
import type { Reply } from './exchange.ts';
import type { Http, Kinds } from './http.ts';

/** How long a connection may take over what. Milliseconds, where nothing else is said. */
export interface ConnectionLimits {
  readonly headersMs: number;
  /** A whole request, a long import's too. */
  readonly requestMs: number;
  /** A connection on which nothing moves at all. */
  readonly idleMs: number;
  /** A connection between two requests. */
  readonly keepAliveMs: number;
  /** How often the first two are looked at. */
  readonly checkMs: number;
  readonly headerBytes: number;
  readonly requestsPerConnection: number;
  readonly connections: number;
  /** Requests in flight may take this long to finish after `stop`. */
  readonly graceMs: number;
}
const limits: ConnectionLimits = {
  headersMs: 10_000,
  requestMs: 30 * 60_000,
  idleMs: 60_000,
  // Longer than the minute for which balancers keep theirs: who closes first must not be who may be sent something.
  keepAliveMs: 75_000,
  checkMs: 1_000,
  headerBytes: 16 * 1024,
  requestsPerConnection: 10_000,
  connections: 2_048,
  graceMs: 10_000,
};

export interface ListenOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Paths of PEM files. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  readonly limits?: Partial<ConnectionLimits>;
}

export interface Running {
  /** With the port that was taken. */
  readonly url: string;
  /** Takes no more, finishes what is in flight, closes the rest. Resolves when every connection is gone. */
  stop(): Promise<void>;
}

/** Serves until stopped. Rejects with Node's error when the address cannot be had. */
export async function listen(
  http: Pick<Http<never>, 'listener' | 'kinds' | 'rules'>,
  options: ListenOptions,
): Promise<Running> {
  const chosen = { ...limits, ...options.limits };
  const server = newServer(http.kinds, options, chosen);
  const state = { stopping: false };
  serveOn(server, http, state, chosen.requestsPerConnection);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: options.host, port: options.port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  let stopped: Promise<void> | undefined;
  return {
    url: urlOf(server, options.tls !== undefined),
    stop() {
      state.stopping = true;
      return (stopped ??= stopServer(server, chosen.graceMs));
    },
  };
}

function newServer(kinds: Kinds, { tls }: ListenOptions, chosen: ConnectionLimits): Server {
  const options = {
    ...kinds,
    headersTimeout: chosen.headersMs,
    requestTimeout: chosen.requestMs,
    keepAliveTimeout: chosen.keepAliveMs,
    connectionsCheckingInterval: chosen.checkMs,
    maxHeaderSize: chosen.headerBytes,
    insecureHTTPParser: false,
    // Joined, a repeated Authorization or Content-Type fits no rule; by default Node would keep the first unsaid.
    joinDuplicateHeaders: true,
    // checkHead asks for Host, so that the refusal looks like every other.
    requireHostHeader: false,
    noDelay: true,
  };
  const server =
    tls === undefined
      ? createServer(options)
      : createTlsServer({
          ...options,
          cert: readFileSync(tls.cert),
          key: readFileSync(tls.key),
          minVersion: 'TLSv1.2',
          maxVersion: 'TLSv1.3',
          honorCipherOrder: true,
          handshakeTimeout: chosen.headersMs,
        });
  server.timeout = chosen.idleMs;
  server.maxConnections = chosen.connections;
  // Whoever keeps one without using it gives way to who comes next.
  server.on('drop', () => server.closeIdleConnections());
  return server;
}

/** What a connection is at. */
interface Connection {
  requests: number;
  latest: Reply;
}

function serveOn(
  server: Server,
  { listener, rules }: Pick<Http<never>, 'listener' | 'rules'>,
  state: { readonly stopping: boolean },
  mostRequests: number,
): void {
  const connections = new WeakMap<Duplex, Connection>();
  const serve: RequestListener = (req, response) => {
    const res = response as Reply;
    const connection = connections.get(req.socket) ?? { requests: 0, latest: res };
    connection.requests++;
    connection.latest = res;
    if (connection.requests === 1) connections.set(req.socket, connection);
    // Node has a bound of its own, but answers what was sent beyond it with a bare 503.
    if (connection.requests > mostRequests) return;
    if (state.stopping || connection.requests === mostRequests) res.shouldKeepAlive = false;
    listener(req, res);
  };
  server.on('request', serve);
  // The route decides whether it wants the body; no other expectation is known, and none is met by silence.
  server.on('checkContinue', serve);
  server.on('checkExpectation', serve);
  server.on(
    'clientError',
    clientFaults(rules, (socket) => connections.get(socket)?.latest),
  );
}

function urlOf(server: Server, tls: boolean): string {
  const { address, family, port } = server.address() as AddressInfo;
  const host = family === 'IPv6' ? `[${address}]` : address;
  return `${tls ? 'https' : 'http'}://${host}:${port}`;
}

async function stopServer(server: Server, graceMs: number): Promise<void> {
  const gone = new Promise<void>((resolve) => server.close(() => resolve()));
  // A connection turns idle when its last answer is out; nothing tells, so it is looked at.
  const sweep = setInterval(() => server.closeIdleConnections(), 20);
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await gone;
  clearInterval(sweep);
  clearTimeout(cut);
}
