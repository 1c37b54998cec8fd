import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { synthetic } from '../../../src/cli/synthetic.ts';
import { parseEconomicCode } from '../../../src/formats/economicCode.ts';
import { parseForeignerId } from '../../../src/formats/foreignerId.ts';
import { parseIban } from '../../../src/formats/iban.ts';
import type { Parsed } from '../../../src/formats/identifier.ts';
import { parseLandline, showLandline } from '../../../src/formats/landline.ts';
import { parseLegalNationalId } from '../../../src/formats/legalNationalId.ts';
import { parseMobile, showMobile } from '../../../src/formats/mobile.ts';
import { parseNationalId } from '../../../src/formats/nationalId.ts';
import { parsePostalCode } from '../../../src/formats/postalCode.ts';

const digitSets = ['0123456789', '۰۱۲۳۴۵۶۷۸۹', '٠١٢٣٤٥٦٧٨٩'];
const noise = [
  '',
  '',
  '',
  ' ',
  '-',
  '\u2013',
  '\u00A0',
  '\u200C',
  '\u200D',
  '\u200F',
  '\u202A',
  '\u2069',
  '\uFEFF',
  '\u00AD',
];

/** Every digit in a script of its own, with something invisible, a space or a dash before each character. */
const spelled = (value: string): fc.Arbitrary<string> =>
  fc
    .array(fc.tuple(fc.constantFrom(...digitSets), fc.constantFrom(...noise)), {
      minLength: value.length,
      maxLength: value.length,
    })
    .map((choices) =>
      Array.from(value, (character, i) => {
        const [digits = '', before = ''] = choices[i] ?? [];
        return before + (/\d/.test(character) ? digits.charAt(Number(character)) : character);
      }).join(''),
    );

const made = synthetic(11);
const kinds: readonly (readonly [string, () => string, (input: string) => Parsed])[] = [
  ['nationalId', () => made.nationalId(), parseNationalId],
  ['legalNationalId', () => made.legalNationalId(), parseLegalNationalId],
  ['foreignerId', () => made.foreignerId(), parseForeignerId],
  ['economicCode, natural', () => made.economicCode('natural'), (input) => parseEconomicCode(input, 'natural')],
  ['economicCode, legal', () => made.economicCode('legal'), (input) => parseEconomicCode(input, 'legal')],
  ['economicCode, foreigner', () => made.economicCode('foreigner'), (input) => parseEconomicCode(input, 'foreigner')],
  ['postalCode', () => made.postalCode(), parsePostalCode],
  ['iban', () => made.iban(), parseIban],
  ['mobile', () => made.mobile(), parseMobile],
  ['landline', () => made.landline(), parseLandline],
];

describe('any spelling of a value has one canonical form', () => {
  for (const [kind, make, parse] of kinds) {
    it(kind, () => {
      for (let n = 0; n < 20; n++) {
        const value = make();
        const expected = parse(value);
        expect(expected.ok).toBe(true);
        fc.assert(
          fc.property(spelled(value), (spelling) => {
            expect(parse(spelling)).toEqual(expected);
          }),
          { numRuns: 20 },
        );
      }
    });
  }

  it('and the canonical form is its own, and phones show as they were dialled', () => {
    for (const [kind, make, parse] of kinds) {
      const value = make();
      const parsed = parse(value);
      if (!parsed.ok) throw new Error(kind);
      expect(parse(parsed.canonical), kind).toEqual(parsed);
      if (kind === 'mobile') expect(showMobile(parsed.canonical)).toBe(value);
      if (kind === 'landline') expect(showLandline(parsed.canonical)).toBe(value);
    }
  });

  it('a parser takes any string without throwing', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(0xffff), { maxLength: 40 }).map((units) => String.fromCharCode(...units)),
        (input) => {
          for (const [, , parse] of kinds) expect(typeof parse(input).ok).toBe('boolean');
        },
      ),
    );
  });
});
