import { expect, test } from 'vitest';
import { refuseCardData } from '../../src/http/cardData.ts';

// As one version 7 UUID in some hundreds has them: sixteen digits in a row that pass Luhn.
const digits = '9999990000000014';
const asUuid = `${digits.slice(0, 8)}-${digits.slice(8, 12)}-${digits.slice(12)}-abcd-ef0123456789`;

test('an id is no card number where an id belongs', () => {
  expect(() => refuseCardData({ orderId: asUuid, id: asUuid })).not.toThrow();
});

test('the same digits are one anywhere else, and so is a card number under an id’s name', () => {
  for (const body of [
    { externalRef: asUuid },
    { orderId: digits },
    { orderId: `${digits.slice(0, 4)} ${digits.slice(4)}` },
  ]) {
    expect(() => refuseCardData(body)).toThrow('card_data_refused');
  }
});

test('a place that is exempt is not looked at, and no other', () => {
  const body = { letter: { caseNumber: digits, number: digits } };
  expect(() => refuseCardData(body, ['/letter/caseNumber', '/letter/number'])).not.toThrow();
  expect(() => refuseCardData(body, ['/letter/caseNumber'])).toThrow('card_data_refused');
});
