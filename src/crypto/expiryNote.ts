import { isOriginOf } from './checkpoint.ts';
import { numberOf } from './journalNote.ts';
import { openNote, signNote, signToo, verifierKey, type NoteSigner, type VerifierKey } from './signedNote.ts';

/**
 * Which leaves of a log were let go of because their time was over: a signed note under the log's own key, whose name is the
 * origin. It can be no checkpoint (three lines) and none of what a witness is told (journalNote.ts, another first line).
 *
 * | line               | what                                                                                         |
 * | ------------------ | -------------------------------------------------------------------------------------------- |
 * | `amanat expiry/v1` |                                                                                              |
 * | origin             | which log                                                                                    |
 * | before             | milliseconds since 1970: every one of these leaves was made before                           |
 * | leaf               | id of the leaf that tells of it, which binds SHA-256 of this text                            |
 * | indexes            | of the leaves that went, ascending, by commas; `5-8` for four in a row, `5-6` for two        |
 */
export interface Expiry {
  readonly origin: string;
  readonly before: number;
  readonly leafId: string;
  /** Ascending, at least one. */
  readonly indexes: readonly number[];
}

export interface OpenedExpiry extends Expiry {
  readonly text: string;
}

const heading = 'amanat expiry/v1';
const uuidPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** More than a note of the longest length names one by one. */
const mostIndexes = 10_000;

export function expiryText({ origin, before, leafId, indexes }: Expiry): string {
  return `${[heading, origin, `${before}`, leafId, runsOf(indexes)].join('\n')}\n`;
}

export function signExpiry(text: string, signer: NoteSigner, ...more: readonly NoteSigner[]): string {
  return more.reduce(signToo, signNote(text, signer));
}

/** `undefined` unless one of these keys signed it, of a tenant's log in whichever epoch. */
export function openExpiry(tenantId: string, note: string, keys: readonly VerifierKey[]): OpenedExpiry | undefined {
  const expiry = expiryIn(note);
  if (expiry === undefined || !isOriginOf(tenantId, expiry.origin)) return undefined;
  const named = keys.map(({ publicKey, kind }) => verifierKey(expiry.origin, publicKey, kind));
  return openNote(note, named) === undefined ? undefined : expiry;
}

/** What a note says, believed by nobody yet. */
export function expiryIn(note: string): OpenedExpiry | undefined {
  const text = note.slice(0, note.lastIndexOf('\n\n') + 1);
  const [first, origin = '', time = '', leafId = '', runs = ''] = text.split('\n');
  const [before, indexes] = [numberOf(time), indexesOf(runs)];
  if (first !== heading || before === undefined || indexes === undefined || !uuidPattern.test(leafId)) return undefined;
  const expiry = { origin, before, leafId, indexes };
  return expiryText(expiry) === text ? { ...expiry, text } : undefined;
}

function runsOf(indexes: readonly number[]): string {
  const runs: { from: number; to: number }[] = [];
  for (const index of indexes) {
    const last = runs.at(-1);
    if (last !== undefined && index === last.to + 1) last.to = index;
    else runs.push({ from: index, to: index });
  }
  return runs.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(',');
}

function indexesOf(text: string): number[] | undefined {
  const indexes: number[] = [];
  for (const run of text.split(',')) {
    const [from, to = from] = run.split('-').map(numberOf);
    if (from === undefined || to === undefined || from <= (indexes.at(-1) ?? -1)) return undefined;
    if (indexes.length + to - from >= mostIndexes) return undefined;
    for (let index = from; index <= to; index += 1) indexes.push(index);
  }
  return indexes.length === 0 ? undefined : indexes;
}
