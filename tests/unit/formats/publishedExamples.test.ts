import { describe, expect, it } from 'vitest';

import { containsCardData } from '../../../src/formats/card.ts';
import { parseCaseNumber } from '../../../src/formats/caseNumber.ts';
import { parseEconomicCode } from '../../../src/formats/economicCode.ts';
import { parseForeignerId } from '../../../src/formats/foreignerId.ts';
import { bankCodes, parseIban } from '../../../src/formats/iban.ts';
import type { Parsed } from '../../../src/formats/identifier.ts';
import { formatJalali, parseDate } from '../../../src/formats/jalali.ts';
import { areaCodes, parseLandline, provinceOf } from '../../../src/formats/landline.ts';
import { parseLegalNationalId } from '../../../src/formats/legalNationalId.ts';
import { parseMobile } from '../../../src/formats/mobile.ts';
import { parseNationalId } from '../../../src/formats/nationalId.ts';
import { parsePostalCode } from '../../../src/formats/postalCode.ts';
import { addressTokens, nameKey, storedText } from '../../../src/formats/text.ts';
import type { Example, Formats } from './published.ts';
import { publishedFormats } from './published.ts';

const formats = publishedFormats();

const parsers: Readonly<
  Record<
    'nationalId' | 'legalNationalId' | 'economicCode' | 'foreignerId' | 'postalCode' | 'mobile' | 'landline' | 'sheba',
    (example: Example) => Parsed
  >
> = {
  nationalId: ({ input }) => parseNationalId(input),
  legalNationalId: ({ input }) => parseLegalNationalId(input),
  economicCode: ({ input, party = 'natural' }) => parseEconomicCode(input, party),
  foreignerId: ({ input }) => parseForeignerId(input),
  postalCode: ({ input }) => parsePostalCode(input),
  mobile: ({ input }) => parseMobile(input),
  landline: ({ input }) => parseLandline(input),
  sheba: ({ input }) => parseIban(input),
};

describe.skipIf(formats === undefined)('every example of domain/formats.json', () => {
  const published = formats as Formats;

  for (const [kind, parse] of Object.entries(parsers)) {
    it(`${kind}: valid and invalid`, () => {
      const { valid, invalid } = published[kind as keyof typeof parsers];
      expect(valid.length * invalid.length).toBeGreaterThan(0);
      for (const example of valid) {
        expect(parse(example), example.input).toMatchObject({ ok: true, canonical: example.canonical });
      }
      for (const example of invalid) {
        expect(parse(example), example.input).toEqual({ ok: false, reason: example.reason });
      }
    });
  }

  it('nationalId: zeros are put back only when asked, and the check digit misses the pair it is known to miss', () => {
    for (const { input, padded, okWithPad, okWithoutPad } of published.nationalId.padOnImportOnly) {
      expect(parseNationalId(input).ok).toBe(okWithoutPad);
      expect(parseNationalId(input, { pad: true })).toMatchObject({ ok: okWithPad, canonical: padded });
    }
    for (const id of published.nationalId.undetectedPair) expect(parseNationalId(id).ok).toBe(true);
  });

  it('postalCode: doubts are warnings', () => {
    for (const { input, warnings } of published.postalCode.warn) {
      expect(parsePostalCode(input)).toEqual({ ok: true, canonical: input, warnings });
    }
  });

  it('landline and sheba: the tables of areas and banks', () => {
    expect(Object.fromEntries(areaCodes)).toEqual(published.landline.areaCodes);
    expect(Object.fromEntries(bankCodes)).toEqual(published.sheba.bankCodes);
    for (const { canonical = '', province } of published.landline.valid) {
      expect(provinceOf(canonical)).toBe(province);
    }
  });

  it('card numbers and secrets', () => {
    const { detected, notDetected, textSamples } = published.cardNumberMustBeRefused;
    for (const text of [...detected.map(({ input }) => input), ...textSamples.refuse]) {
      expect(containsCardData(text), text).toBe(true);
    }
    for (const text of [...notDetected.map(({ input }) => input), ...textSamples.accept]) {
      expect(containsCardData(text), text).toBe(false);
    }
  });

  it('text: stored form, equal and unequal search keys', () => {
    const { sameSearchKey, differentSearchKey, stored_examples: stored } = published.textNormalisation;
    for (const { a, b, key } of sameSearchKey) expect([nameKey(a), nameKey(b)], key).toEqual([key, key]);
    for (const { a, b } of differentSearchKey) {
      expect(nameKey(a)).not.toBe(nameKey(b));
      expect(addressTokens(a)).not.toEqual(addressTokens(b));
    }
    for (const example of stored) expect(storedText(example.input)).toBe(example.stored);
  });

  it('jalaliDate', () => {
    for (const { input, gregorian = '' } of published.jalaliDate.valid) {
      expect(parseDate(input), input).toBe(gregorian);
      expect(parseDate(formatJalali(gregorian))).toBe(gregorian);
    }
    for (const { input } of published.jalaliDate.invalid) expect(parseDate(input), input).toBeUndefined();
  });

  it('judicialCaseNumber', () => {
    for (const input of published.judicialCaseNumber.valid) {
      expect(parseCaseNumber(input), input).toMatchObject({ ok: true, warnings: [] });
    }
    for (const input of published.judicialCaseNumber.warn) {
      expect(parseCaseNumber(input), input).toMatchObject({ ok: true, warnings: ['unusual_case_number'] });
    }
  });
});
