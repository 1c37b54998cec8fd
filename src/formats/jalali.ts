import { foldDigits } from './identifier.ts';

// Days from 1970-01-01 to 1 Farvardin of the year 1, less the cycle's share of that year.
const epochDay = -492268;
const dayLength = 86_400_000;

/**
 * A Jalali (`1404-08-20`, `1404/8/20`, any digits) or Gregorian (`2025-11-11`) date to ISO `YYYY-MM-DD`, or undefined
 * where there is no such day. Years 1200 to 1599 are Jalali, 1800 and later Gregorian.
 */
export function parseDate(input: string): string | undefined {
  const folded = foldDigits(input.replace(/\p{Default_Ignorable_Code_Point}/gu, '')).trim();
  const parts = /^(\d{4})([-/])(\d{1,2})\2(\d{1,2})$/.exec(folded);
  if (parts === null) return undefined;
  const [year, month, day] = [Number(parts[1]), Number(parts[3]), Number(parts[4])];
  if (month < 1 || month > 12 || day < 1) return undefined;
  if (year >= 1800) return gregorianDate(year, month, day);
  if (year < 1200 || year > 1599 || day > jalaliMonthLength(year, month)) return undefined;
  const days = newYearDay(year) + (month - 1) * 30 + Math.min(month - 1, 6) + day - 1;
  return isoDate(days * dayLength);
}

function gregorianDate(year: number, month: number, day: number): string | undefined {
  const time = new Date(Date.UTC(year, month - 1, day));
  return time.getUTCDate() === day ? isoDate(time.getTime()) : undefined;
}

function isoDate(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

function jalaliMonthLength(year: number, month: number): number {
  if (month <= 6) return 31;
  if (month <= 11) return 30;
  return newYearDay(year + 1) - newYearDay(year) - 336;
}

/** Days from 1970-01-01 to 1 Farvardin. */
function newYearDay(year: number): number {
  // The 33-year cycle of eight leap years is exact from 1200 to 1599 but for 1503, which begins a day earlier.
  const early = year === 1503 ? 1 : 0;
  return epochDay + 365 * (year - 1) + Math.floor((8 * year + 21) / 33) - early;
}

const jalaliParts = new Intl.DateTimeFormat('en-u-ca-persian-nu-latn', {
  timeZone: 'UTC',
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
});

/** The Jalali day, in UTC, of an ISO date or time: `۱۴۰۴/۰۸/۲۰`, or `1404/08/20`. Throws RangeError for no date. */
export function formatJalali(iso: string | Date, options: { persianDigits?: boolean } = {}): string {
  const parts = new Map(jalaliParts.formatToParts(new Date(iso)).map(({ type, value }) => [type, value]));
  const date = [parts.get('year'), parts.get('month'), parts.get('day')].join('/');
  return options.persianDigits === false ? date : toPersianDigits(date);
}

/**
 * So many Jalali calendar months after an ISO day: the same day of that month, or its last where it has no such day. Throws
 * RangeError where there is no such date.
 */
export function addJalaliMonths(day: string, months: number): string {
  const [year = 0, month = 0, date = 0] = formatJalali(day, { persianDigits: false }).split('/').map(Number);
  const ahead = month - 1 + months;
  const [inYear, inMonth] = [year + Math.floor(ahead / 12), (ahead % 12) + 1];
  for (let last = date; last > date - 3; last -= 1) {
    const found = parseDate(`${inYear}/${inMonth}/${last}`);
    if (found !== undefined) return found;
  }
  throw new RangeError('no such date');
}

/** ASCII digits to ۰-۹, the rest as it is. */
export function toPersianDigits(text: string): string {
  return text.replace(/[0-9]/g, (digit) => String.fromCharCode(0x6f0 + Number(digit)));
}
