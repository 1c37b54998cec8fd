import { openCheckpoint, type OpenedCheckpoint } from '../crypto/checkpoint.ts';
import { numberOf, openEnd, openJournal, parseEndText, parseJournalText } from '../crypto/journalNote.ts';
import { verifyConsistency } from '../crypto/merkleTree.ts';
import { cosignNote, onlySignedBy, type NoteSigner, type VerifierKey } from '../crypto/signedNote.ts';
import type { KeptLog, LogFolder } from './logFolder.ts';

/** What is answered, over HTTP or not. */
export interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

export interface Witnessing {
  readonly folder: LogFolder;
  /** The keys that are trusted for a log; none for a log that is not known. */
  readonly keysOf: (origin: string) => Promise<readonly VerifierKey[]>;
  /** Without one, nothing is cosigned: the service's own folder. */
  readonly cosigner?: NoteSigner | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export type Ask = (path: string, body: string) => Promise<Reply>;

/** C2SP tlog-witness, "add-checkpoint". */
const mostProofLines = 63;
/** Pieces of a journal in one answer. */
const mostPieces = 32;

const text = (status: number, body = ''): Reply => ({ status, type: 'text/plain; charset=utf-8', body });
const json = (body: unknown): Reply => ({ status: 200, type: 'application/json', body: JSON.stringify(body) });
const sizeIs = (size: number): Reply => ({ status: 409, type: 'text/x.tlog.size', body: `${size}\n` });

/**
 * Answers one post. Everything about a log happens one after the other, from the look at what is kept to the moment the
 * new state is durable: of two posts at once the second sees what the first has left.
 */
export function answering(witnessing: Witnessing): Ask {
  const turns = new Map<string, Promise<unknown>>();
  const inTurn = <T>(origin: string, work: () => Promise<T>): Promise<T> => {
    const turn = (turns.get(origin) ?? Promise.resolve()).then(work, work);
    const settled = turn
      .catch(() => undefined)
      .finally(() => void (turns.get(origin) === settled && turns.delete(origin)));
    turns.set(origin, settled);
    return turn;
  };
  return async (path, body) => {
    const known = Object.hasOwn(posts, path) ? posts[path as keyof typeof posts] : undefined;
    if (known === undefined) return text(404);
    const origin = known.originOf(body);
    if (origin === undefined) return text(400);
    const keys = await witnessing.keysOf(origin);
    // Nothing is remembered of a log that is not known.
    if (keys.length === 0) return text(404);
    return inTurn(origin, async () => known.answer(witnessing, { origin, keys, body }));
  };
}

interface Asked {
  readonly origin: string;
  readonly keys: readonly VerifierKey[];
  readonly body: string;
}

interface Post {
  readonly originOf: (body: string) => string | undefined;
  readonly answer: (witnessing: Witnessing, asked: Asked) => Promise<Reply>;
}

const posts = {
  '/add-checkpoint': { originOf: (body) => parseAddition(body)?.origin, answer: addCheckpoint },
  '/add-journal': { originOf: (body) => parseJournalText(textOfNote(body))?.origin, answer: addJournal },
  '/end-log': { originOf: (body) => parseEndText(textOfNote(body))?.origin, answer: endLog },
  '/read-log': { originOf: (body) => /^([^\n]+)\n$/.exec(body)?.[1], answer: readLog },
  '/read-journal': { originOf: (body) => /^([^\n]+)\n[0-9]+\n$/.exec(body)?.[1], answer: readJournal },
} as const satisfies Record<string, Post>;

const textOfNote = (note: string): string => note.slice(0, note.lastIndexOf('\n\n') + 1);

interface Addition {
  readonly origin: string;
  readonly oldSize: number;
  readonly proof: readonly Buffer[];
  readonly note: string;
}

/** Old size, proof, empty line, checkpoint. */
function parseAddition(body: string): Addition | undefined {
  const cut = body.indexOf('\n\n');
  const [first = '', ...lines] = cut < 0 ? [] : body.slice(0, cut).split('\n');
  const oldSize = first.startsWith('old ') ? numberOf(first.slice('old '.length)) : undefined;
  const proof = lines.map((line) => Buffer.from(line, 'base64'));
  const spelt = proof.every((hash, i) => hash.length === 32 && hash.toString('base64') === lines[i]);
  const note = body.slice(cut + 2);
  const [origin = ''] = note.split('\n');
  if (oldSize === undefined || !spelt || proof.length > mostProofLines || origin === '') return undefined;
  return { origin, oldSize, proof, note };
}

async function addCheckpoint({ folder, cosigner, now }: Witnessing, { origin, keys, body }: Asked): Promise<Reply> {
  const addition = parseAddition(body);
  const offered = addition && openCheckpoint(addition.note, keys);
  if (addition === undefined) return text(400);
  if (offered?.origin !== origin) return text(403);
  const { oldSize, proof, note } = addition;
  if (oldSize > offered.size) return text(400);
  const kept = await folder.read(origin);
  if (kept.end !== undefined) return text(410, 'this log has ended\n');
  const last = lastOf(kept, keys);
  if (oldSize !== (last?.size ?? 0)) return sizeIs(last?.size ?? 0);
  if (last?.size === offered.size && !last.root.equals(offered.root)) return sizeIs(last.size);
  if (!extendsLast(last, offered, proof)) return text(422);
  // What is kept and given away holds no signatures that were not checked, and stays as short as it was made.
  const signed = onlySignedBy(note, keys);
  const at = Math.floor(now() / 1000);
  const cosigned = cosigner === undefined ? signed : cosignNote(signed, cosigner, at);
  await folder.putCheckpoint(origin, cosigned);
  return text(200, cosigned.slice(signed.length));
}

/** The tree of nothing begins every tree, and nothing proves it. */
function extendsLast(last: OpenedCheckpoint | undefined, offered: OpenedCheckpoint, proof: readonly Buffer[]): boolean {
  return last === undefined || last.size === 0 ? proof.length === 0 : verifyConsistency(last, offered, proof);
}

/** Throws where the folder holds what this witness never wrote. */
function lastOf({ checkpoint }: KeptLog, keys: readonly VerifierKey[]): OpenedCheckpoint | undefined {
  if (checkpoint === undefined) return undefined;
  const opened = openCheckpoint(checkpoint, keys);
  if (opened === undefined) throw new Error('the checkpoint that is kept does not verify under the keys of its log');
  return opened;
}

/** Each piece goes on where the last one that tells of an act ended, and never ends before what was told already. */
async function addJournal({ folder }: Witnessing, { origin, keys, body }: Asked): Promise<Reply> {
  const piece = openJournal(body, keys);
  if (piece?.origin !== origin) return text(403);
  const kept = await folder.read(origin);
  if (kept.end !== undefined) return text(410, 'this log has ended\n');
  const note = onlySignedBy(body, keys);
  if (kept.head === note) return text(200);
  const head = kept.head === undefined ? undefined : openJournal(kept.head, keys);
  const from = head === undefined ? 0 : head.acts > 0 ? head.to : head.from;
  if (piece.from !== from || piece.to < (head?.to ?? 0)) return sizeIs(head?.to ?? 0);
  await folder.putJournal(origin, note, piece.acts > 0);
  return text(200);
}

async function endLog({ folder, keysOf }: Witnessing, { origin, keys, body }: Asked): Promise<Reply> {
  const end = openEnd(body, keys);
  if (end?.origin !== origin) return text(403);
  const note = onlySignedBy(body, keys);
  const { end: kept } = await folder.read(origin);
  if (kept !== undefined) return kept === note ? text(200) : text(410, 'this log has ended\n');
  // The operator of the witness has to know the log that goes on before this one ends.
  if ((await keysOf(end.next)).length === 0) return text(404, 'the log that goes on is not known here\n');
  await folder.putEnd(origin, note);
  return text(200);
}

async function readLog({ folder }: Witnessing, { origin }: Asked): Promise<Reply> {
  return json(await folder.read(origin));
}

/** From the first piece that tells of a leaf at or after the size named. */
async function readJournal({ folder }: Witnessing, { origin, body }: Asked): Promise<Reply> {
  const after = numberOf(body.split('\n')[1] ?? '');
  if (after === undefined) return text(400);
  const pieces = await folder.journal(origin);
  // Verified when they were taken, and again by whoever asks: here, once for each question of anybody's, it would be work for others.
  const later = pieces.filter((note) => (parseJournalText(textOfNote(note))?.to ?? Infinity) > after);
  return json({ pieces: later.slice(0, mostPieces) });
}
