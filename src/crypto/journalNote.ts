import { openNote, signNote, type NoteSigner, type VerifierKey } from './signedNote.ts';

/**
 * What a log tells its witness beside its checkpoints, as signed notes under the log's own key, whose name is the origin.
 * No text of these can be a checkpoint's (three lines, a number in the second).
 *
 * | line                 | of a piece of the journal                                                                   |
 * | -------------------- | ------------------------------------------------------------------------------------------- |
 * | `amanat journal/v1`  |                                                                                             |
 * | origin               | which log                                                                                   |
 * | from, space, to      | leaves it tells of: from the first to before the second; each piece begins where the one    |
 * |                      | before it ended that tells of an act                                                        |
 * | root                 | base64 of the root of the tree of `to` leaves                                               |
 * | acts                 | number of acts it tells of                                                                  |
 * | sealed               | base64 (journal.ts); only who has the log's private key can open it                         |
 *
 * | line                 | of a log's end                                                                              |
 * | -------------------- | ------------------------------------------------------------------------------------------- |
 * | `amanat end/v1`      |                                                                                             |
 * | origin               | which log                                                                                   |
 * | next, space, size    | origin of the log that goes on in its place, and how many leaves of this one begin it       |
 */
export interface JournalPiece {
  readonly origin: string;
  readonly from: number;
  readonly to: number;
  readonly root: Buffer;
  readonly acts: number;
  readonly sealed: Buffer;
}

export interface LogEnd {
  readonly origin: string;
  readonly next: string;
  readonly size: number;
}

const journalHeading = 'amanat journal/v1';
const endHeading = 'amanat end/v1';
const rootLength = 32;

export function signJournal(
  { from, to, root, acts, sealed }: Omit<JournalPiece, 'origin'>,
  signer: NoteSigner,
): string {
  const { name } = signer.key;
  const lines = [journalHeading, name, `${from} ${to}`, root.toString('base64'), `${acts}`, sealed.toString('base64')];
  return signNote(`${lines.join('\n')}\n`, signer);
}

export function signEnd({ next, size }: Omit<LogEnd, 'origin'>, signer: NoteSigner): string {
  return signNote(`${endHeading}\n${signer.key.name}\n${next} ${size}\n`, signer);
}

/** With the key that signed it. `undefined` unless one of these keys signed it, of the log that it names. */
export function openJournal(
  note: string,
  keys: readonly VerifierKey[],
): (JournalPiece & { by: VerifierKey }) | undefined {
  const opened = openNote(note, keys);
  const by = opened?.signatures[0]?.key;
  const piece = opened && parseJournalText(opened.text);
  return by !== undefined && piece?.origin === by.name ? { ...piece, by } : undefined;
}

export function openEnd(note: string, keys: readonly VerifierKey[]): LogEnd | undefined {
  const opened = openNote(note, keys);
  const end = opened && parseEndText(opened.text);
  return opened?.signatures.some(({ key }) => key.name === end?.origin) === true ? end : undefined;
}

export function parseJournalText(text: string): JournalPiece | undefined {
  const [heading, origin = '', range = '', encodedRoot = '', count = '', encoded = '', ...rest] = text.split('\n');
  const [from, to, acts] = [...range.split(' '), count].map(numberOf);
  const root = Buffer.from(encodedRoot, 'base64');
  const sealed = Buffer.from(encoded, 'base64');
  if (heading !== journalHeading || rest.join() !== '' || rest.length !== 1 || root.length !== rootLength)
    return undefined;
  if (from === undefined || to === undefined || acts === undefined || from > to || acts > to - from) return undefined;
  const piece = { origin, from, to, root, acts, sealed };
  return textOf(piece) === text ? piece : undefined;
}

function textOf({ origin, from, to, root, acts, sealed }: JournalPiece): string {
  return `${[journalHeading, origin, `${from} ${to}`, root.toString('base64'), `${acts}`, sealed.toString('base64')].join('\n')}\n`;
}

export function parseEndText(text: string): LogEnd | undefined {
  const [, origin = '', next = '', digits = ''] = /^amanat end\/v1\n([^\n]+)\n([^\n ]+) ([0-9]+)\n$/.exec(text) ?? [];
  const size = numberOf(digits);
  return size === undefined || origin === '' || origin === next ? undefined : { origin, next, size };
}

/** Decimal, without a zero before it. */
export function numberOf(digits: string): number | undefined {
  const number = /^(?:0|[1-9][0-9]{0,15})$/.test(digits) ? Number(digits) : undefined;
  return Number.isSafeInteger(number) ? number : undefined;
}
