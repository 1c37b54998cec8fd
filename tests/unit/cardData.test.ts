import { expect, test } from 'vitest';
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
