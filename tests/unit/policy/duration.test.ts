import { expect, test } from 'vitest';
import { addDuration, isLonger } from '../../../src/policy/duration.ts';

test.each([
  ['2025-01-31T08:00:00Z', 'P1M', '2025-02-28T08:00:00.000Z'],
  ['2024-02-29T08:00:00Z', 'P10Y', '2034-02-28T08:00:00.000Z'],
  ['2025-11-12T08:30:00Z', 'PT24H', '2025-11-13T08:30:00.000Z'],
  ['2025-11-12T08:30:00Z', 'P36M', '2028-11-12T08:30:00.000Z'],
  ['2025-12-20T08:30:00Z', 'P2W', '2026-01-03T08:30:00.000Z'],
  ['2025-12-31T23:59:00Z', 'P1DT12H30M', '2026-01-02T12:29:00.000Z'],
  ['2025-12-31T00:00:00Z', 'P0D', '2025-12-31T00:00:00.000Z'],
])('%s and %s', (from, iso, to) => {
  expect(addDuration(new Date(from), iso)?.toISOString()).toBe(to);
});

test.each(['', 'P', 'PT', 'P1', '1D', 'P-1D', 'P1.5D', 'P1H', 'PT1D', 'P1DT', 'p1d', 'P999999D', 'P1D\n'])(
  '%j is no duration',
  (iso) => {
    expect(addDuration(new Date(0), iso)).toBeUndefined();
  },
);

test('which is longer', () => {
  expect(isLonger('P3M', 'P90D')).toBe(true);
  expect(isLonger('P90D', 'P3M')).toBe(false);
  expect(isLonger('PT48H', 'P2D')).toBe(false);
  expect(isLonger('while_active', 'P2D')).toBe(false);
});
