import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { formatJalali, parseDate, toPersianDigits } from '../../../src/formats/jalali.ts';

const day = 86_400_000;
const isoOf = (time: number) => new Date(time).toISOString().slice(0, 10);

describe('parseDate', () => {
  it('known answers', () => {
    const known: readonly (readonly [string, string])[] = [
      ['1397/06/07', '2018-08-29'],
      ['1395/12/28', '2017-03-18'],
      ['1399/12/30', '2021-03-20'],
      ['1403/12/30', '2025-03-20'],
      ['1404/01/01', '2025-03-21'],
      ['1404-08-20', '2025-11-11'],
      ['1404/8/2', '2025-10-24'],
      ['۱۴۰۲/۱۰/۱۱', '2024-01-01'],
      ['١٤٠٢-١٠-١١', '2024-01-01'],
      ['\u200F۱۴۰۲/۱۰/۱۱\u200E ', '2024-01-01'],
      ['1357/11/22', '1979-02-11'],
      ['2025-11-11', '2025-11-11'],
      ['2024/2/29', '2024-02-29'],
      ['۲۰۲۵-۱۱-۱۱', '2025-11-11'],
    ];
    for (const [input, iso] of known) expect(parseDate(input), input).toBe(iso);
  });

  it('refuses days that are not, and what is no date', () => {
    for (const input of [
      '1404/12/30',
      '1397/07/31',
      '1397/00/10',
      '1397/13/01',
      '1397/01/00',
      '1397/01/32',
      '1400/12/30',
      '2025-02-29',
      '2025-04-31',
      '2025-13-01',
      '2025-00-01',
      '1900-02-29',
      '1199/01/01',
      '1600/01/01',
      '1799-12-31',
      '0000-01-01',

      '',
      '1404',
      '1404/08',
      '1404-08/20',
      '1404 08 20',
      '14040820',
      '20/08/1404',
      '1404/08/20T00:00',
      '1404/008/20',
      '-1404/08/20',
      '1404/08/-1',
      '1404//08/20',
      '1404/08/20\u0000',
    ]) {
      expect(parseDate(input), input).toBeUndefined();
    }
  });

  it('agrees with the platform calendar on every day from 1200 to 1599', () => {
    const shown = new Intl.DateTimeFormat('en-u-ca-persian-nu-latn', {
      timeZone: 'UTC',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
    });
    const last = Date.UTC(2221, 2, 20);
    let wrong = 0;
    for (let time = Date.UTC(1821, 2, 21); time <= last; time += day) {
      const parts = new Map(shown.formatToParts(time).map(({ type, value }) => [type, value]));
      const jalali = `${parts.get('year')}/${parts.get('month')}/${parts.get('day')}`;
      if (parseDate(jalali) !== isoOf(time)) wrong++;
    }
    expect(wrong).toBe(0);
    expect(parseDate('1200/01/01')).toBe('1821-03-21');
    expect(parseDate('1599/12/29')).toBe('2221-03-20');
  });

  it('takes the 30th of Esfand in leap years only', () => {
    const leap = Array.from({ length: 40 }, (_, i) => 1380 + i).filter(
      (year) => parseDate(`${year}/12/30`) !== undefined,
    );
    expect(leap).toEqual([1383, 1387, 1391, 1395, 1399, 1403, 1408, 1412, 1416]);
  });
});

describe('formatJalali', () => {
  it('shows the Jalali day in UTC', () => {
    expect(formatJalali('2025-11-11')).toBe('۱۴۰۴/۰۸/۲۰');
    expect(formatJalali('2025-11-11', { persianDigits: false })).toBe('1404/08/20');
    expect(formatJalali('2025-11-11T23:59:59.999Z')).toBe('۱۴۰۴/۰۸/۲۰');
    expect(formatJalali(new Date(Date.UTC(2021, 2, 20)))).toBe('۱۳۹۹/۱۲/۳۰');
    expect(() => formatJalali('no date')).toThrow(RangeError);
    expect(toPersianDigits('1404/08/20 a')).toBe('۱۴۰۴/۰۸/۲۰ a');
  });

  it('what it shows parses back, in either digits', () => {
    const times = fc
      .integer({ min: Date.UTC(1821, 2, 21) / day, max: Date.UTC(2221, 2, 20) / day })
      .map((n) => n * day);
    fc.assert(
      fc.property(times, fc.boolean(), (time, persianDigits) => {
        expect(parseDate(formatJalali(isoOf(time), { persianDigits }))).toBe(isoOf(time));
        expect(parseDate(isoOf(time))).toBe(isoOf(time));
      }),
    );
  });
});
