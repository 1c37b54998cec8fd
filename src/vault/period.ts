import { addJalaliMonths, parseDate } from '../formats/jalali.ts';
import { dayMs, dayOf, jalaliDayOf, startOfDay } from './tehranDay.ts';
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

/** After the month's end, so that whatever was under way then is in it. */
const settledMs = dayMs;

export const isClosed = (period: Period, now: Date): boolean =>
  monthOf(period).to.getTime() + settledMs <= now.getTime();

/** Months that are over, from the one `since` falls in, oldest first. */
export function closedPeriods(since: Date, now: Date): readonly Period[] {
  const periods: Period[] = [];
  for (let period = periodOf(since); ;) {
    if (!isClosed(period, now)) return periods;
    periods.push(period);
    period = periodOf(monthOf(period).to);
  }
}

export const dayOfPeriod = (time: Date): string => dayOf(time.getTime());
