import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../../../src/crypto/canonicalJson.ts';
import { verifyReceipt } from '../../../src/crypto/signature.ts';
import { fields, groundKinds } from '../../../src/policy/vocabulary.ts';
import { disclosureDocument, type DisclosedPerson } from '../../../src/vault/disclosureDocument.ts';
import { minutesDocument } from '../../../src/vault/minutes.ts';
import { fieldWords, groundWords } from '../../../src/vault/persianWords.ts';
import { transparencyDocument } from '../../../src/vault/transparencyDocument.ts';
import { sampleMinutes, samplePack, sampleReport, signingKey } from '../../pages/samples.ts';

/** What is read on the page: no markup, no style, no data for programs. */
function readable(page: string): string {
  return page
    .replace(/<(style|script|title)\b.*?<\/\1>/gs, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .replace(/ (?=[،.)؛:])|(?<=\() /g, '');
}

const capturedAt = '2025-09-02T20:45:00.000Z';
const held = (value: unknown) => ({ value, capturedAt });
const person = (shown: Partial<DisclosedPerson>): DisclosedPerson => ({
  number: 1,
  kind: 'natural',
  fields: {},
  notHeld: [],
  ...shown,
});
const documentOf = (shown: Partial<DisclosedPerson>) =>
  disclosureDocument(samplePack(1, { fields: ['givenName'], persons: [person(shown)] }));

describe('a package as a document', () => {
  const pack = samplePack(3);
  const page = disclosureDocument(pack);
  const text = readable(page);

  test('says under which letter, for whom, what and when', () => {
    for (const said of [
      'مبنای ارائه دستور مقام قضایی',
      'مرجع صادرکننده دادسرای عمومی و انقلاب',
      'شعبه شعبهٔ ۳ بازپرسی',
      'حوزهٔ قضایی تهران',
      'مقام صادرکننده کاوه نوری، بازپرس',
      'شمارهٔ نامه ۱۴۰۴/۱۲۳',
      'تاریخ نامه ۱۴۰۴/۰۸/۲۰ (2025-11-11)',
      'شمارهٔ پرونده ۱۴۰۴۰۰۰۰۰۰۰۰۰۰۰۰',
      'مستند قانونی مادهٔ ۶۷۱ قانون آیین دادرسی کیفری',
      'گیرنده کاوه نوری، بازپرس شعبه ۳، دادسرای ناحیه ۲ (مأمور معرفی‌شده در دستور)',
      'بازهٔ زمانی از ۱۴۰۳/۱۰/۱۲ (2025-01-01) تا ۱۴۰۴/۰۸/۲۰ (2025-11-11)',
      'تاریخ ۱۴۰۴/۰۸/۲۱',
      'ساعت ۱۱:۳۰:۰۵ به وقت تهران',
      'طبقه‌بندی محرمانه',
      '۳ در این سند',
      '۱ یافت‌نشده',
      '۲ بیرون از بازهٔ زمانی',
      'شخص ۳ از ۳ (شخص حقوقی)',
    ]) {
      expect(text).toContain(said);
    }
  });

  test('is the machine-readable package as well, and names its digest', () => {
    const [, data = ''] = /<script type="application\/json" id="amanat-export">(.*)<\/script>/.exec(page) ?? [];
    const { exportId, controller, ...body } = pack;
    expect(controller).toBe('فروشگاه نمونه');
    expect(JSON.parse(data)).toEqual(body);
    const json = canonicalJson(JSON.parse(data));
    const digest = createHash('sha256').update(json).digest('hex');
    expect(text).toContain(exportId);
    expect(text).toContain(digest);
    expect(page.slice(0, page.indexOf('</style>'))).toContain(digest);
    expect(text).not.toContain(pack.salt);
  });

  test('has no other script, and every value outside of it in a bdi of its own', () => {
    expect(page.match(/<script/g)).toHaveLength(1);
    const shown = documentOf({ fields: { givenName: held('زهرا') } });
    expect(shown).toContain('<td><bdi>زهرا</bdi></td>');
  });

  test('writes numbers from left to right, each as its kind is written', () => {
    const shown = documentOf({
      identifiedBy: [{ by: 'nationalId', value: '9901234565' }],
      fields: {
        nationalId: held('9901234565'),
        iban: held('IR300990000000000000000017'),
        email: held('z@example.com'),
        mobile: [
          { ...held('+989701234567'), primary: true },
          { ...held('+989707654321'), primary: false, extension: '12' },
        ],
        landline: [held('+982199990017')],
        location: [held({ lat: 35.7, lng: 51.4 })],
        postalCode: [held('1417613155')],
      },
    });
    for (const number of [
      '<bdi dir="ltr" class="number">۹۹۰۱۲۳۴۵۶۵</bdi>',
      '<bdi dir="ltr">IR30 0990 0000 0000 0000 0000 17</bdi>',
      '<bdi dir="ltr">z@example.com</bdi>',
      '<bdi dir="ltr" class="number whole">۰۹۷۰ ۱۲۳ ۴۵۶۷</bdi> <small>(شمارهٔ اصلی)</small>',
      '<bdi dir="ltr" class="number whole">۰۲۱ ۹۹۹۹ ۰۰۱۷</bdi>',
      '<bdi dir="ltr">35.7, 51.4</bdi>',
      '<bdi dir="ltr" class="number">۱۴۱۷۶۱۳۱۵۵</bdi>',
    ]) {
      expect(shown).toContain(number);
    }
    expect(readable(shown)).toContain('شناسایی با کد ملی ۹۹۰۱۲۳۴۵۶۵');
    expect(readable(shown)).toContain('تلفن همراه ۲ ۰۹۷۰ ۷۶۵ ۴۳۲۱، داخلی');
  });

  test('says when each value was captured, on the clock of Tehran, and what is not held', () => {
    const shown = readable(documentOf({ fields: { givenName: held('زهرا') }, notHeld: ['email'] }));
    // A quarter past midnight there, the evening before in UTC.
    expect(shown).toContain('نام زهرا ۱۴۰۴/۰۶/۱۲، ۰۰:۱۵');
    expect(shown).toContain('پست الکترونیکی نزد ما نیست');
    expect(shown).not.toContain('تلفن');
  });

  test('keeps the parts of an address apart, and numbers addresses only where there are several', () => {
    const home = { province: 'تهران', city: 'تهران', street: 'آزادی', plaque: '12', note: 'زنگ B2' };
    const one = documentOf({ fields: { address: [{ ...held(home), place: 1 }] } });
    expect(readable(one)).toContain('نشانی استان: تهران، شهر: تهران، خیابان: آزادی، پلاک: ۱۲، توضیح: زنگ B2');
    const two = documentOf({
      fields: { address: [{ ...held(home), place: 2 }], postalCode: [{ ...held('1417613155'), place: 1 }] },
    });
    expect(readable(two)).toContain('نشانی ۲ استان');
  });

  test('shows what it does not know how to write as it is', () => {
    const odd = [{ a: '<b>' }, { lat: 1, lng: 2, extra: 3 }, ['x'], 7, null, true];
    const shown = readable(documentOf({ fields: { location: odd.map(held) } }));
    for (const value of [
      '{&quot;a&quot;:&quot;&lt;b&gt;&quot;}',
      '&quot;extra&quot;:3',
      '[&quot;x&quot;]',
      '۷',
      'null',
    ]) {
      expect(shown).toContain(value);
    }
  });

  test.each(groundKinds)('rests on %s without a letter as well', (ground) => {
    const order = { ground, recipient: { name: 'سازمان نمونه', as: 'body' }, case: { number: '140400000000000017' } };
    const shown = readable(disclosureDocument(samplePack(1, { order })));
    expect(shown).toContain(`مبنای ارائه ${groundWords[ground]}`);
    expect(shown).toContain('شمارهٔ پرونده ۱۴۰۴۰۰۰۰۰۰۰۰۰۰۰۰۱۷');
    expect(shown).not.toMatch(/undefined|شمارهٔ نامه|مرجع صادرکننده/);
  });

  test('of nobody says so', () => {
    expect(readable(disclosureDocument(samplePack(0)))).toContain('داده‌ای برای ارائه نبود');
  });

  test('has a Persian name for every field, none twice', () => {
    expect(new Set(fields.map((field) => fieldWords[field])).size).toBe(fields.length);
  });
});

describe('the minutes', () => {
  const minutes = sampleMinutes();
  const page = minutesDocument(minutes);
  const text = readable(page);

  test('say who, under which letter, what kind of data, of how many, to whom, how and when', () => {
    for (const said of [
      'صورت‌جلسهٔ تحویل اطلاعات',
      'روز چهارشنبه ۱۴۰۴/۰۸/۲۱، ساعت ۱۱:۳۰:۰۵ به وقت تهران',
      'در اجرای نامهٔ شمارهٔ ۱۴۰۴/۱۲۳ مورخ ۱۴۰۴/۰۸/۲۰',
      'نوع دستور ارائهٔ داده',
      'نوع داده‌ها نام، نام خانوادگی، کد ملی',
      'شمار اشخاص ۷ (یافت‌نشده: ۱، بیرون از بازهٔ زمانی: ۲)',
      'تحویل‌گیرنده کاوه نوری، بازپرس شعبه ۳، دادسرای ناحیه ۲',
      'شیوهٔ تحویل پیوند یک‌بارمصرف',
      'زمان تحویل ۱۴۰۴/۰۸/۲۱، ۱۱:۳۷',
      'ثبت staff-1 019a7a5e-0000-7000-8000-000000000001 ۱۴۰۴/۰۸/۲۱، ۰۹:۱۰',
      'تأیید staff-2 019a7a5e-0000-7000-8000-000000000002 ۱۴۰۴/۰۸/۲۱، ۱۰:۳۲',
      'اجرا staff-1 019a7a5e-0000-7000-8000-000000000001 ۱۴۰۴/۰۸/۲۱، ۱۱:۳۰',
      'مادهٔ ۶۷۲ قانون آیین دادرسی کیفری',
      'متصرف قانونی سامانه یا متصدی آن',
      `SHA-256 ${minutes.package.sha256}`,
      minutes.exportId,
      minutes.legalOrderId,
    ]) {
      expect(text).toContain(said);
    }
    expect(text.match(/امضا و تاریخ/g)).toHaveLength(3);
  });

  test('have the receipt whole: what is printed verifies', () => {
    const [, printed = ''] = /<pre class="receipt" dir="ltr">([^<]*)<\/pre>/.exec(page) ?? [];
    expect(printed).toBe(minutes.receipt);
    expect(verifyReceipt(signingKey().publicKey, printed)).toMatchObject({ exportId: minutes.exportId });
    expect(
      verifyReceipt(
        signingKey().publicKey,
        printed.replace(/.$/, (c) => (c === 'A' ? 'Q' : 'A')),
      ),
    ).toBeUndefined();
  });

  test("have nobody's name but the recipient's, and no free text that could hold one", () => {
    const { order, delivery } = minutes;
    const named = sampleMinutes({
      order: {
        ...order,
        authority: { kind: 'judicial', name: 'دادگاه', officialName: 'سارا احمدی', officialTitle: 'قاضی' },
        letter: { number: '1', date: '2025-11-11', subject: 'دربارهٔ نگار یوسفی', annexes: 'شناسنامهٔ رضا حسینی' },
      },
      delivery: { ...delivery, to: { name: 'مریم کریمی' } },
    });
    const shown = minutesDocument(named);
    expect(shown).not.toMatch(/احمدی|یوسفی|حسینی/);
    expect(shown).toContain('قاضی');
    expect(shown).toContain('مریم کریمی');
  });

  test('that were acknowledged name who was there and the card that was shown', () => {
    const { delivery } = minutes;
    const to = { ...delivery.to, card: '4471' };
    const shown = readable(
      minutesDocument(sampleMinutes({ delivery: { ...delivery, to, present: ['زهرا محمدی', 'رضا'] } })),
    );
    expect(shown).toContain('حاضران زهرا محمدی، رضا');
    expect(shown).toContain('شمارهٔ کارت: ۴۴۷۱');
    expect(text).not.toContain('حاضران زهرا');
  });

  test('of a package nobody has fetched, of several approvals, with a review due', () => {
    const { approvedBy, delivery } = minutes;
    const shown = readable(
      minutesDocument(
        sampleMinutes({
          approvedBy: [...approvedBy, ...approvedBy],
          delivery: { to: delivery.to, means: 'sealed_for_certificate' },
          package: { form: 'cms', sha256: minutes.package.sha256 },
          reviewDueAt: '2025-11-15T08:00:00.000Z',
          order: { ground: 'emergency' },
        }),
      ),
    );
    for (const said of ['تأیید ۱', 'تأیید ۲', 'هنوز دریافت نشده', 'مهلت بازبینی ۱۴۰۴/۰۸/۲۴، ۱۱:۳۰', 'بر مبنای زیر'])
      expect(shown).toContain(said);
    expect(shown).not.toContain('undefined');
  });
});

describe('the yearly report', () => {
  test('counts by kind, authority and outcome, the most first', () => {
    const text = readable(transparencyDocument(sampleReport()));
    for (const said of [
      'گزارش شفافیت سال ۱۴۰۴',
      'از ۱۴۰۴/۰۱/۰۱ (2025-03-21) تا ۱۴۰۴/۱۲/۲۹ (2026-03-20)',
      '۲۲ دستور ۱۵ بستهٔ تحویل‌شده ۴۱ شخص در بسته‌ها',
      'دستور ارائهٔ داده ۱۵ دستور حفاظت از داده ۴ درخواست مرجع اداری ۲ تکلیف قانونی ۱ جمع ۲۲',
      'مرجع قضایی ۱۵ ضابط دادگستری ۴ مرجع اداری ۲ تکلیف قانونی ۱ جمع ۲۲',
      'اجرا شده ۱۵ منقضی شده ۴ رد شده ۳ جمع ۲۲',
    ]) {
      expect(text).toContain(said);
    }
  });

  test('of a year without orders says so', () => {
    const text = readable(transparencyDocument({ ...sampleReport(), orders: [] }));
    expect(text).toContain('در این سال دستوری ثبت نشده است');
    expect(text).not.toContain('جمع');
  });
});
