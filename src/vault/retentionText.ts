import { toPersianDigits } from '../formats/jalali.ts';
import { wordFor } from './persianWords.ts';

const units = { Y: 'سال', M: 'ماه', W: 'هفته', D: 'روز', H: 'ساعت' } as const;
const words: Readonly<Record<string, string>> = {
  while_active: 'تا حساب فعال است',
  until_opt_in: 'تا رضایت دوباره',
  as_ordered: 'به موجب دستور',
  never: 'نگه داشته نمی‌شود',
  at_once: 'بی‌درنگ',
};

/** `P36M` as «۳۶ ماه»; a word for what is no length of time. */
export function keepText(keep: string): string {
  const known = words[keep];
  if (known !== undefined) return known;
  const lengths = [...keep.matchAll(/(\d+)([YMWDH])/gu)];
  return lengths.map(([, n = '', unit]) => `${toPersianDigits(n)} ${units[unit as keyof typeof units]}`).join(' و ');
}

const clocks: Readonly<Record<string, string>> = {
  fiscal_year_end: 'پس از پایان سال مالی',
  last_activity: 'پس از آخرین فعالیت',
  erasure: 'پس از حذف',
  delivery: 'پس از تحویل',
  dispatch: 'پس از ارسال',
  issue: 'پس از صدور',
  settlement: 'پس از تسویه',
  close: 'پس از بسته شدن',
  answer: 'پس از پاسخ',
  relation_end: 'پس از پایان رابطه',
  opt_out: 'پس از انصراف',
  order: 'پس از سفارش',
  receipt: 'پس از دریافت',
  event: 'پس از رویداد',
  creation: 'پس از ثبت',
  none: '',
};

/** From when the time runs. */
export const clockText = (clock: string): string => wordFor(clocks, clock);
