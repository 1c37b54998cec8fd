import type { IncomingMessage } from 'node:http';

import { refuse, VaultError } from '../errors.ts';
import { parseStrictJson } from '../formats/json.ts';
import { hasBody, type Reply } from './exchange.ts';
import { requireMediaType } from './mediaType.ts';
import { readPairs } from './query.ts';
import type { ByteBody } from './route.ts';

export const jsonMaxBytes = 256 * 1024;
const formMaxBytes = 16 * 1024;
const lineMaxBytes = 64 * 1024;

export interface JsonBody {
  readonly bytes: Buffer;
  readonly value: unknown;
}

export interface JsonRules {
  /** Bytes; 256 kB by default. */
  readonly maxBytes?: number | undefined;
  readonly maxDepth?: number | undefined;
  readonly type?: 'application/json' | 'application/merge-patch+json';
}

/** The whole body as strict JSON. Throws `malformed_json` (also for none), `unsupported_media_type`, `body_too_large`. */
export async function readJson(res: Reply, rules: JsonRules = {}): Promise<JsonBody> {
  const { req } = res;
  if (!hasBody(req)) throw new VaultError('malformed_json', [{ pointer: '', code: 'required' }]);
  requireMediaType(req, rules.type ?? 'application/json');
  const bytes = await readBytes(res, rules.maxBytes ?? jsonMaxBytes);
  const limits = rules.maxDepth === undefined ? {} : { maxDepth: rules.maxDepth };
  return { bytes, value: parseStrictJson(bytes, limits) };
}

/** A form (WHATWG URL section 5.1): at most 16 kB, each name once. */
export async function readForm(res: Reply): Promise<ReadonlyMap<string, string>> {
  if (!hasBody(res.req)) return new Map();
  requireMediaType(res.req, 'application/x-www-form-urlencoded');
  const text = (await readBytes(res, formMaxBytes)).toString('latin1');
  if (/[^!-~]/.test(text)) throw new VaultError('malformed_request');
  return readPairs(text, '/');
}

/**
 * The lines of an NDJSON body as they come, without their line feed, empty ones too, so that counting them gives line
 * numbers. Nothing is read ahead of the one who asks. Throws `body_too_large` for a line over `maxLineBytes`.
 */
export function readLines(res: Reply, maxLineBytes: number = lineMaxBytes): AsyncIterable<Buffer> {
  if (!hasBody(res.req)) throw missingBody();
  requireMediaType(res.req, 'application/x-ndjson');
  expectBody(res);
  return linesOf(res, maxLineBytes);
}

async function* linesOf(res: Reply, maxLineBytes: number): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for (;;) {
    const piece = await nextPiece(res, performance.now() + res.locals.rules.bodyMs);
    if (piece === undefined) break;
    rest = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    let from = 0;
    for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a, from)) {
      if (end - from > maxLineBytes) throw new VaultError('body_too_large');
      yield rest.subarray(from, end);
      from = end + 1;
    }
    rest = rest.subarray(from);
    if (rest.length > maxLineBytes) throw new VaultError('body_too_large');
  }
  if (rest.length > 0) yield rest;
}

/**
 * A body of one of `types` as it comes, of `maxBytes` at most. The client is asked to send it, and its time begins, with
 * the first piece that is asked for: a request refused before that costs it nothing. Throws `malformed_request` for none.
 */
export function readPieces(res: Reply, types: readonly string[], maxBytes: number = jsonMaxBytes): ByteBody {
  if (!hasBody(res.req)) throw missingBody();
  const mediaType = requireMediaType(res.req, ...types);
  refuseDeclared(res.req, maxBytes);
  return { mediaType, pieces: piecesOf(res, maxBytes) };
}

async function* piecesOf(res: Reply, maxBytes: number): AsyncGenerator<Buffer> {
  expectBody(res);
  let length = 0;
  for (;;) {
    const piece = await nextPiece(res, performance.now() + res.locals.rules.bodyMs);
    if (piece === undefined) break;
    length += piece.length;
    if (length > maxBytes) throw new VaultError('body_too_large');
    yield piece;
  }
  if (length === 0) throw missingBody();
}

function missingBody(): VaultError {
  return refuse('malformed_request', '', 'required');
}

function refuseDeclared({ headers }: IncomingMessage, maxBytes: number): void {
  const declared = headers['content-length'];
  if (declared !== undefined && Number(declared) > maxBytes) throw new VaultError('body_too_large');
}

/** Throws `malformed_request` when a request that takes no body has one. */
export function refuseBody(req: IncomingMessage): void {
  if (hasBody(req)) throw new VaultError('malformed_request', [{ pointer: '', code: 'body_not_taken' }]);
}

async function readBytes(res: Reply, maxBytes: number): Promise<Buffer> {
  refuseDeclared(res.req, maxBytes);
  expectBody(res);
  const deadline = performance.now() + res.locals.rules.bodyMs;
  const pieces: Buffer[] = [];
  let length = 0;
  for (;;) {
    const piece = await nextPiece(res, deadline);
    if (piece === undefined) break;
    length += piece.length;
    if (length > maxBytes) throw new VaultError('body_too_large');
    pieces.push(piece);
  }
  return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces, length);
}

/** The body is wanted: lets a client go on that asked first, and takes no coding but chunked (RFC 9112 section 6.1). */
function expectBody(res: Reply): void {
  const { headers } = res.req;
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') throw new VaultError('malformed_request');
  if (headers.expect !== undefined) res.writeContinue();
}

/**
 * What has arrived, or undefined at the end. Throws `request_timeout` at the deadline, `malformed_request` if cut off, also
 * where that was answered already (clientFault.ts): Node tells a request nothing any more after its answer.
 */
async function nextPiece(res: Reply, deadline: number): Promise<Buffer | undefined> {
  const { req } = res;
  for (;;) {
    const piece = req.read() as Buffer | null;
    if (piece !== null) return piece;
    if (req.readableEnded) return undefined;
    if (req.destroyed || res.closed) throw new VaultError('malformed_request');
    if (!(await readable(res, deadline - performance.now()))) throw new VaultError('request_timeout');
  }
}

/** False when nothing came in time. */
function readable(res: Reply, ms: number): Promise<boolean> {
  const { req } = res;
  return new Promise((resolve) => {
    const done = (came: boolean): void => {
      clearTimeout(timer);
      req.off('readable', come).off('end', come).off('close', come).off('error', come);
      res.off('close', come);
      resolve(came);
    };
    const come = (): void => done(true);
    const timer = setTimeout(() => done(false), ms);
    req.on('readable', come).on('end', come).on('close', come).on('error', come);
    res.on('close', come);
  });
}
