import { setTimeout as pause } from 'node:timers/promises';
import { UsageFault } from './command.ts';
import type { ImportedLine } from './importFile.ts';
import { ServiceFault, type Session } from './service.ts';

/** What became of one line: names of places and reasons, and the id of what was stored. Nothing personal. */
export interface LineResult {
  readonly line: number;
  readonly status: number;
  readonly id?: string;
  readonly code?: string;
  readonly errors?: readonly Reason[];
  readonly warnings?: readonly Reason[];
}
interface Reason {
  readonly pointer: string;
  readonly code: string;
}

/** A request carries at most this much; it is sent again whole when it breaks off. */
const mostLines = 1_000;
const mostBytes = 2 * 1024 * 1024;
/** The vault takes no longer line. */
const longestLine = 64 * 1024;
/** Pauses before each further try. Milliseconds. */
const pauses = [1_000, 2_000, 4_000];
/** Faults that pass; the vault tells them on the way, too. */
const passing = new Set([
  'audit_unavailable',
  'database_unavailable',
  'overloaded',
  'too_many_requests',
  'idempotency_in_flight',
  'request_timeout',
  'sealed',
]);

/** Lines that are sent together; gaps between their numbers go as empty lines. */
export interface Parcel {
  readonly lines: readonly ImportedLine[];
  /** Too long to be sent. */
  readonly refused: readonly LineResult[];
}

export async function* parcelsOf(lines: AsyncIterable<ImportedLine>): AsyncGenerator<Parcel> {
  let parcel: { lines: ImportedLine[]; refused: LineResult[]; bytes: number } = { lines: [], refused: [], bytes: 0 };
  for await (const line of lines) {
    if (line.bytes.length > longestLine) {
      parcel.refused.push({ line: line.line, status: 413, code: 'body_too_large' });
      continue;
    }
    const full = parcel.lines.length === mostLines || parcel.bytes + line.bytes.length > mostBytes;
    // A long gap would be sent as so many empty lines.
    const gap = line.line - (parcel.lines.at(-1)?.line ?? line.line) > mostLines;
    if (full || gap) {
      yield parcel;
      parcel = { lines: [], refused: [], bytes: 0 };
    }
    parcel.lines.push(line);
    parcel.bytes += line.bytes.length;
  }
  if (parcel.lines.length + parcel.refused.length > 0) yield parcel;
}

/** One result for each line of the parcel, in order. Sent again when it broke off: no line is written twice under one key. */
export async function sendParcel(session: Session, key: string, parcel: Parcel): Promise<LineResult[]> {
  if (parcel.lines.length === 0) return [...parcel.refused];
  for (let attempt = 0; ; attempt += 1) {
    try {
      const results = await sendOnce(session, key, parcel.lines);
      return [...results, ...parcel.refused].sort((a, b) => a.line - b.line);
    } catch (error) {
      const wait = pauses[attempt];
      if (!(error instanceof ServiceFault && error.kind === 'unavailable') || wait === undefined) throw error;
      await pause(wait);
    }
  }
}

async function sendOnce(session: Session, key: string, lines: readonly ImportedLine[]): Promise<LineResult[]> {
  const first = lines[0]?.line ?? 1;
  const answer = await session.send('POST', `/v1/customers/import?firstLine=${first}`, {
    body: bodyOf(lines),
    headers: { 'content-type': 'application/x-ndjson', accept: 'application/x-ndjson', 'idempotency-key': key },
  });
  if (answer.status !== 200) throw await refusalOf(answer);
  const results = resultsIn(await answer.text().catch(brokeOff));
  if (results.length !== lines.length) throw brokeOff();
  return results;
}

function bodyOf(lines: readonly ImportedLine[]): Buffer {
  const pieces: Buffer[] = [];
  const feed = Buffer.from('\n');
  let next = lines[0]?.line ?? 1;
  for (const { line, bytes } of lines) {
    for (; next < line; next += 1) pieces.push(feed);
    pieces.push(bytes, feed);
    next = line + 1;
  }
  return Buffer.concat(pieces);
}

function brokeOff(): never {
  throw new ServiceFault(
    'unavailable',
    'The import broke off. Run the same command again: it goes on where it was, and nothing is stored twice.',
  );
}

/** A line without a number ends the stream and says why. */
function resultsIn(text: string): LineResult[] {
  const results: LineResult[] = [];
  for (const line of text.split('\n').filter((l) => l !== '')) {
    const result = parsed(line);
    if (typeof result?.line === 'number' && typeof result.status === 'number')
      results.push(resultOf(result as LineResult));
    else if (result?.code === undefined || passing.has(result.code)) brokeOff();
    else throw new ServiceFault('software', `The vault ended the import: ${result.code}.`);
  }
  return results;
}

function parsed(line: string): Partial<LineResult> | undefined {
  try {
    return JSON.parse(line) as Partial<LineResult>;
  } catch {
    return undefined;
  }
}

/** Only what is known to be no data. */
function resultOf({ line, status, id, code, errors, warnings }: LineResult): LineResult {
  return {
    line,
    status,
    ...(id === undefined ? {} : { id }),
    ...(code === undefined ? {} : { code }),
    ...(errors === undefined || errors.length === 0 ? {} : { errors }),
    ...(warnings === undefined || warnings.length === 0 ? {} : { warnings }),
  };
}

async function refusalOf(answer: Response): Promise<Error> {
  const problem = (await answer.json().catch(() => ({}))) as { code?: unknown };
  const code = typeof problem.code === 'string' ? problem.code : String(answer.status);
  if (answer.status >= 500 || answer.status === 429 || answer.status === 401 || passing.has(code)) {
    return new ServiceFault(
      'unavailable',
      `The vault does not take the import now: ${code}. Run the same command again later.`,
    );
  }
  if (answer.status === 403)
    return new ServiceFault('config', `The client may not import (${code}): it takes the role shop_backend.`);
  return new UsageFault(`the vault refuses the import: ${code}`);
}
