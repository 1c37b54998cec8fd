import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mask, maskField } from '../../../src/policy/masks.ts';
import type { Field, MaskKind } from '../../../src/policy/profile.ts';
import { maskKinds } from '../../../src/policy/vocabulary.ts';
import { kalak, kalakWith } from './kalak.ts';

describe('as decided', () => {
  test.each<[Field, unknown, unknown]>([
    ['nationalId', '9901234565', '*******565'],
    ['foreignerId', '990000001234', '*******234'],
    ['economicCode', '99012345650001', '*******001'],
    ['economicCode', '99901234564', '*******4564'],
    ['legalNationalId', '99901234564', '*******4564'],
    ['mobile', '+989701234567', '0970***4567'],
    ['landline', '+982199990017', '021******17'],
    ['recipientPhone', '+989709876543', '0970***6543'],
    ['recipientPhone', '+985199990042', '051******42'],
    ['email', 'م@example.com', '***@example.com'],
    ['email', 'مریم@example.com', 'م***@example.com'],
    ['email', 'z.mohammadi@example.org', 'z***@example.org'],
    ['givenName', 'سارا', 'س***'],
    ['familyName', 'علی‌زاده', 'ع***'],
    ['contactFamilyName', 'تهرانی‌نژاد', 'ت***'],
    ['legalName', 'شرکت نمونه ۱۲ (سهامی خاص)', 'ش***'],
    ['recipientName', 'سارا کریمی', 'س*** ک***'],
    ['recipientName', 'سارا', 'س***'],
    ['postalCode', '1417613155', '14176*****'],
    ['iban', 'IR300990000000000000000017', 'IR** … 0017'],
    [
      'address',
      { province: 'تهران', city: 'تهران', street: 'آزادی', plaque: '12' },
      { province: 'تهران', city: 'تهران' },
    ],
    ['recipientAddress', { city: 'قم', note: 'زنگ دوم' }, { city: 'قم' }],
    ['location', { lat: 35.7012, lng: 51.3891 }, { lat: 35.7, lng: 51.4 }],
    ['externalRef', 'C-100123', '******23'],
    ['externalRef', 'C-1', '********'],
  ])('%s %j', (field, value, masked) => {
    expect(maskField(kalak, field, value)).toEqual(masked);
  });
});

describe('letters that are not what they seem', () => {
  test.each<[string, MaskKind, unknown, unknown]>([
    ['one letter is all of the name', 'first_letter', 'س', '***'],
    ['one letter and a mark', 'first_letter', 'سَ', '***'],
    ['outside the basic plane', 'first_letter', '𐎠𐎼𐏁', '𐎠***'],
    ['one astral letter', 'first_letter', '𐎠', '***'],
    ['an emoji of many code points', 'first_letter', '👩‍👩‍👧 نگار', '👩***'],
    ['a bidi override before the name', 'first_letter', '‮سارا', 'س***'],
    ['spaces and joiners before it', 'first_letter', ' ‌ مینا', 'م***'],
    ['a pile of marks on the first letter', 'first_letter', `ن${'\u064B'.repeat(50)}گار`, 'ن***'],
    ['nothing but a joiner', 'first_letter', '‌', undefined],
    ['nothing', 'first_letter', '', undefined],
    ['half a pair', 'first_letter', '\uD800', undefined],
    ['half a pair first', 'first_letter', '\uD800آرش', 'آ***'],
    ['two words, the last of one letter', 'first_letters', 'سارا ک', 'س*** ***'],
    ['many words look like two', 'first_letters', 'محمد علی رضا نوری', 'م*** ن***'],
    ['words apart by a no-break space', 'first_letters', 'مینا\u00A0نوری', 'م*** ن***'],
    ['a joiner does not part a word', 'first_letters', 'علی‌زاده', 'ع***'],
    ['an @ in a quoted local part', 'email', '"a@b"@example.net', '"***@example.net'],
    ['no local part', 'email', '@example.com', undefined],
    ['no domain', 'email', 'z@', undefined],
    ['no @', 'email', 'example.com', undefined],
  ])('%s', (_, kind, value, masked) => {
    expect(mask(kind, value)).toEqual(masked);
  });
});

describe('what is not of the expected form is not masked', () => {
  test.each<[MaskKind, unknown]>([
    ['phone', '09701234567'],
    ['phone', '+98970123456'],
    ['phone', '+97970123456789'],
    ['last_three', '123'],
    ['last_three', '99012345a5'],
    ['last_three', '۹۹۰۱۲۳۴۵۶۵'],
    ['last_four', 99_901_234_564],
    ['iban', '300990000000000000000017'],
    ['postal_code', '14176-13155'],
    ['city', 'تهران'],
    ['city', {}],
    ['city', { province: '', city: 3 }],
    ['city', null],
    ['area', { lat: '35.7', lng: 51.4 }],
    ['area', { lat: Number.NaN, lng: 51.4 }],
    ['area', { lat: 35.7 }],
    ['area', null],
    ['email', { local: 'z' }],
    ['reference', '\u200C'],
  ])('%s %j', (kind, value) => {
    expect(mask(kind, value)).toBeUndefined();
  });

  test('a field for which the profile names no mask', () => {
    const bare = kalakWith({ '/masks/iban': undefined });
    expect(maskField(bare, 'iban', 'IR300990000000000000000017')).toBeUndefined();
    expect(maskField(kalak, 'iban', 'IR300990000000000000000017')).toBeDefined();
  });

  test('nothing of an object’s chain is read', () => {
    const address: unknown = Object.create({ province: 'تهران', city: 'تهران' });
    expect(mask('city', address)).toBeUndefined();
  });
});

const digits = (length: number) => fc.stringMatching(new RegExp(`^[0-9]{${length}}$`));

describe('properties', () => {
  test('no value breaks a mask, and strings are masked to strings', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...maskKinds),
        fc.oneof(fc.anything(), fc.string({ unit: 'binary' })),
        (kind, value) => {
          const masked = mask(kind, value);
          if (masked !== undefined && typeof value === 'string') expect(typeof masked).toBe('string');
        },
      ),
      { numRuns: 1_500 },
    );
  });

  test('a name’s mask is as wide whatever the name', () => {
    const name = fc.string({ unit: 'grapheme', minLength: 0, maxLength: 60 });
    const widths = new Set<number>();
    fc.assert(
      fc.property(name, (text) => {
        const masked = mask('first_letter', text);
        if (typeof masked === 'string') widths.add(Array.from(masked).length);
      }),
      { numRuns: 1_500 },
    );
    expect(widths).toEqual(new Set([3, 4]));
  });

  test('numbers of any length are as wide, and all but the tail is gone', () => {
    fc.assert(
      fc.property(fc.integer({ min: 8, max: 14 }).chain(digits), (text) => {
        expect(mask('last_three', text)).toBe(`*******${text.slice(-3)}`);
        expect(mask('last_four', text)).toBe(`*******${text.slice(-4)}`);
      }),
    );
  });

  test('references and local parts of any length are as wide', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1, maxLength: 80, unit: fc.constantFrom('C', 'A', 'ک', 'س', '-', '1', '9') }),
        (text) => {
          expect(mask('reference', text)).toHaveLength(8);
          expect(mask('email', `${text}@example.com`)).toMatch(/^.?\*\*\*@example\.com$/u);
        },
      ),
    );
  });
});
