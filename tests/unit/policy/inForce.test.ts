import { array, assert, boolean, constantFrom, integer, nat, property, record } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { missingNotices, turnsOf, type DatedVersion, type GivenNotice } from '../../../src/policy/inForce.ts';
import { kalak } from './kalak.ts';

const promised = kalak.notice;
const silent = { ...promised, requiredBeforeEffect: false };
const important = {
  ...promised,
  onlyIfMaterial: true,
  channels: { ...promised.channels, email: { ...promised.channels.email, counts: false } },
};

const version = (number: number, effectiveFrom: number, more: Partial<DatedVersion> = {}): DatedVersion => ({
  number,
  effectiveFrom,
  material: true,
  notice: promised,
  ...more,
});
const notice = (number: number, recordedAt: number, channel = 'site'): GivenNotice => ({ number, recordedAt, channel });
const first = version(1, 0);

describe('a version takes effect', () => {
  test.each<[string, DatedVersion[], GivenNotice[], [number, number][]]>([
    ['not before people were told (E33)', [version(2, 10)], [], []],
    ['on its day, when they were told before', [version(2, 10)], [notice(2, 5)], [[2, 10]]],
    ['when they are told, if that is after its day', [version(2, 10)], [notice(2, 15)], [[2, 15]]],
    ['not by a notice of another version', [version(2, 10), version(3, 30)], [notice(3, 15)], [[3, 30]]],
    ['not by a channel that nobody promised', [version(2, 10)], [notice(2, 5, 'radio')], []],
    ['though the one before it never did', [version(2, 10), version(3, 20)], [notice(3, 5)], [[3, 20]]],
    [
      'not after a later one has, whatever its day',
      [version(2, 20), version(3, 10)],
      [notice(2, 5), notice(3, 5)],
      [[3, 10]],
    ],
    ['not by promising less than the one in force', [version(2, 10, { notice: silent })], [], []],
    [
      'at once behind one that promises less',
      [version(2, 10, { notice: silent }), version(3, 10, { notice: silent })],
      [notice(2, 12)],
      [
        [2, 12],
        [3, 12],
      ],
    ],
  ])('%s', (_, versions, notices, turns) => {
    expect(turnsOf([first, ...versions], notices).map(({ number, from }) => [number, from])).toEqual([
      [1, 0],
      ...turns,
    ]);
  });

  test('with its publication alone where the policy promises no more (A26, B26)', () => {
    const versions = [version(1, 0, { notice: silent }), version(2, 10, { notice: silent })];
    expect(turnsOf(versions, []).at(-1)).toEqual({ number: 2, from: 10 });
    // Control: a version that itself promises a notice waits for it.
    expect(turnsOf([versions[0] ?? first, version(2, 10)], [])).toHaveLength(1);
  });

  test('without a notice when it changes nothing important, else with one on the site (C15)', () => {
    const before = version(1, 0, { notice: important });
    const next = (material: boolean) => [before, version(2, 10, { notice: important, material })];
    expect(turnsOf(next(false), []).at(-1)?.number).toBe(2);
    expect(turnsOf(next(true), [notice(2, 5, 'email')]).at(-1)?.number).toBe(1);
    expect(turnsOf(next(true), [notice(2, 5, 'site')]).at(-1)?.number).toBe(2);
  });

  test('only when people were told in as many ways as it says, each counted once', () => {
    const twice = version(2, 10, { notice: { ...promised, atLeast: 2 } });
    expect(missingNotices(first, twice, [])).toBe(2);
    expect(missingNotices(first, twice, [notice(2, 1), notice(2, 2)])).toBe(1);
    expect(missingNotices(first, twice, [notice(2, 1), notice(2, 2, 'email')])).toBe(0);
  });

  test('from what is known to have taken effect, nothing before it counts', () => {
    const versions = [version(4, 10), version(5, 20)];
    expect(turnsOf(versions, [notice(5, 30)], { number: 4, from: 17 })).toEqual([
      { number: 4, from: 17 },
      { number: 5, from: 30 },
    ]);
    expect(turnsOf([], [])).toEqual([]);
  });
});

test('property: turns go up in number and in time, none before its day, and each was told of as promised', () => {
  const notices = [promised, silent, important];
  const anyVersions = array(record({ effectiveFrom: nat(50), material: boolean(), notice: constantFrom(...notices) }), {
    minLength: 1,
    maxLength: 6,
  }).map((rest) => rest.map((one, i) => ({ ...one, number: i + 1 })));
  const anyNotices = array(
    record({
      number: integer({ min: 1, max: 6 }),
      recordedAt: nat(60),
      channel: constantFrom('site', 'email', 'radio'),
    }),
    { maxLength: 8 },
  );
  assert(
    property(anyVersions, anyNotices, (versions, told) => {
      const turns = turnsOf(versions, told);
      turns.slice(1).forEach((turn, i) => {
        const [before, own] = [turns[i]?.number ?? 0, versions[turn.number - 1]];
        const old = versions[before - 1];
        if (own === undefined || old === undefined) throw new Error('no such version');
        expect(turn.number).toBeGreaterThan(before);
        expect(turn.from).toBeGreaterThanOrEqual(Math.max(own.effectiveFrom, turns[i]?.from ?? 0));
        const by = told.filter(({ recordedAt }) => recordedAt <= turn.from);
        expect(missingNotices(old, own, by)).toBe(0);
      });
      // More notices never make a version wait longer.
      const last = turns.at(-1)?.number ?? 0;
      const all = versions.map(({ number }) => ({ number, recordedAt: 0, channel: 'site' }));
      expect(turnsOf(versions, [...told, ...all]).at(-1)?.number ?? 0).toBeGreaterThanOrEqual(last);
    }),
    { numRuns: 500 },
  );
});
