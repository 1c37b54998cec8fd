import { formatJalali, toPersianDigits } from '../formats/jalali.ts';
import { html, type Html } from './printedPage.ts';
import { clockOf, jalaliDayOf, weekdayOf } from './tehranDay.ts';

/** Text of the letter: Persian digits, unless it has Latin letters, and turned by nothing around it. */
export function textHtml(text: string): Html {
  return html`<bdi>${/\p{Script=Latin}/u.test(text) ? text : toPersianDigits(text)}</bdi>`;
}

/** A number that is an identifier: Persian digits from left to right, never among the words around it. */
export function numberHtml(digits: string): Html {
  return html`<bdi dir="ltr" class="number">${toPersianDigits(digits)}</bdi>`;
}

/** Latin letters among Persian ones. */
export function latinHtml(text: string): Html {
  return html`<bdi dir="ltr">${text}</bdi>`;
}

/** Whom to ask: no number is broken at the end of a line, where its halves would change places. */
export function contactHtml({ email, phone }: { readonly email: string; readonly phone: string }): Html {
  return html`${latinHtml(email)}، <span class="whole">${latinHtml(phone)}</span>`;
}

/** What machines read: ids, digests. */
export function codeHtml(code: string): Html {
  return html`<bdi dir="ltr" class="code">${code}</bdi>`;
}

export function countText(count: number): string {
  return toPersianDigits(String(count));
}

/** An ISO day: `۱۴۰۴/۰۸/۲۰ (2025-11-11)`. */
export function dayHtml(isoDay: string): Html {
  return html`<span class="whole">${formatJalali(isoDay)}</span>
    <small class="whole">(<bdi dir="ltr">${isoDay}</bdi>)</small>`;
}

/** `۱۴۰۴/۰۸/۲۱`, the Tehran day of an RFC 3339 time. */
export function jalaliDayText(time: string): string {
  return toPersianDigits(jalaliDayOf(new Date(time)));
}

/** `۱۱:۳۰:۰۰`, the clock in Tehran. */
export function clockText(time: string): string {
  return toPersianDigits(clockOf(new Date(time)));
}

/** An RFC 3339 time: `۱۴۰۴/۰۸/۲۱، ۱۱:۳۰`. */
export function momentHtml(time: string): Html {
  return html`<span class="whole">${jalaliDayText(time)}،</span>
    <span class="whole">${clockText(time).slice(0, 5)}</span>`;
}

const weekdays = ['یکشنبه', 'دوشنبه', 'سه‌شنبه', 'چهارشنبه', 'پنجشنبه', 'جمعه', 'شنبه'];

/** The day of the week in Tehran. */
export function weekdayText(time: string): string {
  return weekdays[weekdayOf(new Date(time))] ?? '';
}
