import { jalaliDayOf } from './tehranDay.ts';

/** `{ toldAt, toldAtJalali }` of a moment that has come; nothing of one that has not. */
export function timeView<Name extends string>(
  name: Name,
  time: Date | null,
): { readonly [key in Name | `${Name}Jalali`]?: string } {
  if (time === null) return {};
  return { [name]: time.toISOString(), [`${name}Jalali`]: jalaliDayOf(time) } as {
    [key in Name | `${Name}Jalali`]: string;
  };
}
