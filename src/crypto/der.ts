import { VaultError } from '../errors.ts';

/**
 * DER (ITU-T X.690 sections 8, 10 and 11), as much of it as CMS and X.509 take here:
 *
 * | bytes | what                                                                                                  |
 * | ----- | ----------------------------------------------------------------------------------------------------- |
 * | 1     | tag: class, primitive or constructed, and a number below 31                                           |
 * | 1..5  | length n: one byte below 128; else 0x80 + how many bytes follow, then n big-endian in the fewest bytes |
 * | n     | content                                                                                               |
 *
 * A value that is being written is a row of pieces, joined once by `encode`: megabytes are not copied at every level.
 */
export type Der = readonly Buffer[];

export const tags = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Class context-specific, which the surrounding type gives its meaning. */
export const context = (number: number): number => 0x80 | number;
export const contextConstructed = (number: number): number => 0xa0 | number;

export function encode(der: Der): Buffer {
  return Buffer.concat(der);
}

export function tagged(tag: number, ...parts: readonly Der[]): Der {
  const content = parts.flat();
  const length = content.reduce((sum, piece) => sum + piece.length, 0);
  return [Buffer.from([tag, ...lengthBytes(length)]), ...content];
}

function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  if (bytes.length > 4) throw new VaultError('internal');
  return [0x80 | bytes.length, ...bytes];
}

export const sequence = (...parts: readonly Der[]): Der => tagged(tags.sequence, ...parts);
export const octetString = (bytes: Buffer): Der => tagged(tags.octetString, [bytes]);
export const nothing: Der = tagged(tags.null);

/** In the order of their encodings, the shorter one padded with zeros (X.690 section 11.6). */
export function setOf(members: readonly Der[], tag: number = tags.set): Der {
  return tagged(
    tag,
    members.map(encode).sort((a, b) => a.compare(b)),
  );
}

/** One byte, 0 to 127: versions, lengths. */
export function smallInteger(value: number): Der {
  if (!Number.isInteger(value) || value < 0 || value > 0x7f) throw new VaultError('internal');
  return tagged(tags.integer, [Buffer.from([value])]);
}

/** X.690 section 8.19; `2.5.29.15`. */
export function oid(dotted: string): Der {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return tagged(tags.oid, [Buffer.from([first * 40 + second, ...rest].flatMap(base128))]);
}

/** Seven bits a byte, the first bit set on all but the last. */
function base128(value: number): number[] {
  const bytes = [value & 0x7f];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) {
    bytes.unshift((rest & 0x7f) | 0x80);
  }
  return bytes;
}

/** UTCTime from 1950 to 2049, else GeneralizedTime; whole seconds, UTC (RFC 5652 section 11.3). */
export function time(moment: Date): Der {
  const digits = moment
    .toISOString()
    .replace(/\.\d+Z$/, '')
    .replace(/[-:T]/g, '');
  const year = moment.getUTCFullYear();
  if (year < 0 || year > 9999) throw new VaultError('internal');
  const isShort = year >= 1950 && year < 2050;
  return tagged(isShort ? tags.utcTime : tags.generalizedTime, [Buffer.from(`${isShort ? digits.slice(2) : digits}Z`)]);
}

/** An encoded value that was read; both are views, not copies. */
export interface Element {
  readonly tag: number;
  readonly content: Buffer;
  /** Tag and length included. */
  readonly whole: Buffer;
}

/** Every value of a row of them, or `undefined` unless the bytes are DER to the last one. */
export function elementsOf(bytes: Buffer): readonly Element[] | undefined {
  const found: Element[] = [];
  for (let at = 0; at < bytes.length;) {
    const element = elementAt(bytes.subarray(at));
    if (element === undefined) return undefined;
    found.push(element);
    at += element.whole.length;
  }
  return found;
}

/** The one value that the bytes are, if it has this tag. */
export function onlyElement(bytes: Buffer, tag: number): Element | undefined {
  const [element, ...more] = elementsOf(bytes) ?? [];
  return element?.tag === tag && more.length === 0 ? element : undefined;
}

function elementAt(bytes: Buffer): Element | undefined {
  const [tag, first] = bytes;
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return undefined;
  const count = first < 0x80 ? 0 : first & 0x7f;
  if (count > 4 || first === 0x80 || bytes.length < 2 + count) return undefined;
  const length = count === 0 ? first : bytes.readUIntBE(2, count);
  const shortest = lengthBytes(length).length === 1 + count;
  const end = 2 + count + length;
  if (!shortest || end > bytes.length) return undefined;
  return { tag, content: bytes.subarray(2 + count, end), whole: bytes.subarray(0, end) };
}

/** An object identifier's content as `2.5.29.15`, or `undefined` for what is none. */
export function dottedOf(content: Buffer): string | undefined {
  const last = content.at(-1);
  if (last === undefined || last > 0x7f) return undefined;
  const arcs: bigint[] = [];
  let arc = 0n;
  for (const byte of content) {
    if (arc === 0n && byte === 0x80) return undefined;
    arc = (arc << 7n) | BigInt(byte & 0x7f);
    if (byte > 0x7f) continue;
    arcs.push(arc);
    arc = 0n;
  }
  const [head = 0n, ...rest] = arcs;
  const first = head < 80n ? head / 40n : 2n;
  return [first, head - first * 40n, ...rest].join('.');
}
