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
 * The sealed fields of one record in one column.
 *
 * | bytes | what                                                                  |
 * | ----- | --------------------------------------------------------------------- |
 * | 1     | format version: 1                                                     |
 * | 2     | number of entries, big-endian                                         |
 * |       | then for each entry, in ascending order of label, no label twice:     |
 * | 1 + n | length and ASCII label                                                |
 * | 4     | length of the sealed value, big-endian                                |
 * | m     | sealed value                                                          |
 */
const format = 1;
const countLength = 2;
const valueLengthLength = 4;

/** One encoding for one set of entries. Throws `internal` for a label that has none. */
export function packRecord(entries: ReadonlyMap<string, Buffer>): Buffer {
  const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
  if (sorted.length > 0xffff) throw new VaultError('internal');
  const size = sorted.reduce((sum, [label, value]) => sum + 1 + label.length + valueLengthLength + value.length, 0);
  const cursor: Cursor = { bytes: Buffer.allocUnsafe(1 + countLength + size), at: 0 };
  putByte(cursor, format);
  cursor.at = cursor.bytes.writeUInt16BE(sorted.length, cursor.at);
  for (const [label, value] of sorted) {
    if (label === '') throw new VaultError('internal');
    putText(cursor, label);
    cursor.at = cursor.bytes.writeUInt32BE(value.length, cursor.at);
    putBytes(cursor, value);
  }
  return cursor.bytes;
}

/** The values are views into `bytes`, not copies. Throws `integrity_failure` for what `packRecord` would not write. */
export function unpackRecord(bytes: Buffer): Map<string, Buffer> {
  const cursor: Cursor = { bytes, at: 0 };
  if (takeByte(cursor) !== format) throw new VaultError('integrity_failure');
  const count = takeLength(cursor, countLength);
  const entries = new Map<string, Buffer>();
  let previous = '';
  for (let i = 0; i < count; i++) {
    const label = takeText(cursor);
    if (label <= previous) throw new VaultError('integrity_failure');
    entries.set(label, takeBytes(cursor, takeLength(cursor, valueLengthLength)));
    previous = label;
  }
  expectEnd(cursor);
  return entries;
}
