import type { ChangeStep } from '../policy/explain.ts';
import type { Reason } from '../policy/profile.ts';

/** A sentence in both languages. */
export interface Words {
  readonly fa: string;
  readonly en: string;
}

/** Why a value is not shown in full. */
export const reasonWords: Readonly<Record<Reason, Words>> = {
  role: { fa: 'این نقش این قلم را کامل نمی‌بیند', en: 'this role does not see this item in full' },
  purpose: { fa: 'این کار برای این قلم نیست', en: 'this work is not for this item' },
  no_grant: { fa: 'کار بازی در میان نیست', en: 'no work is open for it' },
  consent: { fa: 'رضایت صاحب داده لازم است', en: 'the person has not agreed' },
  grant_scope: {
    fa: 'مجوز این قلم یا سفارش را در بر ندارد',
    en: 'the grant does not cover this item, or names no order',
  },
  erased: { fa: 'داده حذف شده است', en: 'the data were erased' },
  expired: { fa: 'کار بسته شده یا مهلت آن گذشته است', en: 'the work is closed, used up or past its time' },
  deactivated: { fa: 'حساب غیرفعال است', en: 'the account is deactivated' },
  not_collected: { fa: 'این قلم گردآوری نشده است', en: 'this item was not collected' },
};

export const fullWords: Words = { fa: 'نمایش کامل', en: 'shown in full' };

/** Of reads in an emergency. */
export const emergencyWords: Words = {
  fa: 'گیرندگان نام‌برده می‌توانند با ذکر دلیل، دادهٔ یک شخص را برای مدتی کوتاه ببینند؛ مسئول حفاظت از داده بی‌درنگ خبر می‌شود و شخص دیگری پس از آن بررسی می‌کند',
  en: "with a reason, one person's data for a short time; the officer is alarmed at once, and another person reviews it afterwards",
};
export const openEmergencyWords: Words = {
  fa: 'دسترسی اضطراری به این شخص هم‌اکنون باز است و خواندن بر پایهٔ آن است',
  en: 'an emergency is open about this person now, and is what reads rest on',
};
export const noEmergencyWords: Words = {
  fa: 'این سیاست دسترسی اضطراری ندارد',
  en: 'this policy has no reads in an emergency',
};

/** What would have to be done. */
export const stepWords: Readonly<Record<ChangeStep, Words>> = {
  open_grant: { fa: 'فروشگاه مجوز چنین کاری را باز کند', en: 'the shop opens a grant of this kind' },
  open_break_glass: {
    fa: 'راهبر سامانه، با ذکر دلیل، دسترسی اضطراری باز کند',
    en: 'whoever runs the system opens break-glass, with a reason',
  },
  name_order: { fa: 'مجوزی باز شود که سفارش را نام ببرد', en: 'a grant that names the order' },
  name_field: { fa: 'مجوزی باز شود که این قلم را نام ببرد', en: 'a grant that names this item' },
  hand_to_courier: { fa: 'مرسوله به این پیک سپرده شود', en: 'the parcel is handed to this courier' },
  register_legal_order: { fa: 'دستور قانونی ثبت شود', en: 'a legal order is registered' },
  approve_legal_order: { fa: 'شخص دیگری دستور را تأیید کند', en: 'another person approves the order' },
  execute_legal_order: { fa: 'دستور تأییدشده اجرا شود', en: 'the approved order is executed' },
  request_erasure: { fa: 'درخواست حذف ثبت شود', en: 'an erasure is requested' },
  decide_request: { fa: 'شخص دیگری دربارهٔ درخواست تصمیم بگیرد', en: 'another person decides the request' },
  wait_for_deadline: { fa: 'پاسخ در پایان مهلت داده می‌شود', en: 'the answer comes at the end of the deadline' },
  wait_for_next_day: { fa: 'روز (به وقت تهران) به پایان برسد', en: 'wait until the day is over in Tehran' },
  lift_freeze: {
    fa: 'توقف حساب پس از گزارش سوءاستفاده برداشته شود',
    en: 'the freeze after a report of misuse is lifted',
  },
  withdraw_objection: {
    fa: 'صاحب داده اعتراض خود به این هدف را پس بگیرد',
    en: 'the person takes back the objection to this purpose',
  },
  record_undertaking: { fa: 'تعهد محرمانگی این کارمند ثبت شود', en: 'the member of staff undertakes confidentiality' },
  activate_recipient: { fa: 'گیرندهٔ داده با تعهدش فعال شود', en: 'the recipient is active, with its undertaking' },
  new_policy_version: {
    fa: 'نسخهٔ تازه‌ای از سیاست منتشر شود که این قاعده را تغییر دهد',
    en: 'a new version of the policy with this rule changed',
  },
};
