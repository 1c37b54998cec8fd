import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Log } from '../log.ts';
import type { StandingHeaders } from './headers.ts';

/** What holds for every request of one service. Built once. */
export interface HttpRules {
  readonly standing: StandingHeaders;
  readonly log: Log;
  readonly newRequestId: () => string;
  /** A body must have arrived, and each further piece of a streamed one, within this time. Milliseconds. */
  readonly bodyMs: number;
  /** A client must have taken its answer, or its next piece, within this time. Milliseconds. */
  readonly writeMs: number;
  /** After a refusal of a body still under way: what is thrown away of it before the connection is cut. */
  readonly lingerMs: number;
  readonly lingerBytes: number;
}

/** One request and its answer, from the first byte to the last. */
export interface Exchange {
  readonly rules: HttpRules;
  readonly id: string;
  /** `performance.now()` at the start. */
  readonly startedAt: number;
  readonly method: string;
  route: string | undefined;
  /** Who asks, once the token was verified. */
  caller: unknown;
  clientId: string | undefined;
  /** Why it was refused. */
  code: string | undefined;
  /** Gives back the place in the concurrency gate; there while a place is held. */
  leave: (() => void) | undefined;
  /** Tells the turnstile that it is over; there until a route takes it with the work. */
  over: (() => void) | undefined;
  /** The answer did not go out whole. */
  cut: boolean;
}

/** A response with its exchange, where Express expects its `locals`. */
export type Reply = ServerResponse & { locals: Exchange };

/** Is a body under way that nobody has read to its end? */
export function hasUnreadBody(req: IncomingMessage): boolean {
  return !req.complete && hasBody(req);
}

/** RFC 9112 section 6: a body is there when either header says so. */
export function hasBody(req: IncomingMessage): boolean {
  const { headers } = req;
  const length = headers['content-length'];
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}
