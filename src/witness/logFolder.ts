import { constants } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { digestOf } from '../crypto/digest.ts';
import { makeFolder } from '../makeFolder.ts';
import { isAbsent, openRegular, textOfRegular } from '../regularFile.ts';
import { replaceDurably } from '../replaceDurably.ts';
import { syncFolder } from '../syncFolder.ts';

/**
 * What a witness keeps of a log, in a folder `logs/<SHA-256 of the origin, hex>`. Files are replaced whole: written beside
 * their place, made durable, renamed. Modes 0600 and 0700.
 *
 * | file         | what                                                                                           |
 * | ------------ | ---------------------------------------------------------------------------------------------- |
 * | `checkpoint` | the last checkpoint, as a signed note, with this witness's cosignature where it makes any       |
 * | `journal`    | every piece of the journal that tells of an act, appended: its length in bytes, decimal, a line  |
 * |              | feed, the signed note                                                                          |
 * | `head`       | the newest piece of the journal, whether it tells of an act or not                             |
 * | `end`        | the log's end, as a signed note                                                                |
 *
 * A power failure can leave part of a piece at the end of `journal`: it counts for nothing and is overwritten by the next.
 * One writer at a time: whoever writes holds the folder's lock.
 */
export interface LogFolder {
  readonly read: (origin: string) => Promise<KeptLog>;
  readonly putCheckpoint: (origin: string, note: string) => Promise<void>;
  /** `keep`: it tells of an act. */
  readonly putJournal: (origin: string, note: string, keep: boolean) => Promise<void>;
  readonly putEnd: (origin: string, note: string) => Promise<void>;
  /** The pieces that tell of an act, oldest first. */
  readonly journal: (origin: string) => Promise<readonly string[]>;
}

export interface KeptLog {
  readonly checkpoint?: string;
  readonly head?: string;
  readonly end?: string;
}

/** Longer than any note; a file that is none is not read into memory. */
const mostNote = 1024 * 1024;

export function openLogFolder(folder: string): LogFolder {
  const ends: Ends = new Map();
  const placeOf = (origin: string): string => join(folder, 'logs', digestOf(Buffer.from(origin)).toString('hex'));
  const put = async (origin: string, name: keyof KeptLog, note: string): Promise<void> => {
    const place = placeOf(origin);
    await makeFolder(place);
    await replaceDurably(place, name, note);
    await syncFolder(dirname(place));
  };
  return {
    async read(origin) {
      const texts = await Promise.all(
        (['checkpoint', 'head', 'end'] as const).map(async (name) => [
          name,
          await textOfRegular(join(placeOf(origin), name), mostNote),
        ]),
      );
      return Object.fromEntries(texts.filter(([, text]) => text !== undefined)) as KeptLog;
    },
    putCheckpoint: (origin, note) => put(origin, 'checkpoint', note),
    putEnd: (origin, note) => put(origin, 'end', note),
    async putJournal(origin, note, keep) {
      await makeFolder(placeOf(origin));
      if (keep) await append(ends, placeOf(origin), note);
      await put(origin, 'head', note);
    },
    journal: async (origin) => (await readPieces(placeOf(origin))).pieces,
  };
}

interface Whole {
  readonly pieces: readonly string[];
  /** Bytes of them. */
  readonly length: number;
}

/** What this process knows of the ends of journals, so that they are not read again for each piece. */
type Ends = Map<string, { readonly last: string | undefined; readonly length: number }>;

/** A piece that is there already, because the process died before it answered, is not written twice. */
async function append(ends: Ends, place: string, note: string): Promise<void> {
  const { last, length } = await endOf(ends, place);
  if (last === note) return;
  const path = join(place, 'journal');
  // Whoever can write here has nothing else truncated or written to by a link in its place.
  const there = (await lstat(path).catch(() => undefined)) !== undefined;
  const handle = there ? await openRegular(path, Infinity, constants.O_RDWR) : await open(path, 'wx+', 0o600);
  try {
    await handle.truncate(length);
    const bytes = Buffer.from(`${Buffer.byteLength(note)}\n${note}`);
    await handle.write(bytes, 0, bytes.length, length);
    await handle.sync();
    ends.set(place, { last: note, length: length + bytes.length });
  } finally {
    await handle.close();
  }
}

async function endOf(
  ends: Ends,
  place: string,
): Promise<{ readonly last: string | undefined; readonly length: number }> {
  const size = (await lstat(join(place, 'journal')).catch(() => undefined))?.size ?? 0;
  const known = ends.get(place);
  if (known?.length === size) return known;
  const { pieces, length } = await readPieces(place);
  return { last: pieces.at(-1), length };
}

async function journalOf(place: string): Promise<Buffer> {
  const file = await openRegular(join(place, 'journal')).catch((error: unknown) => {
    if (isAbsent(error)) return undefined;
    throw error;
  });
  try {
    return (await file?.readFile()) ?? Buffer.alloc(0);
  } finally {
    await file?.close();
  }
}

async function readPieces(place: string): Promise<Whole> {
  const bytes = await journalOf(place);
  const pieces: string[] = [];
  for (let at = 0; ;) {
    const feed = bytes.indexOf('\n', at);
    const digits = feed < 0 ? '' : bytes.toString('latin1', at, feed);
    const end = feed + 1 + Number(digits);
    if (!/^[1-9][0-9]{0,5}$/.test(digits) || end > bytes.length) return { pieces, length: at };
    pieces.push(bytes.toString('utf8', feed + 1, end));
    at = end;
  }
}
