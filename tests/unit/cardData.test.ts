import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { containsCardData } from '../../src/formats/card.ts';
import { refuseCardData } from '../../src/http/cardData.ts';

const digits = '9999990000000014';
// As one UUID in some hundreds has them: sixteen digits in a row that pass Luhn.
const uuid = 'abcdefab-abcd-7999-9999-0000000014ab';
const notOne = `${digits.slice(0, 8)}-${digits.slice(8, 12)}-${digits.slice(12)}-abcd-efabcdefabcd`;

test('an id is no card number, wherever it stands', () => {
  expect(() => refuseCardData({ orderId: uuid, externalRef: `O-${uuid}` })).not.toThrow();
});

test('the same digits are one anywhere else', () => {
  for (const body of [{ externalRef: notOne }, { orderId: digits }, { note: `${uuid} ${digits}` }]) {
    expect(() => refuseCardData(body)).toThrow('card_data_refused');
  }
});

test('a place that is exempt is not looked at, and no other', () => {
  const body = { letter: { caseNumber: digits, number: digits } };
  expect(() => refuseCardData(body, ['/letter/caseNumber', '/letter/number'])).not.toThrow();
  expect(() => refuseCardData(body, ['/letter/caseNumber'])).toThrow('card_data_refused');
});

test('a name and its value are looked at together, and each by itself', () => {
  const refused = [
    { [digits]: 'x' },
    { cvv2: '123' },
    { cvv2: 123 },
    { 'رمز دوم': '12345' },
    { c: 'vv2 123' },
    { note: [{ cvv2: '۱۲۳' }] },
  ];
  for (const body of refused) expect(() => refuseCardData(body), JSON.stringify(body)).toThrow('card_data_refused');
  for (const body of [{ '99999900': '00000014' }, { name: '123' }, { c: 'v12' }])
    expect(() => refuseCardData(body), JSON.stringify(body)).not.toThrow();
});

test('a name before a text makes the same of it as both in one', () => {
  const piece = fc.constantFrom(
    'c',
    'vv2',
    'ز',
    'ق',
    'ض',
    'رمز دوم',
    'cvv',
    '1',
    '۲',
    '３',
    '-',
    ' ',
    digits,
    '9999',
    'IR',
    uuid,
  );
  const text = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''));
  fc.assert(
    fc.property(text, text, (name, value) => {
      const whole = containsCardData(name === '' ? value : `${name}: ${value}`);
      expect(containsCardData(value, name)).toBe(whole);
    }),
    { numRuns: 2_000 },
  );
});
