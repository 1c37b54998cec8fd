import { toPersianDigits } from '../formats/jalali.ts';
import type { Field } from '../policy/vocabulary.ts';
import { letterheadHtml } from './letterhead.ts';
import {
  factsHtml,
  gradeText,
  letterFacts,
  listed,
  recipientHtml,
  type DisclosedOrder,
  type RecipientNamed,
} from './orderFacts.ts';
import { fieldWords, kindWords, wordFor } from './persianWords.ts';
import {
  clockText,
  codeHtml,
  countText,
  dayHtml,
  jalaliDayText,
  latinHtml,
  momentHtml,
  textHtml,
  weekdayText,
} from './persianText.ts';
import { html, printedPage, type Html } from './printedPage.ts';

/** How a package went over. */
export const deliveryMeans = ['sealed_for_certificate', 'one_time_link', 'by_hand'] as const;
export type DeliveryMeans = (typeof deliveryMeans)[number];

/** What the package is as a file. */
export type PackageForm = 'json' | 'html' | 'cms';

/** Who took a step, and when where that is known: RFC 3339. */
export interface StepTaken {
  readonly clientId: string;
  readonly actor: string;
  readonly at?: string | undefined;
}

/** What the minutes of one delivery say. No value of a subject has a place in it. */
export interface Minutes {
  readonly exportId: string;
  readonly legalOrderId: string;
  /** Who held the data, in Persian. */
  readonly controller: string;
  /** production, preservation … */
  readonly kind: string;
  readonly order: DisclosedOrder;
  /** ISO days in Tehran, both included. */
  readonly period: { readonly from: string; readonly to: string };
  readonly fields: readonly Field[];
  readonly records: number;
  readonly notFound: number;
  readonly outsidePeriod: number;
  readonly registeredBy: StepTaken;
  /** One, or more where the ground wants more. */
  readonly approvedBy: readonly StepTaken[];
  readonly executedBy: StepTaken;
  /** RFC 3339. */
  readonly executedAt: string;
  /** `sha256` in hex, of the bytes that the receipt signs. */
  readonly package: { readonly form: PackageForm; readonly sha256: string };
  readonly delivery: {
    readonly to: RecipientNamed;
    readonly means: DeliveryMeans;
    /** RFC 3339; missing while nobody has fetched it. */
    readonly at?: string | undefined;
    /** Who was there (CPC 672), where that was recorded. */
    readonly present?: readonly string[] | undefined;
  };
  /** Compact JWS, as signed. */
  readonly receipt: string;
  /** RFC 3339: until when the ground wants its later review. */
  readonly reviewDueAt?: string | undefined;
}

const title = 'صورت‌جلسهٔ تحویل اطلاعات';

const meansWords: Readonly<Record<DeliveryMeans, string>> = {
  sealed_for_certificate: 'بستهٔ رمزشده برای گواهی مرجع و امضاشده',
  one_time_link: 'پیوند یک‌بارمصرف',
  by_hand: 'تحویل دستی',
};

const formWords: Readonly<Record<PackageForm, string>> = {
  json: 'JSON',
  html: 'HTML و JSON در یک پرونده',
  cms: 'CMS AuthEnvelopedData',
};

/** The minutes «صورت‌جلسه» to print and sign: staff by their ids, no name but of who received and who was there. */
export function minutesDocument(minutes: Minutes): string {
  const { exportId, order } = minutes;
  const grade = gradeText(order);
  const margins = {
    running: order.letter === undefined ? title : `${title}، نامهٔ شمارهٔ ${toPersianDigits(order.letter.number)}`,
    grade,
    identifiers: [exportId, `SHA-256 ${minutes.package.sha256}`],
  };
  return printedPage(
    title,
    margins,
    html`${letterheadHtml({ from: minutes.controller, title, at: minutes.executedAt, grade })}
      <p>${openingHtml(minutes)}</p>
      <h2>دستور</h2>
      ${factsHtml([{ name: 'نوع', value: html`${wordFor(kindWords, minutes.kind)}` }, ...letterFacts(order, { names: false })])}
      <h2>داده‌ها و تحویل</h2>
      ${deliveryHtml(minutes)}
      <h2>اقدام‌کنندگان</h2>
      ${stepsHtml(minutes)}
      <h2>حضور و امضا</h2>
      <p>
        حضور متصرف قانونی سامانه یا متصدی آن (مادهٔ ۶۷۲ قانون آیین دادرسی کیفری) در زیر ثبت می‌شود و حاضران با ذکر نام و
        سمت امضا می‌کنند. این صورت‌جلسه در دو نسخه تنظیم شد و هر دو نسخه یک اعتبار دارد.
      </p>
      ${signaturesHtml(minutes)}
      <h2>رسید امضاشده</h2>
      <p>
        این رسید بدون دسترسی به سامانه با ${latinHtml('amanat receipt check')} و گواهی امضای
        ${textHtml(minutes.controller)} بررسی می‌شود؛ فاصله و شکستن سطر جزء آن نیست.
      </p>
      <pre class="receipt" dir="ltr">${minutes.receipt}</pre>`,
  );
}

function openingHtml({ executedAt, controller, order, records }: Minutes): Html {
  const { letter, authority } = order;
  const under =
    letter === undefined || authority === undefined
      ? html`بر مبنای زیر`
      : html`در اجرای نامهٔ شمارهٔ ${textHtml(letter.number)} مورخ ${dayHtml(letter.date)} ${textHtml(authority.name)}`;
  return html`روز ${weekdayText(executedAt)} ${jalaliDayText(executedAt)}، ساعت ${clockText(executedAt)} به وقت تهران
  (<small>${latinHtml(executedAt)}</small>)، ${under}، داده‌های مربوط به ${countText(records)} شخص از سامانهٔ نگه‌داری
  دادهٔ ${textHtml(controller)} استخراج شد و به شرح زیر تحویل می‌شود. در این صورت‌جلسه دادهٔ هیچ شخصی نوشته نشده است.`;
}

function deliveryHtml(minutes: Minutes): Html {
  const { fields, period, records, notFound, outsidePeriod, delivery } = minutes;
  const { form, sha256 } = minutes.package;
  return factsHtml([
    { name: 'نوع داده‌ها', value: html`${fields.map((field) => fieldWords[field]).join('، ')}`, wide: true },
    { name: 'بازهٔ زمانی', value: html`از ${dayHtml(period.from)} تا ${dayHtml(period.to)}`, wide: true },
    {
      name: 'شمار اشخاص',
      value: html`${countText(records)}
        <small>(یافت‌نشده: ${countText(notFound)}، بیرون از بازهٔ زمانی: ${countText(outsidePeriod)})</small>`,
      wide: true,
    },
    { name: 'تحویل‌گیرنده', value: recipientHtml(delivery.to), wide: true },
    { name: 'حاضران', value: presentHtml(delivery.present), wide: true },
    { name: 'شیوهٔ تحویل', value: html`${meansWords[delivery.means]}` },
    { name: 'قالب بسته', value: textHtml(formWords[form]) },
    { name: 'زمان تحویل', value: delivery.at === undefined ? html`هنوز دریافت نشده` : momentHtml(delivery.at) },
    { name: 'مهلت بازبینی', value: minutes.reviewDueAt === undefined ? undefined : momentHtml(minutes.reviewDueAt) },
    { name: 'شناسهٔ تحویل', value: codeHtml(minutes.exportId), wide: true },
    { name: 'شناسهٔ دستور', value: codeHtml(minutes.legalOrderId), wide: true },
    { name: 'چکیدهٔ بسته', value: html`${latinHtml('SHA-256')} ${codeHtml(sha256)}`, wide: true },
  ]);
}

function stepsHtml({ registeredBy, approvedBy, executedBy, executedAt }: Minutes): Html {
  const steps = [
    { name: 'ثبت', by: registeredBy },
    ...approvedBy.map((by, i) => ({ name: approvedBy.length > 1 ? `تأیید ${countText(i + 1)}` : 'تأیید', by })),
    { name: 'اجرا', by: { ...executedBy, at: executedBy.at ?? executedAt } },
  ];
  return html`<table>
    <colgroup>
      <col class="step" />
      <col class="staff" />
      <col />
      <col class="time" />
    </colgroup>
    <thead>
      <tr>
        <th scope="col">گام</th>
        <th scope="col">شناسهٔ کارمند</th>
        <th scope="col">کاربر سامانه</th>
        <th scope="col">زمان</th>
      </tr>
    </thead>
    <tbody>
      ${steps.map(
        ({ name, by }) =>
          html`<tr>
            <th scope="row">${name}</th>
            <td>${codeHtml(by.actor)}</td>
            <td>${codeHtml(by.clientId)}</td>
            <td class="time">${by.at === undefined ? undefined : momentHtml(by.at)}</td>
          </tr> `,
      )}
    </tbody>
  </table>`;
}

function signaturesHtml({ controller, delivery }: Minutes): Html {
  const { name, title: office, unit, card } = delivery.to;
  const sign = html`<p class="sign">امضا و تاریخ:</p>`;
  return html`<div class="signatures">
    <section>
      <h3>تحویل‌دهنده</h3>
      ${lineHtml('از طرف', textHtml(controller))}${lineHtml('نام')}${lineHtml('سمت')}${sign}
    </section>
    <section>
      <h3>تحویل‌گیرنده</h3>
      ${lineHtml('نام', textHtml(name))}${lineHtml('سمت', office === undefined && unit === undefined ? undefined : listed([office, unit]))}${lineHtml('شمارهٔ کارت', card === undefined ? undefined : textHtml(card))}${sign}
    </section>
    <section>
      <h3>متصرف یا متصدی سامانه</h3>
      ${lineHtml('نام')}${lineHtml('سمت')}${lineHtml('شمارهٔ کارت')}${sign}
    </section>
  </div>`;
}

function presentHtml(present: readonly string[] = []): Html | undefined {
  return present.length === 0 ? undefined : listed(present);
}

/** What is not known is written by hand: an empty value is a dotted line. */
function lineHtml(label: string, value?: Html): Html {
  return html`<p><b>${label}:</b><span>${value}</span></p>`;
}
