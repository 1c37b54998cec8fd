import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { scannerFor, type Canary } from './leaks.ts';

/** The scan that P5 rests on: it has to find what it looks for, wherever and however that was written. */

const persian = { name: 'a name', value: 'زهراقشنگپور' } as const;
const number = { name: 'a number', value: '9901234565' } as const;
const key: Canary = { name: 'a key', value: randomBytes(32) };
const scanner = scannerFor([persian, number, key]);

const around = (bytes: Buffer, before: number): Buffer => Buffer.concat([randomBytes(before), bytes, randomBytes(50)]);
const found = (bytes: Buffer): string[] => [...new Set(scanner.scan(bytes).map(({ canary }) => canary))];

describe('a scan finds', () => {
  const written: readonly (readonly [string, (text: string) => Buffer])[] = [
    ['UTF-8', (text) => Buffer.from(text)],
    ['UTF-16LE', (text) => Buffer.from(text, 'utf16le')],
    ['UTF-16BE', (text) => Buffer.from(text, 'utf16le').swap16()],
    ['hex', (text) => Buffer.from(Buffer.from(text).toString('hex'))],
    ['hex in capitals', (text) => Buffer.from(Buffer.from(text).toString('hex').toUpperCase())],
    ['a URL', (text) => Buffer.from(encodeURIComponent(text))],
    ['a URL in small letters', (text) => Buffer.from(encodeURIComponent(text).toLowerCase())],
    ['JSON', (text) => Buffer.from(JSON.stringify({ text }))],
    ['Persian digits', (text) => Buffer.from(text.replace(/\d/g, (d) => '۰۱۲۳۴۵۶۷۸۹'.charAt(Number(d))))],
    [
      'Arabic digits in hex',
      (text) => Buffer.from(Buffer.from(text.replace(/\d/g, (d) => '٠١٢٣٤٥٦٧٨٩'.charAt(Number(d)))).toString('hex')),
    ],
    ['base64', (text) => Buffer.from(Buffer.from(text).toString('base64'))],
  ];

  test.each(written)('%s, at any place', (_, write) => {
    for (const { name, value } of [persian, number]) {
      for (const before of [0, 1, 2, 3, 1_000]) expect(found(around(write(value), before)), name).toEqual([name]);
    }
  });

  test('JSON escapes in either case', () => {
    const escaped = Array.from({ length: persian.value.length }, (_, i) => persian.value.charCodeAt(i))
      .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
      .join('');
    expect(found(Buffer.from(`{"name":"${escaped}"}`))).toEqual([persian.name]);
    expect(
      found(Buffer.from(`{"name":"${escaped.replace(/[a-f]/g, (c) => c.toUpperCase()).replaceAll('\\U', '\\u')}"}`)),
    ).toEqual([persian.name]);
  });

  test.each([0, 1, 2, 3, 4, 5, 7, 100])('base64 and base64url of a longer text, %s bytes in', (before) => {
    for (const canary of [persian, number, key]) {
      const inner = typeof canary.value === 'string' ? Buffer.from(canary.value) : canary.value;
      const longer = around(inner, before);
      for (const encoding of ['base64', 'base64url'] as const) {
        expect(found(Buffer.from(`x${longer.toString(encoding)}`)), `${canary.name} ${encoding}`).toEqual([
          canary.name,
        ]);
      }
    }
  });

  test('raw bytes, and digests that a dictionary would reverse', () => {
    const bytes = key.value as Buffer;
    expect(found(around(bytes, 7))).toEqual([key.name]);
    for (const algorithm of ['sha256', 'sha1', 'md5', 'sha512']) {
      const digest = createDigest(algorithm, number.value);
      expect(found(around(digest, 5)), algorithm).toEqual([number.name]);
      expect(found(Buffer.from(digest.toString('hex'))), algorithm).toEqual([number.name]);
    }
  });

  test('the last bytes of a file, and none that are cut off', () => {
    const text = Buffer.from(number.value);
    expect(found(Buffer.concat([randomBytes(9), text]))).toEqual([number.name]);
    expect(found(Buffer.concat([randomBytes(9), text.subarray(0, -1)]))).toEqual([]);
    expect(found(Buffer.alloc(0))).toEqual([]);
  });
});

test('a scan finds nothing in what holds nothing', () => {
  expect(scanner.scan(randomBytes(4_000_000))).toEqual([]);
  expect(scanner.scan(Buffer.alloc(4_000_000))).toEqual([]);
  expect(scanner.forms).toBeGreaterThan(150);
});

function createDigest(algorithm: string, text: string): Buffer {
  return createHash(algorithm).update(text).digest();
}
