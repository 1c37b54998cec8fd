import { accepted, rejected } from './identifier.ts';
import type { Parsed } from './identifier.ts';
import { nationalNumber } from './phone.ts';

/** Area code (without the trunk 0) to province: one code a province since 1393. */
export const areaCodes: ReadonlyMap<string, string> = new Map([
  ['11', 'مازندران'],
  ['13', 'گیلان'],
  ['17', 'گلستان'],
  ['21', 'تهران'],
  ['23', 'سمنان'],
  ['24', 'زنجان'],
  ['25', 'قم'],
  ['26', 'البرز'],
  ['28', 'قزوین'],
  ['31', 'اصفهان'],
  ['34', 'کرمان'],
  ['35', 'یزد'],
  ['38', 'چهارمحال و بختیاری'],
  ['41', 'آذربایجان شرقی'],
  ['44', 'آذربایجان غربی'],
  ['45', 'اردبیل'],
  ['51', 'خراسان رضوی'],
  ['54', 'سیستان و بلوچستان'],
  ['56', 'خراسان جنوبی'],
  ['58', 'خراسان شمالی'],
  ['61', 'خوزستان'],
  ['66', 'لرستان'],
  ['71', 'فارس'],
  ['74', 'کهگیلویه و بویراحمد'],
  ['76', 'هرمزگان'],
  ['77', 'بوشهر'],
  ['81', 'همدان'],
  ['83', 'کرمانشاه'],
  ['84', 'ایلام'],
  ['86', 'مرکزی'],
  ['87', 'کردستان'],
]);

/** A landline to E.164: `+98`, two digits of the area, eight of the subscriber. The vault cannot guess a missing area. */
export function parseLandline(input: string): Parsed {
  const number = nationalNumber(input);
  if (!number.ok) return rejected(number.reason);
  const { digits } = number;
  if (digits.length === 8) return rejected('no_area_code');
  if (digits.length !== 10) return rejected('length');
  if (!areaCodes.has(digits.slice(0, 2))) return rejected('area_code_unknown');
  if (/^..[01]/.test(digits)) return rejected('subscriber_starts_0_or_1');
  return accepted(`+98${digits}`);
}

/** The province of a canonical landline. */
export function provinceOf(canonical: string): string | undefined {
  return areaCodes.get(canonical.slice(3, 5));
}

/** The way it is written at home: `+982199990001` as `02199990001`. */
export function showLandline(canonical: string): string {
  return canonical.replace(/^\+98/, '0');
}
