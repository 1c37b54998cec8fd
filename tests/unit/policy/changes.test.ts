import { describe, expect, test } from 'vitest';
import { changesBetween } from '../../../src/policy/changes.ts';
import { readableChanges } from '../../../src/vault/policyReading.ts';
import { kalak, kalakWith, type Edits } from './kalak.ts';

const changed = (edits: Edits) => readableChanges(kalak, kalakWith(edits));

describe('what changed between two versions', () => {
  test('is nothing between a version and itself, however its lists are ordered', () => {
    expect(changesBetween(kalak, kalak)).toEqual([]);
    const support = kalak.grantKinds.ticket?.fields ?? [];
    expect(changed({ '/grantKinds/ticket/fields': support.toReversed() })).toEqual([]);
    // Control: one field less.
    expect(changed({ '/grantKinds/inquiry/fields': ['givenName', 'familyName'] })).toHaveLength(1);
  });

  test.each<[string, Edits, object]>([
    [
      'a cell that closes',
      { '/access/mobile/support': undefined },
      {
        change: 'removed',
        place: 'دسترسی ‹ تلفن همراه ‹ پشتیبانی',
        before: 'بدون کار باز: پوشیده؛ نمایش کامل با: تیکت پشتیبانی، پرسش یا نظر',
      },
    ],
    [
      'a mandatory item',
      { '/items/natural/email/mandatory': true },
      { change: 'changed', place: 'اقلام داده ‹ شخص حقیقی ‹ ایمیل ‹ اجباری', before: 'خیر', after: 'بله' },
    ],
    [
      'a firm that may act no more',
      { '/processors/courier/allowed': false },
      { place: 'شرکت‌های همکار ‹ شرکت حمل و نقل ‹ مجاز', before: 'بله', after: 'خیر' },
    ],
    [
      'a time',
      { '/retention/order_shipping/keep': 'P1Y6M' },
      { place: 'نگهداری ‹ دادهٔ ارسال سفارش ‹ مدت نگهداری', before: '۱۸۰ روز', after: '۱ سال و ۶ ماه' },
    ],
    [
      'a day, in Jalali',
      { '/version/date': '2025-11-11' },
      { place: 'نسخه ‹ تاریخ', before: '۱۳۹۷/۰۶/۰۷', after: '۱۴۰۴/۰۸/۲۰' },
    ],
    [
      'a title',
      { '/title/fa': 'حریم خصوصی تازه' },
      { pointer: '/title/fa', before: 'حریم خصوصی کالاک', after: 'حریم خصوصی تازه' },
    ],
    [
      'a rule that comes',
      { '/carriers/swift': { title: { fa: 'تندرو', en: 'Swift' }, shows: ['phone', 'address'], clauses: ['E14'] } },
      { change: 'added', place: 'شرکت‌های حمل ‹ تندرو', after: 'عنوان: تندرو؛ آنچه می‌بیند: تلفن، نشانی' },
    ],
  ])('is told in Persian: %s', (_, edits, expected) => {
    expect(changed(edits)).toEqual([expect.objectContaining(expected)]);
  });

  test('has a Persian place for every member of the shipped profile', () => {
    const { format: _format, ...rest } = kalak;
    const gone = readableChanges(kalak, { format: 1 } as typeof kalak);
    expect(gone.map(({ pointer }) => pointer).sort()).toEqual(
      Object.keys(rest)
        .map((part) => `/${part}`)
        .sort(),
    );
    const empty = Object.fromEntries(Object.keys(kalak).map((part) => [part, {}])) as unknown as typeof kalak;
    const latin = readableChanges(kalak, empty).filter(({ place }) => /[a-z]/.test(place));
    expect(latin.map(({ place }) => place)).toEqual([]);
  });
});
