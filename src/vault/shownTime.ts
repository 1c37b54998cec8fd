import { jalaliDayOf } from './tehranDay.ts';

/** `{ toldAt, toldAtJalali }` of a moment that has come; nothing of one that has not. */
export function timeView(name: string, time: Date | null): Record<string, string> {
  return time === null ? {} : { [name]: time.toISOString(), [`${name}Jalali`]: jalaliDayOf(time) };
}
