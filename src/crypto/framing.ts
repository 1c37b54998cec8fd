import { VaultError } from '../errors.ts';

/**
 * How parts are laid into bytes and read back. Each part has exactly one encoding, so that bytes and meaning correspond
 * one to one:
 *
 * | part   | bytes                                                                            |
 * | ------ | -------------------------------------------------------------------------------- |
 * | uuid   | 16, from the lower-case 8-4-4-4-12 form (RFC 9562 section 4)                      |
 * | text   | 1 for the length n, then n bytes of printable ASCII without space (0x21 to 0x7e)  |
 * | number | 8, unsigned, big-endian, at most 2^53 - 1                                         |
 *
 * Writing what has no encoding is a fault of the caller (`internal`); reading what no writer made is
 * `integrity_failure`.
 */
export interface Cursor {
  readonly bytes: Buffer;
  at: number;
}

export const uuidLength = 16;
export const numberLength = 8;
const maxText = 255;

export function putByte(cursor: Cursor, value: number): void {
  reserve(cursor, 1);
  cursor.bytes[cursor.at] = value;
  cursor.at += 1;
}

export function putBytes(cursor: Cursor, value: Uint8Array): void {
  reserve(cursor, value.length);
  cursor.bytes.set(value, cursor.at);
  cursor.at += value.length;
}

// A loop over char codes: for texts this short it beats a call into Buffer's native writers, and judges each byte.
export function putText(cursor: Cursor, text: string): void {
  const { length } = text;
  if (length > maxText) throw new VaultError('internal');
  reserve(cursor, 1 + length);
  const { bytes } = cursor;
  let at = cursor.at;
  bytes[at++] = length;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x21 || code > 0x7e) throw new VaultError('internal');
    bytes[at++] = code;
  }
  cursor.at = at;
}

export function putNumber(cursor: Cursor, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new VaultError('internal');
  reserve(cursor, numberLength);
  cursor.bytes.writeUInt32BE(Math.floor(value / 2 ** 32), cursor.at);
  cursor.bytes.writeUInt32BE(value % 2 ** 32, cursor.at + 4);
  cursor.at += numberLength;
}

const notHex = 0xff;
const hexValue = new Uint8Array(128).fill(notHex);
for (let value = 0; value < 16; value++) hexValue[value.toString(16).charCodeAt(0)] = value;
/** Where in the text form each of the 16 bytes begins. */
const uuidPairs = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

export function putUuid(cursor: Cursor, uuid: string): void {
  if (uuid.length !== 36 || uuid[8] !== '-' || uuid[13] !== '-' || uuid[18] !== '-' || uuid[23] !== '-') {
    throw new VaultError('internal');
  }
  reserve(cursor, uuidLength);
  const { bytes } = cursor;
  let at = cursor.at;
  for (const pair of uuidPairs) {
    const high = hexValue[uuid.charCodeAt(pair)] ?? notHex;
    const low = hexValue[uuid.charCodeAt(pair + 1)] ?? notHex;
    if (high === notHex || low === notHex) throw new VaultError('internal');
    bytes[at++] = (high << 4) | low;
  }
  cursor.at = at;
}

export function takeByte(cursor: Cursor): number {
  const value = cursor.bytes[cursor.at];
  if (value === undefined) throw new VaultError('integrity_failure');
  cursor.at += 1;
  return value;
}

/** A view, not a copy. */
export function takeBytes(cursor: Cursor, length: number): Buffer {
  const end = cursor.at + length;
  if (end > cursor.bytes.length) throw new VaultError('integrity_failure');
  const taken = cursor.bytes.subarray(cursor.at, end);
  cursor.at = end;
  return taken;
}

export function takeText(cursor: Cursor): string {
  const length = takeByte(cursor);
  const { bytes, at } = cursor;
  const end = at + length;
  if (end > bytes.length) throw new VaultError('integrity_failure');
  for (let i = at; i < end; i++) {
    const byte = bytes[i] ?? 0;
    if (byte < 0x21 || byte > 0x7e) throw new VaultError('integrity_failure');
  }
  cursor.at = end;
  return bytes.toString('latin1', at, end);
}

/** Unsigned, big-endian, of `length` bytes, at most 6. */
export function takeLength(cursor: Cursor, length: number): number {
  const end = cursor.at + length;
  if (end > cursor.bytes.length) throw new VaultError('integrity_failure');
  const value = cursor.bytes.readUIntBE(cursor.at, length);
  cursor.at = end;
  return value;
}

export function takeNumber(cursor: Cursor): number {
  const value = takeBytes(cursor, numberLength).readBigUInt64BE();
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new VaultError('integrity_failure');
  return Number(value);
}

export function takeUuid(cursor: Cursor): string {
  const hex = takeBytes(cursor, uuidLength).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Nothing may follow the last part. */
export function expectEnd(cursor: Cursor): void {
  if (cursor.at !== cursor.bytes.length) throw new VaultError('integrity_failure');
}

function reserve(cursor: Cursor, length: number): void {
  if (cursor.at + length > cursor.bytes.length) throw new VaultError('internal');
}
