import { jalaliDayOf } from '../vault/tehranDay.ts';

const clock = new Intl.DateTimeFormat('en-GB', { timeZone: 'Asia/Tehran', hour: '2-digit', minute: '2-digit' });

/** `1404/08/20 11:30 in Tehran`: what stands in brackets behind a moment that a person reads. */
export function inTehran(time: Date): string {
  return `${jalaliDayOf(time)} ${clock.format(time)} in Tehran`;
}
