import { addJalaliMonths, parseDate } from '../formats/jalali.ts';
import { dayOf, jalaliDayOf, startOfDay } from './tehranDay.ts';
import type { Month } from '../db/statistics.ts';

/** A Jalali month in Tehran: `1404-08`. */
export type Period = string;

const form = /^1[2-5]\d\d-(?:0[1-9]|1[0-2])$/;
export const isPeriod = (text: string): boolean => form.test(text);

const periodOf = (time: Date): Period => jalaliDayOf(time).slice(0, 7).replace('/', '-');

/** From its first moment to the first of the next. */
export function monthOf(period: Period): Month {
  const first = parseDate(`${period}-01`);
  if (first === undefined) throw new RangeError('no such month');
  return { from: new Date(startOfDay(first)), to: new Date(startOfDay(addJalaliMonths(first, 1))) };
}

/** Months that are over for as long as `settledMs`, from the one `since` falls in, oldest first. */
export function closedPeriods(since: Date, now: Date, settledMs: number): readonly Period[] {
  const periods: Period[] = [];
  for (let period = periodOf(since); ;) {
    const { to } = monthOf(period);
    if (to.getTime() + settledMs > now.getTime()) return periods;
    periods.push(period);
    period = periodOf(to);
  }
}

export const dayOfPeriod = (time: Date): string => dayOf(time.getTime());
