import { createHash } from 'node:crypto';

/** Looks for known values in bytes, however they may have been written down. */

/** A value that must not be found, and what it is. */
export interface Canary {
  readonly name: string;
  readonly value: string | Buffer;
}

export interface Leak {
  readonly canary: string;
  readonly written: string;
}

type Form = readonly [written: string, bytes: Buffer];

const digits = (text: string, zero: number): string =>
  text.replace(/\d/g, (digit) => String.fromCodePoint(zero + Number(digit)));

/** A text as a person, a program or a database may spell it. */
function spellings(text: string): Form[] {
  const utf8 = Buffer.from(text);
  const utf16 = Buffer.from(text, 'utf16le');
  const escaped = Array.from({ length: text.length }, (_, i) => text.charCodeAt(i))
    .map((unit) => (unit < 0x80 ? String.fromCharCode(unit) : `\\u${unit.toString(16).padStart(4, '0')}`))
    .join('');
  const encoded = encodeURIComponent(text);
  const octal = [...utf8].map((byte) => (byte < 0x80 ? String.fromCharCode(byte) : `\\${byte.toString(8)}`)).join('');
  return [
    ['UTF-8', utf8],
    ['UTF-16LE', utf16],
    ['UTF-16BE', Buffer.from(utf16).swap16()],
    ['JSON escapes', Buffer.from(escaped)],
    [
      'JSON escapes in capitals',
      Buffer.from(escaped.replace(/\\u[0-9a-f]{4}/g, (found) => `\\u${found.slice(2).toUpperCase()}`)),
    ],
    ['URL', Buffer.from(encoded)],
    ['URL in small letters', Buffer.from(encoded.replace(/%[0-9A-F]{2}/g, (found) => found.toLowerCase()))],
    ['a form', Buffer.from(encoded.replaceAll('%20', '+'))],
    ['octal escapes', Buffer.from(octal)],
  ];
}

/** Bytes as they are, in hex, in base64 from any place on, and digested without a key, which a dictionary would reverse. */
function encodings([written, bytes]: Form): Form[] {
  const hex = bytes.toString('hex');
  const base64 = [0, 1, 2].flatMap((phase): Form[] => {
    // Only what does not hang on the bytes before and after.
    const text = Buffer.concat([Buffer.alloc(phase), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const first = Math.ceil((phase * 4) / 3);
    const whole = text.slice(first, Math.floor(((phase + bytes.length) * 8) / 6));
    const url = whole.replaceAll('+', '-').replaceAll('/', '_');
    return [
      [`${written}, base64 ${phase}`, Buffer.from(whole)],
      ...(url === whole ? [] : [[`${written}, base64url ${phase}`, Buffer.from(url)] as const]),
    ];
  });
  return [
    [written, bytes],
    [`${written}, hex`, Buffer.from(hex)],
    [`${written}, hex in capitals`, Buffer.from(hex.toUpperCase())],
    ...base64,
  ];
}

function digests(bytes: Buffer): Form[] {
  return ['sha256', 'sha1', 'md5', 'sha512'].flatMap((algorithm): Form[] => {
    const digest = createHash(algorithm).update(bytes).digest();
    return encodings([algorithm, digest]);
  });
}

function formsOf({ value }: Canary): Form[] {
  if (typeof value !== 'string') return [...encodings(['raw', value]), ...digests(value)];
  const scripts = /\d{4}/.test(value) ? [value, digits(value, 0x6f0), digits(value, 0x660)] : [value];
  return scripts.flatMap((text) => [...spellings(text).flatMap(encodings), ...digests(Buffer.from(text))]);
}

/** Shorter forms are found by chance. */
const leastBytes = 8;
const filterBits = 22;

export interface Scanner {
  /** What of the canaries is in these bytes, once each. */
  scan(bytes: Buffer): readonly Leak[];
  readonly forms: number;
}

/** One pass over the bytes for all canaries together: the first four bytes of a form decide whether it is compared. */
export function scannerFor(canaries: readonly Canary[]): Scanner {
  const byStart = new Map<number, { readonly bytes: Buffer; readonly leak: Leak }[]>();
  const filter = new Uint8Array(1 << filterBits);
  const seen = new Set<string>();
  for (const canary of canaries) {
    for (const [written, bytes] of formsOf(canary)) {
      const id = bytes.toString('latin1');
      if (bytes.length < leastBytes || seen.has(id)) continue;
      seen.add(id);
      const start = bytes.readUInt32BE(0);
      const bucket = byStart.get(start) ?? [];
      bucket.push({ bytes, leak: { canary: canary.name, written } });
      byStart.set(start, bucket);
      filter[slot(start)] = 1;
    }
  }
  return {
    forms: seen.size,
    scan(bytes) {
      const found = new Map<string, Leak>();
      let start = 0;
      for (let at = 0; at < bytes.length; at += 1) {
        start = ((start << 8) | (bytes[at] ?? 0)) >>> 0;
        if (filter[slot(start)] === 0 || at < 3) continue;
        for (const { bytes: form, leak } of byStart.get(start) ?? []) {
          const from = at - 3;
          if (bytes.compare(form, 0, form.length, from, Math.min(from + form.length, bytes.length)) === 0) {
            found.set(`${leak.canary} ${leak.written}`, leak);
          }
        }
      }
      return [...found.values()];
    },
  };
}

const slot = (start: number): number => Math.imul(start, 0x9e3779b1) >>> (32 - filterBits);
