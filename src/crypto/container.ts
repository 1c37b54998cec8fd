import { VaultError } from '../errors.ts';
import {
  expectEnd,
  putByte,
  putBytes,
  putText,
  takeByte,
  takeBytes,
  takeLength,
  takeText,
  type Cursor,
} from './framing.ts';

/**
 * The sealed fields of one record in one column. A plain one:
 *
 * | bytes | what                                                                  |
 * | ----- | --------------------------------------------------------------------- |
 * | 1     | format version: 1                                                     |
 * | 2     | number of entries, big-endian                                         |
 * |       | then for each entry, in ascending order of label, no label twice:     |
 * | 1 + n | length and ASCII label                                                |
 * | 4     | length of the sealed value, big-endian                                |
 * | m     | sealed value                                                          |
 *
 * One with a mark begins with the entry `header`, so that whoever needs that alone fetches so many bytes and no more: its lead, which
 * the database cuts out by itself (`amanat.lead_of`). The mark, in the clear, says what the header was made by.
 *
 * | bytes | what                                                                  |
 * | ----- | --------------------------------------------------------------------- |
 * | 1     | format version: 2                                                     |
 * | 1 + k | length and ASCII mark                                                 |
 * | 3     | length of the sealed value of `header`, big-endian                    |
 * | h     | sealed value of `header`; here the lead ends                          |
 * | 2     | number of the other entries, then these as above, none of them `header` |
 */
const plainFormat = 1;
const markedFormat = 2;
const leadLabel = 'header';
const leadLengthLength = 3;
const countLength = 2;
const valueLengthLength = 4;

export interface Unpacked {
  readonly entries: Map<string, Buffer>;
  /** Undefined of a plain one. */
  readonly mark: string | undefined;
}

/** One encoding for one mark, or none, and one set of entries. Throws `internal` for what has none. */
export function packRecord(entries: ReadonlyMap<string, Buffer>, mark?: string): Buffer {
  const lead = mark === undefined ? undefined : entries.get(leadLabel);
  const sorted = [...entries]
    .filter(([label]) => lead === undefined || label !== leadLabel)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  if (sorted.length > 0xffff) throw new VaultError('internal');
  const size = sorted.reduce((sum, [label, value]) => sum + 1 + label.length + valueLengthLength + value.length, 0);
  const cursor = mark === undefined ? plainCursor(size) : markedCursor(mark, lead, size);
  cursor.at = cursor.bytes.writeUInt16BE(sorted.length, cursor.at);
  for (const [label, value] of sorted) {
    if (label === '') throw new VaultError('internal');
    putText(cursor, label);
    cursor.at = cursor.bytes.writeUInt32BE(value.length, cursor.at);
    putBytes(cursor, value);
  }
  return cursor.bytes;
}

function plainCursor(size: number): Cursor {
  const cursor: Cursor = { bytes: Buffer.allocUnsafe(1 + countLength + size), at: 0 };
  putByte(cursor, plainFormat);
  return cursor;
}

function markedCursor(mark: string, lead: Buffer | undefined, size: number): Cursor {
  if (mark === '' || lead === undefined || lead.length > 0xffffff) throw new VaultError('internal');
  const leadLength = 2 + mark.length + leadLengthLength + lead.length;
  const cursor: Cursor = { bytes: Buffer.allocUnsafe(leadLength + countLength + size), at: 0 };
  putBeginning(cursor, mark);
  cursor.at = cursor.bytes.writeUIntBE(lead.length, cursor.at, leadLengthLength);
  putBytes(cursor, lead);
  return cursor;
}

/** What every record with this mark begins with, and no other. Throws `internal` for a mark that has no encoding. */
export function beginningOf(mark: string): Buffer {
  const cursor: Cursor = { bytes: Buffer.allocUnsafe(2 + mark.length), at: 0 };
  putBeginning(cursor, mark);
  return cursor.bytes;
}

function putBeginning(cursor: Cursor, mark: string): void {
  putByte(cursor, markedFormat);
  putText(cursor, mark);
}

/** The values are views into `bytes`, not copies. Throws `integrity_failure` for what `packRecord` would not write. */
export function unpackRecord(bytes: Buffer): Map<string, Buffer> {
  return unpackMarked(bytes).entries;
}

/** The same with its mark. */
export function unpackMarked(bytes: Buffer): Unpacked {
  const cursor: Cursor = { bytes, at: 0 };
  const begun = takeBeginning(cursor);
  takeEntries(cursor, begun);
  return begun;
}

/** The same of a record of which nothing but its lead may be there: then `header` is the only entry. */
export function unpackShown(bytes: Buffer): Unpacked {
  const cursor: Cursor = { bytes, at: 0 };
  const begun = takeBeginning(cursor);
  if (begun.mark === undefined || cursor.at < bytes.length) takeEntries(cursor, begun);
  return begun;
}

/** Up to where the lead ends, or the count of a plain one begins. */
function takeBeginning(cursor: Cursor): Unpacked {
  const format = takeByte(cursor);
  if (format === plainFormat) return { entries: new Map(), mark: undefined };
  if (format !== markedFormat) throw new VaultError('integrity_failure');
  const mark = takeText(cursor);
  if (mark === '') throw new VaultError('integrity_failure');
  const lead = takeBytes(cursor, takeLength(cursor, leadLengthLength));
  return { entries: new Map([[leadLabel, lead]]), mark };
}

function takeEntries(cursor: Cursor, { entries, mark }: Unpacked): void {
  const count = takeLength(cursor, countLength);
  let previous = '';
  for (let i = 0; i < count; i++) {
    const label = takeText(cursor);
    if (label <= previous || (mark !== undefined && label === leadLabel)) throw new VaultError('integrity_failure');
    entries.set(label, takeBytes(cursor, takeLength(cursor, valueLengthLength)));
    previous = label;
  }
  expectEnd(cursor);
}
