/**
 * RFC 8259 to the letter, and stricter where JSON.parse lets pass what two readers could understand differently:
 * fatal UTF-8, no byte order mark, no duplicate, `__proto__`, `constructor` or `prototype` keys, no U+0000, no lone
 * surrogates, no number that a double cannot hold, bounded depth. One pass, linear time, recursion bounded by depth.
 */
import { isUtf8 } from 'node:buffer';

import { VaultError } from '../errors.ts';
import type { Fault } from '../errors.ts';

export interface JsonLimits {
  /** Arrays and objects inside one another; 32 by default, 512 at most. */
  readonly maxDepth?: number;
}

interface Reader {
  readonly text: string;
  readonly maxDepth: number;
  /** Keys and indexes from the root to the value being read. */
  readonly path: (string | number)[];
  at: number;
  /** The first thing that is good JSON but not taken. */
  breach: Fault | undefined;
}

/**
 * Parses a whole body. Throws, with one fault whose pointer stops before the first key that could carry data,
 * `malformed_json` (`invalid_utf8 syntax too_deep nul`) for what is no JSON, and `invalid_body` (`duplicate_key
 * forbidden_key nul lone_surrogate number_out_of_range`) for what is JSON but could be read in two ways.
 */
export function parseStrictJson(bytes: Buffer, limits: JsonLimits = {}): unknown {
  const maxDepth = Math.min(limits.maxDepth ?? 32, 512);
  if (!isUtf8(bytes)) throw new VaultError('malformed_json', [{ pointer: '', code: 'invalid_utf8' }]);
  const reader: Reader = { text: bytes.toString('utf8'), maxDepth, path: [], at: 0, breach: undefined };
  skipSpace(reader);
  const value = readValue(reader);
  skipSpace(reader);
  if (reader.at < reader.text.length) throw malformed(reader, 'syntax');
  if (reader.breach !== undefined) throw new VaultError('invalid_body', [reader.breach]);
  return value;
}

function readValue(reader: Reader): unknown {
  switch (reader.text.charCodeAt(reader.at)) {
    case 0x22:
      return readString(reader);
    case 0x7b:
      return readObject(reader);
    case 0x5b:
      return readArray(reader);
    case 0x74:
      return readWord(reader, 'true', true);
    case 0x66:
      return readWord(reader, 'false', false);
    case 0x6e:
      return readWord(reader, 'null', null);
    default:
      return readNumber(reader);
  }
}

function readWord<T>(reader: Reader, word: string, value: T): T {
  if (!reader.text.startsWith(word, reader.at)) throw malformed(reader, 'syntax');
  reader.at += word.length;
  return value;
}

function readObject(reader: Reader): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  const depth = descend(reader);
  skipSpace(reader);
  if (takes(reader, 0x7d)) return object;
  do {
    skipSpace(reader);
    const key = readKey(reader, object);
    skipSpace(reader);
    expect(reader, 0x3a);
    skipSpace(reader);
    reader.path.push(key);
    const value = readValue(reader);
    if (reader.breach === undefined) object[key] = value;
    reader.path.length = depth;
    skipSpace(reader);
  } while (takes(reader, 0x2c));
  expect(reader, 0x7d);
  return object;
}

/** A key that is safe to set on a plain object and stands there once; otherwise nothing more is set. */
function readKey(reader: Reader, object: object): string {
  if (reader.text.charCodeAt(reader.at) !== 0x22) throw malformed(reader, 'syntax');
  const key = readString(reader);
  if (key === '__proto__' || key === 'constructor' || key === 'prototype') breach(reader, 'forbidden_key');
  else if (Object.hasOwn(object, key)) breach(reader, 'duplicate_key');
  return key;
}

function readArray(reader: Reader): unknown[] {
  const array: unknown[] = [];
  const depth = descend(reader);
  skipSpace(reader);
  if (takes(reader, 0x5d)) return array;
  do {
    skipSpace(reader);
    reader.path.push(array.length);
    array.push(readValue(reader));
    reader.path.length = depth;
    skipSpace(reader);
  } while (takes(reader, 0x2c));
  expect(reader, 0x5d);
  return array;
}

/** Steps over the opening bracket; the length of the path is how deep the reader already is. */
function descend(reader: Reader): number {
  reader.at++;
  if (reader.path.length >= reader.maxDepth) throw malformed(reader, 'too_deep');
  return reader.path.length;
}

function readString(reader: Reader): string {
  const { text } = reader;
  let read = '';
  let from = ++reader.at;
  for (;;) {
    const unit = text.charCodeAt(reader.at);
    if (unit === 0x22) {
      const rest = text.slice(from, reader.at++);
      return read === '' ? rest : read + rest;
    }
    // Control characters, and NaN past the end.
    if (!(unit >= 0x20)) throw malformed(reader, unit === 0 ? 'nul' : 'syntax');
    if (unit === 0x5c) {
      read += text.slice(from, reader.at) + readEscape(reader);
      from = reader.at;
    } else reader.at++;
  }
}

const escapes: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);

function readEscape(reader: Reader): string {
  const letter = reader.text.charAt(reader.at + 1);
  if (letter !== 'u') {
    const plain = escapes.get(letter);
    if (plain === undefined) throw malformed(reader, 'syntax');
    reader.at += 2;
    return plain;
  }
  const unit = readUnit(reader);
  if (unit === 0) breach(reader, 'nul');
  if (unit < 0xd800 || unit > 0xdfff) return String.fromCharCode(unit);
  // Raw surrogates are no UTF-8, so the other half can only be an escape too.
  const low = unit < 0xdc00 && reader.text.startsWith('\\u', reader.at) ? readUnit(reader) : 0;
  if (low < 0xdc00 || low > 0xdfff) breach(reader, 'lone_surrogate');
  return String.fromCharCode(unit, low);
}

function readUnit(reader: Reader): number {
  const digits = reader.text.slice(reader.at + 2, reader.at + 6);
  if (!/^[0-9A-Fa-f]{4}$/.test(digits)) throw malformed(reader, 'syntax');
  reader.at += 6;
  return Number.parseInt(digits, 16);
}

const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[Ee][+-]?\d+)?/y;
// Every double has a spelling of at most 17 significant digits; a longer one would come back changed.
const mostDigits = 17;

function readNumber(reader: Reader): number {
  number.lastIndex = reader.at;
  const written = number.exec(reader.text)?.[0];
  if (written === undefined) throw malformed(reader, 'syntax');
  reader.at += written.length;
  const value = Number(written);
  const safe = Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value);
  const vanished = value === 0 && /^[^Ee]*[1-9]/.test(written);
  if (!safe || vanished || significantDigits(written) > mostDigits) breach(reader, 'number_out_of_range');
  return value;
}

function significantDigits(written: string): number {
  if (written.length <= mostDigits) return written.length;
  return written.replace(/[Ee].*|[-.]/g, '').replace(/^0+/, '').length;
}

function skipSpace(reader: Reader): void {
  for (;;) {
    const unit = reader.text.charCodeAt(reader.at);
    if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return;
    reader.at++;
  }
}

function takes(reader: Reader, unit: number): boolean {
  if (reader.text.charCodeAt(reader.at) !== unit) return false;
  reader.at++;
  return true;
}

function expect(reader: Reader, unit: number): void {
  if (!takes(reader, unit)) throw malformed(reader, 'syntax');
}

function malformed(reader: Reader, code: string): VaultError {
  return new VaultError('malformed_json', [{ pointer: pointerTo(reader.path), code }]);
}

/** Told only once the rest has proved to be JSON: what is not JSON is refused as that. */
function breach(reader: Reader, code: string): void {
  reader.breach ??= { pointer: pointerTo(reader.path), code };
}

/** Keys come from the caller and may be data: only plain member names and indexes are repeated. */
function pointerTo(path: Reader['path']): string {
  const unsafe = path.findIndex((step) => typeof step === 'string' && !/^[A-Za-z][A-Za-z0-9]{0,39}$/.test(step));
  const safe = unsafe < 0 ? path : path.slice(0, unsafe);
  return safe.map((step) => `/${step}`).join('');
}
