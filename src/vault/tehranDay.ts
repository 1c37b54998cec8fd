import { formatJalali, parseDate } from '../formats/jalali.ts';

/** Iran keeps UTC+03:30 all year since 1401 (no daylight saving time). */
const offsetMs = 3.5 * 60 * 60 * 1000;
export const dayMs = 24 * 60 * 60 * 1000;

/** First moment of an ISO day in Tehran, in milliseconds since the epoch. */
export function startOfDay(isoDate: string): number {
  return Date.parse(`${isoDate}T00:00:00Z`) - offsetMs;
}

/** First moment after an ISO day in Tehran. */
export function endOfDay(isoDate: string): number {
  return startOfDay(isoDate) + dayMs;
}

/** The ISO day in Tehran that ends at this moment: the inverse of `endOfDay`. */
export function dayEndingAt(end: Date): string {
  return new Date(end.getTime() + offsetMs - dayMs).toISOString().slice(0, 10);
}

/** The ISO day in Tehran that a moment falls on. */
export function dayOf(time: number): string {
  return new Date(time + offsetMs).toISOString().slice(0, 10);
}

/** `1404/08/20`, the Tehran day of a moment. */
export function jalaliDayOf(time: Date): string {
  return jalaliOf(new Date(time.getTime() + offsetMs));
}

/** `1404/08/20` of an ISO day. */
export function jalaliOf(day: string | Date): string {
  return formatJalali(day, { persianDigits: false });
}

/** `11:30:00`, the clock in Tehran at a moment. */
export function clockOf(time: Date): string {
  return new Date(time.getTime() + offsetMs).toISOString().slice(11, 19);
}

/** The day of the week in Tehran: 0 is Sunday. */
export function weekdayOf(time: Date): number {
  return new Date(time.getTime() + offsetMs).getUTCDay();
}

/** First moment after the Iranian year, which is the fiscal year, that a moment falls in. */
export function endOfIranianYear(time: Date): Date {
  const year = Number(jalaliDayOf(time).slice(0, 4));
  const next = parseDate(`${year + 1}-01-01`);
  if (next === undefined) throw new RangeError('no such year');
  return new Date(startOfDay(next));
}
