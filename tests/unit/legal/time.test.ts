import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { isSame } from '../../../src/vault/fourEyes.ts';
import { statusAt } from '../../../src/vault/legalOrderView.ts';
import { dayEndingAt, endOfDay, jalaliDayOf, startOfDay } from '../../../src/vault/tehranDay.ts';

test('a Tehran day runs from half past eight in the evening, UTC, to the same', () => {
  expect(new Date(startOfDay('2025-11-12')).toISOString()).toBe('2025-11-11T20:30:00.000Z');
  expect(new Date(endOfDay('2025-11-12')).toISOString()).toBe('2025-11-12T20:30:00.000Z');
  expect(jalaliDayOf(new Date('2025-11-12T20:29:59.999Z'))).toBe('1404/08/21');
  expect(jalaliDayOf(new Date('2025-11-12T20:30:00.000Z'))).toBe('1404/08/22');
});

test('every day ends where it ends', () => {
  const days = fc.date({ min: new Date('1900-01-01'), max: new Date('2200-01-01'), noInvalidDate: true });
  fc.assert(
    fc.property(days, (date) => {
      const day = date.toISOString().slice(0, 10);
      expect(dayEndingAt(new Date(endOfDay(day)))).toBe(day);
    }),
  );
});

test('an order holds to the last millisecond of its last day', () => {
  const validUntil = new Date(endOfDay('2025-12-20'));
  const last = validUntil.getTime() - 1;
  for (const status of ['registered', 'approved'] as const) {
    const approvalExpires = status === 'approved' ? validUntil : null;
    expect(statusAt({ status, validUntil, approvalExpires }, last)).toBe(status);
    expect(statusAt({ status, validUntil, approvalExpires }, last + 1)).toBe('expired');
  }
  for (const status of ['rejected', 'revoked', 'executed'] as const) {
    expect(statusAt({ status, validUntil, approvalExpires: null }, last + 1)).toBe(status);
  }
});

test('an approval opens the gate to its last millisecond', () => {
  const [validUntil, approvalExpires] = [new Date(endOfDay('2025-12-20')), new Date('2025-12-01T08:00:00Z')];
  const last = approvalExpires.getTime() - 1;
  expect(statusAt({ status: 'approved', validUntil, approvalExpires }, last)).toBe('approved');
  expect(statusAt({ status: 'approved', validUntil, approvalExpires }, last + 1)).toBe('approval_expired');
});

test('two clients of one person are one person, and one client is one person whatever it says', () => {
  const first = { clientId: 'a', actor: 'staff-1' };
  expect(isSame(first, { clientId: 'b', actor: 'staff-1' })).toBe(true);
  expect(isSame(first, { clientId: 'b', actor: 'STAFF-1' })).toBe(true);
  expect(isSame(first, { clientId: 'a', actor: 'staff-2' })).toBe(true);
  expect(isSame(first, { clientId: 'b', actor: 'staff-2' })).toBe(false);
});
