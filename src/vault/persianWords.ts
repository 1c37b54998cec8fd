import type { Field, GroundKind } from '../policy/vocabulary.ts';
import type { AddressPart } from './addressParts.ts';
import type { PartyKind } from './customerFields.ts';
import type { OrderKind, RecipientKind } from './legalGround.ts';
import type { confidentialityGrades } from './legalOrderRecord.ts';

/** What the printed documents call things, in the register of official letters. Closed tables: a new member needs its word. */
export const fieldWords: Readonly<Record<Field, string>> = {
  givenName: 'نام',
  familyName: 'نام خانوادگی',
  nationalId: 'کد ملی',
  foreignerId: 'کد فراگیر اتباع خارجی',
  legalName: 'نام شخص حقوقی',
  legalNationalId: 'شناسهٔ ملی',
  economicCode: 'شمارهٔ اقتصادی',
  contactGivenName: 'نام رابط',
  contactFamilyName: 'نام خانوادگی رابط',
  email: 'پست الکترونیکی',
  iban: 'شمارهٔ شبا',
  mobile: 'تلفن همراه',
  landline: 'تلفن ثابت',
  address: 'نشانی',
  postalCode: 'کد پستی',
  location: 'مختصات مکانی',
  externalRef: 'شمارهٔ مشتری نزد فروشگاه',
  recipientName: 'نام تحویل‌گیرندهٔ مرسوله',
  recipientPhone: 'تلفن تحویل‌گیرندهٔ مرسوله',
  recipientAddress: 'نشانی تحویل‌گیرندهٔ مرسوله',
};

export const addressWords: Readonly<Record<AddressPart, string>> = {
  province: 'استان',
  city: 'شهر',
  district: 'محله',
  street: 'خیابان',
  alley: 'کوچه',
  plaque: 'پلاک',
  floor: 'طبقه',
  unit: 'واحد',
  note: 'توضیح',
};

export const partyWords: Readonly<Record<PartyKind, string>> = { natural: 'شخص حقیقی', legal: 'شخص حقوقی' };

/** On what a disclosure rests. */
export const groundWords: Readonly<Record<GroundKind, string>> = {
  judicial_order: 'دستور مقام قضایی',
  administrative_order: 'دستور مقام اداری صالح',
  statute: 'تکلیف قانونی',
  legal_process: 'روند قانونی بدون دستور',
  legal_pursuit: 'پیگیری قانونی محتوای مجرمانه',
  defence_of_rights: 'دفاع از حقوق و دارایی',
  emergency: 'وضعیت اضطراری',
  consent: 'اجازهٔ پیشین صاحب داده',
};

/** Kinds of order. */
export const kindWords: Readonly<Record<OrderKind, string>> = {
  production: 'دستور ارائهٔ داده',
  preservation: 'دستور حفاظت از داده',
  search_seizure: 'دستور تفتیش و توقیف داده',
  administrative_request: 'درخواست مرجع اداری',
  statutory_duty: 'تکلیف قانونی',
};

export const authorityWords: Readonly<Record<string, string>> = {
  judicial: 'مرجع قضایی',
  administrative: 'مرجع اداری',
  officer: 'ضابط دادگستری',
};

/** As what a recipient receives. */
export const recipientWords: Readonly<Record<RecipientKind, string>> = {
  issuer: 'مرجع صادرکننده',
  named_officer: 'مأمور معرفی‌شده در دستور',
  court: 'دادگاه',
  lawyer: 'وکیل',
  police: 'پلیس',
  body: 'دستگاه قانونی',
  emergency_service: 'خدمات اضطراری',
  third_party: 'شخص ثالث',
};

export const gradeWords: Readonly<Record<(typeof confidentialityGrades)[number], string>> = {
  ordinary: 'عادی',
  confidential: 'محرمانه',
  highly_confidential: 'خیلی محرمانه',
  secret: 'سری',
  top_secret: 'به‌کلی سری',
};

/** Where an order stands. */
export const outcomeWords: Readonly<Record<string, string>> = {
  registered: 'در انتظار تصمیم',
  approved: 'تأیید شده',
  rejected: 'رد شده',
  revoked: 'لغو شده',
  executed: 'اجرا شده',
  expired: 'منقضی شده',
};

export const channelWords: Readonly<Record<string, string>> = { sms: 'پیامک', email: 'پست الکترونیکی' };

/** The word for it, or itself where there is none. */
export function wordFor(words: Readonly<Record<string, string>>, key: string): string {
  return (Object.hasOwn(words, key) ? words[key] : undefined) ?? key;
}
