import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Ask, Reply } from './witnessing.ts';

export interface WitnessAddress {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Paths of PEM files. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
}

export interface RunningWitness {
  readonly url: string;
  stop(): Promise<void>;
}

/** The largest note, its proof and room to spare. */
const mostBytes = 80_000;
const requestMs = 10_000;
const connections = 256;
const graceMs = 2_000;

/** Serves until stopped. A fault of its own is a 500 without a word, and `onFault` hears of it. */
export async function serveWitness(
  ask: Ask,
  { host, port, tls }: WitnessAddress,
  onFault: (error: unknown) => void,
): Promise<RunningWitness> {
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    void replyTo(ask, request)
      .catch((error: unknown): Reply => {
        onFault(error);
        return { status: 500, type: 'text/plain; charset=utf-8', body: '' };
      })
      .then((reply) => write(response, reply));
  };
  const options = { requestTimeout: requestMs, headersTimeout: requestMs, maxHeaderSize: 8 * 1024 };
  const server =
    tls === undefined
      ? createServer(options, answer)
      : createTlsServer(
          { ...options, cert: readFileSync(tls.cert), key: readFileSync(tls.key), minVersion: 'TLSv1.2' },
          answer,
        );
  server.maxConnections = connections;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const { address, family, port: taken } = server.address() as AddressInfo;
  const named = family === 'IPv6' ? `[${address}]` : address;
  return { url: `${tls === undefined ? 'http' : 'https'}://${named}:${taken}`, stop: () => stop(server) };
}

async function replyTo(ask: Ask, request: IncomingMessage): Promise<Reply> {
  const { method, url = '' } = request;
  if (method === 'GET' && url === '/healthz') return { status: 200, type: 'text/plain; charset=utf-8', body: 'ok\n' };
  if (method !== 'POST') return { status: 404, type: 'text/plain; charset=utf-8', body: '' };
  const body = await bodyOf(request);
  return body === undefined ? { status: 413, type: 'text/plain; charset=utf-8', body: '' } : ask(url, body);
}

async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > mostBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function write(response: ServerResponse, { status, type, body }: Reply): void {
  if (status === 413) response.shouldKeepAlive = false;
  response.writeHead(status, {
    'Content-Type': type,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(body);
}

async function stop(server: Server): Promise<void> {
  const gone = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await gone;
  clearTimeout(cut);
}
