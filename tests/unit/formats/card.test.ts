import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { containsCardData } from '../../../src/formats/card.ts';

/** Fifteen digits of the synthetic prefix with the sixteenth that makes Luhn hold. */
const cardNumber = fc
  .stringMatching(/^[0-9]{9}$/)
  .map((nine) => `999999${nine}`)
  .map((fifteen) => {
    const sum = Array.from(fifteen, Number)
      .map((digit, i) => (i % 2 === 0 ? digit * 2 : digit))
      .map((weighted) => (weighted > 9 ? weighted - 9 : weighted))
      .reduce((total, weighted) => total + weighted, 0);
    return `${fifteen}${(10 - (sum % 10)) % 10}`;
  })
  .filter((digits) => digits !== '9'.repeat(16));

const persian = (digits: string) => digits.replace(/\d/g, (digit) => '۰۱۲۳۴۵۶۷۸۹'.charAt(Number(digit)));
const arabic = (digits: string) => digits.replace(/\d/g, (digit) => '٠١٢٣٤٥٦٧٨٩'.charAt(Number(digit)));
const fullWidth = (digits: string) => digits.replace(/\d/g, (digit) => '０１２３４５６７８９'.charAt(Number(digit)));
const inFours = (digits: string, separator: string) => (digits.match(/\d{4}/g) ?? []).join(separator);

describe('card numbers', () => {
  it('are found in every spelling, inside any text', () => {
    const spellings: readonly ((digits: string) => string)[] = [
      (digits) => digits,
      persian,
      arabic,
      fullWidth,
      ...[' ', '-', '\u2013', '\u200C', '\u200E', '.', '/', '_', ' - ', '\u00A0'].map(
        (s) => (digits: string) => inFours(digits, s),
      ),
      (digits) => `${digits.slice(0, 5)} ${digits.slice(5)}`,
    ];
    const around = ['%', 'کارتم % است', 'x%x', '(%)', 'واحد 4 % ', '% 123', '% ۰۸/۰۴', 'پلاک ۱۲، %'];
    fc.assert(
      fc.property(
        cardNumber,
        fc.constantFrom(...spellings),
        fc.constantFrom('%', '(%)', 'کارتم % است', 'x%x'),
        (digits, spell, frame) => {
          expect(containsCardData(frame.replace('%', spell(digits)))).toBe(true);
        },
      ),
    );
    for (const frame of around) {
      expect(containsCardData(frame.replace('%', '9999990000000014')), frame).toBe(true);
      expect(containsCardData(frame.replace('%', '9999-9900-0000-0014')), frame).toBe(true);
    }
  });

  it('control: one digit off is no card number, so Luhn is what decides', () => {
    fc.assert(
      fc.property(cardNumber, fc.integer({ min: 1, max: 9 }), (digits, step) => {
        const wrong = digits.slice(0, 15) + String((Number(digits.charAt(15)) + step) % 10);
        expect(containsCardData(wrong)).toBe(false);
        expect(containsCardData(inFours(wrong, ' '))).toBe(false);
      }),
    );
  });

  it('are not cut out of 20 to 24 digit tracking numbers, together or in groups', () => {
    fc.assert(
      fc.property(cardNumber, fc.stringMatching(/^[0-9]{4,8}$/), fc.boolean(), (digits, more, before) => {
        const tracking = before ? more + digits : digits + more;
        expect(containsCardData(tracking)).toBe(false);
        expect(containsCardData(persian(tracking))).toBe(false);
        expect(containsCardData(tracking.replace(/(.{5})/g, '$1 '))).toBe(false);
      }),
    );
    expect(containsCardData('9999 9900 0000 0014 1234')).toBe(false);
    expect(containsCardData('1234 9999 9900 0000 0014')).toBe(false);
    expect(containsCardData('1234-9999-9900-0000-0014-5678')).toBe(false);
  });

  it('are not seen in what else has many digits', () => {
    for (const text of [
      '0000000000000000',
      '99999900000000149',
      '999999000000001',
      'IR300990000000000000000017',
      '09701234567',
      '+98 970 123 4567',
      '1404/08/20 - 1404/08/21',
      'پلاک ۱۲۳ واحد ۴',
      'طبقه ۳، زنگ ۱۲',
      '',
    ]) {
      expect(containsCardData(text), text).toBe(false);
    }
  });

  it('are not hidden by a long number: beside it, in its name, or a secret that it is the value of', () => {
    const [iban, card] = ['IR300990000000000000000017', '9999990000000014'];
    expect(containsCardData(iban, 'iban')).toBe(false);
    for (const text of [`${iban} ${card}`, `${card} ${iban}`, `IR${card}`]) expect(containsCardData(text)).toBe(true);
    expect(containsCardData(iban, card)).toBe(true);
    expect(containsCardData(`${card}9`, `card-${card}`)).toBe(true);
    expect(containsCardData(iban, 'cvv2')).toBe(true);
    expect(containsCardData('12345678901234567', 'رمز دوم')).toBe(true);
  });
});

describe('card secrets', () => {
  it('are found by a digit of any script, in the value or in the name', () => {
    for (const digits of ['123', persian('123'), arabic('123'), fullWidth('123')]) {
      expect(containsCardData(digits, 'cvv2'), digits).toBe(true);
      expect(containsCardData(`cvv ${digits}`), digits).toBe(true);
      expect(containsCardData('', `cvv ${digits}`), digits).toBe(true);
      expect(containsCardData('', `رمز دوم ${digits}`), digits).toBe(true);
    }
    for (const digit of '0123456789۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩０１２３４５６７８９')
      expect(containsCardData(digit.repeat(3), 'cvv'), digit).toBe(true);
    expect(containsCardData('', 'cvv')).toBe(false);
  });

  it('are found near digits, in any letters and case', () => {
    for (const text of [
      'cvv2: 123',
      'CVV2 ۴۵۶',
      'Cvv ۴۵۶',
      'C V V 2 = 456',
      'cvc2-123',
      '123 cvv2',
      'ＣＶＶ２ ４５６',
      'رمز دوم 12345',
      'رمز\u200Cدوم: ۱۲۳۴۵',
      'رمزِ دوّم ۱۲۳۴۵',
      'رمز پویا ۱۲۳۴۵۶',
      'رمز پويا من 123456 است',
      'تاریخ انقضا ۰۸/۰۴',
      'تاريخ انقضاء ٠٨/٠٤',
      'تاریخ انقضای کارت 0804',
    ]) {
      expect(containsCardData(text), text).toBe(true);
    }
  });

  it('control: the words alone, or digits far away, are no secret', () => {
    for (const text of [
      'cvv2',
      'cvv2 را برای کسی نفرستید',
      'رمز دوم را نپرسید',
      'تاریخ انقضا ندارد',
      'رمز در پارکینگ ۱۲۳۴',
      `cvv2 ${'متن '.repeat(20)} ۱۲۳`,
    ]) {
      expect(containsCardData(text), text).toBe(false);
    }
  });
});
