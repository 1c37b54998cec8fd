import type { Telling } from '../policy/profile.ts';
import { fill, templates, type Template } from './messageTemplates.ts';

/** Persian words of ours, with a number among them at most: never anything that somebody typed. */
const words = /^[\u0600-\u06ff\u200c ۰-۹0-9/]{1,80}$/;
const reference = /^[0-9a-f-]{36}$/;

/** What the vault tells people by itself. No text says more than that something is there to be seen, and under which number. */
const texts: Readonly<Record<Telling, Template>> = {
  delivery_code: templates.delivery_code,
  contact_verification: {
    subject: 'کد تأیید',
    text: 'کد تأیید شما: {code}\nاین کد را تنها در سایت فروشگاه وارد کنید و به کسی نگویید.',
    params: { code: /^\d{6}$/ },
  },
  request_step: {
    subject: 'درخواست شما دربارهٔ داده‌هایتان',
    text: 'درخواست شما دربارهٔ داده‌هایتان: {step}\nشمارهٔ پیگیری: {id}',
    params: { step: words, id: reference },
  },
  copy_link: {
    subject: 'رونوشت داده‌های شما',
    text: 'رونوشت داده‌های شما با این پیوند یک بار باز می‌شود. آن را به کسی ندهید.\n{url}',
    params: { url: /^https?:\/\/[A-Za-z0-9.:[\]/_-]{1,400}#[A-Za-z0-9_-]{86}$/ },
  },
  data_request: {
    subject: 'درخواست اطلاعات تکمیلی',
    text: 'برای ادامهٔ کار به اطلاعات بیشتری از شما نیاز است: {step}\nشمارهٔ پیگیری: {id}',
    params: { step: words, id: reference },
  },
  complaint_step: {
    subject: 'شکایت یا پرسش شما',
    text: 'شکایت یا پرسش شما: {step}\nشمارهٔ پیگیری: {id}',
    params: { step: words, id: reference },
  },
  disclosure: {
    subject: 'اطلاع از افشای داده',
    text: 'داده‌هایی از شما به موجب قانون یا با اجازهٔ شما در اختیار دیگری گذاشته شده است. برای آگاهی بیشتر درخواست دسترسی بدهید.\nشمارهٔ پیگیری: {id}',
    params: { id: reference },
  },
  policy_version: {
    subject: 'تغییر سیاست حریم خصوصی',
    text: 'سیاست حریم خصوصی ما تغییر می‌کند. متن نسخهٔ {number}: {url}',
    params: { number: /^[۰-۹]{1,6}$/, url: /^https?:\/\/[A-Za-z0-9.:[\]/_-]{1,400}$/ },
  },
  incident: {
    subject: 'رخداد امنیتی',
    text: 'رخدادی امنیتی که داده‌های شما را نیز در بر دارد روی داده است: {step}\nشمارهٔ پیگیری: {id}',
    params: { step: words, id: reference },
  },
  account_idle: {
    subject: 'حساب شما',
    text: 'از {since} از شما خبری نداریم و حساب شما به‌زودی غیرفعال می‌شود. برای نگه داشتن آن یک بار وارد حساب خود شوید.',
    params: { since: words },
  },
};

/** Throws for values that no text of ours takes: a slip of the code, not of a caller. */
export function textOf(telling: Telling, params: Readonly<Record<string, string>>) {
  const made = fill(texts[telling], params);
  if (!('text' in made)) throw new TypeError(`${telling}: ${made.map(({ pointer }) => pointer).join(', ')}`);
  return made;
}
