import { describe, expect, test } from 'vitest';
import { synthetic } from '../../../src/cli/synthetic.ts';
import { findingsInCookie } from '../../../src/formats/cookieSafe.ts';

const people = synthetic(628);
const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('what may not go into a cookie', () => {
  const name = people.name();
  const kinds = [
    ['email', people.email()],
    ['mobile', people.mobile()],
    ['landline', people.landline()],
    ['national_id', people.nationalId()],
    ['legal_national_id', people.legalNationalId()],
    ['iban', people.iban()],
    ['postal_code', people.postalCode()],
    ['persian_text', `${name.givenName} ${name.familyName}`],
  ] as const;

  test.each(kinds)('%s is found as it is and however it is coded', (kind, value) => {
    for (const written of [
      value,
      `s=7f3a; v=${value}`,
      JSON.stringify({ a: { b: value } }),
      encodeURIComponent(value),
      encodeURIComponent(encodeURIComponent(`u=${value}`)),
      base64(`user ${value}`),
      Buffer.from(`user ${value}`).toString('base64url'),
      Buffer.from(`user ${value}`).toString('hex'),
      base64(JSON.stringify({ v: base64(`x ${value}`) })),
      `${base64('{"alg":"none"}')}.${base64(JSON.stringify({ sub: value }))}.`,
    ])
      expect(findingsInCookie(written), written).toContain(kind);
  });

  test.each([
    ['Persian digits', '۰۹۷۰ ۱۲۳ ۴۵۶۷', 'mobile'],
    ['hyphens', '0970-123-4567', 'mobile'],
    ['a country code', '+989701234567', 'mobile'],
    ['JSON escapes', '"\\u0632\\u0647\\u0631\\u0627"', 'persian_text'],
    ['a word around it', 'uid09701234567x', 'mobile'],
  ])('%s', (_, written, kind) => {
    expect(findingsInCookie(written)).toContain(kind);
  });

  test('a time in a token is no number of anybody; the same digits by themselves may be', () => {
    expect(findingsInCookie('{"iat":1763539200,"exp":1763539500}')).toEqual([]);
    expect(findingsInCookie('{"id":"1763539200"}')).toContain('postal_code');
  });

  test('what is random, or nobody’s, is safe', () => {
    for (let i = 0; i < 300; i += 1) {
      const id = crypto.randomUUID();
      expect(findingsInCookie(id)).toEqual([]);
      const bytes = crypto.getRandomValues(new Uint8Array(24));
      expect(findingsInCookie(Buffer.from(bytes).toString('base64url'))).toEqual([]);
    }
    for (const value of ['', 'fa', 'theme=dark; basket=3', '2025-11-12T08:00:00Z'])
      expect(findingsInCookie(value), value).toEqual([]);
  });
});
