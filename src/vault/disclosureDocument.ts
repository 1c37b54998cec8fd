import { canonicalJson } from '../crypto/canonicalJson.ts';
import { digestOf } from '../crypto/digest.ts';
import { toPersianDigits } from '../formats/jalali.ts';
import { fields as everyField, type Field } from '../policy/vocabulary.ts';
import type { PartyKind } from './customerFields.ts';
import { heldHtml } from './heldValue.ts';
import { letterheadHtml } from './letterhead.ts';
import { factsHtml, gradeText, letterFacts, recipientHtml, type DisclosedOrder } from './orderFacts.ts';
import { fieldWords, groundWords, partyWords, wordFor } from './persianWords.ts';
import { codeHtml, countText, dayHtml, latinHtml, momentHtml } from './persianText.ts';
import { dataHtml, html, printedPage, type Html } from './printedPage.ts';

/** One value that is held, and since when. Of several of one kind, `place` says which address it belongs to. */
export interface DisclosedValue {
  readonly value: unknown;
  /** RFC 3339. */
  readonly capturedAt: string;
  readonly primary?: boolean | undefined;
  readonly extension?: unknown;
  readonly place?: number | undefined;
}

export interface DisclosedPerson {
  /** From 1, in the order of the package. */
  readonly number: number;
  readonly kind: PartyKind;
  readonly identifiedBy?: readonly { readonly by: Field; readonly value: string }[] | undefined;
  readonly fields: Readonly<Partial<Record<Field, DisclosedValue | readonly DisclosedValue[]>>>;
  readonly notHeld: readonly Field[];
}

/** What a package holds, whatever it is written as. */
export interface PackageBody {
  readonly format: string;
  readonly salt: string;
  readonly order: DisclosedOrder;
  /** ISO days in Tehran, both included. */
  readonly period: {
    readonly from: string;
    readonly fromJalali: string;
    readonly to: string;
    readonly toJalali: string;
  };
  readonly fields: readonly Field[];
  /** RFC 3339. */
  readonly executedAt: string;
  readonly executedAtJalali: string;
  readonly records: number;
  readonly notFound: number;
  readonly outsidePeriod: number;
  readonly persons: readonly DisclosedPerson[];
}

export type DisclosurePack = PackageBody & {
  readonly exportId: string;
  /** Who held the data, in Persian. */
  readonly controller?: string | undefined;
};

const title = 'صورت داده‌های ارائه‌شده';

/**
 * The package as a Persian document to read and print. The canonical JSON of the body, without `exportId` and `controller`,
 * stands in it as `#amanat-export`; the digest that the document names is the SHA-256 of that JSON. Throws `internal` for what
 * JSON cannot carry unchanged.
 */
export function disclosureDocument({ exportId, controller, ...body }: DisclosurePack): string {
  const json = canonicalJson(body);
  const sha256 = digestOf(Buffer.from(json)).toString('hex');
  const { ground, letter } = body.order;
  const subtitle = ground === undefined ? undefined : `بر مبنای ${groundWords[ground]}`;
  const grade = gradeText(body.order);
  const margins = {
    running: letter === undefined ? title : `${title}، نامهٔ شمارهٔ ${toPersianDigits(letter.number)}`,
    grade,
    identifiers: [exportId, `SHA-256 (JSON) ${sha256}`],
  };
  return printedPage(
    title,
    margins,
    html`${letterheadHtml({ from: controller, title, subtitle, at: body.executedAt, grade })}
      <h2>دستور</h2>
      ${orderHtml(body)}
      <h2>شمار اشخاص</h2>
      ${countsHtml(body)}
      <h2>داده‌ها</h2>
      ${body.persons.length === 0 ? html`<p>در محدودهٔ این دستور داده‌ای برای ارائه نبود.</p>` : undefined}
      ${body.persons.map((person) => personHtml(body, person))} ${footHtml(exportId, sha256)}
      ${dataHtml('amanat-export', json)}`,
  );
}

function orderHtml({ order, period, fields }: PackageBody): Html {
  return factsHtml([
    ...letterFacts(order, { names: true }),
    { name: 'گیرنده', value: order.recipient && recipientHtml(order.recipient), wide: true },
    { name: 'بازهٔ زمانی', value: html`از ${dayHtml(period.from)} تا ${dayHtml(period.to)}`, wide: true },
    { name: 'داده‌های خواسته‌شده', value: html`${fields.map((field) => fieldWords[field]).join('، ')}`, wide: true },
  ]);
}

function countsHtml({ records, notFound, outsidePeriod }: PackageBody): Html {
  const counts = [
    ['در این سند', records],
    ['یافت‌نشده', notFound],
    ['بیرون از بازهٔ زمانی', outsidePeriod],
  ] as const;
  return html`<ul class="counts">
    ${counts.map(([name, count]) => html`<li><b>${countText(count)}</b>${name}</li>`)}
  </ul>`;
}

/** The head of the table says whose it is, and is printed again on every page the table goes on to. */
function personHtml({ fields, records }: PackageBody, person: DisclosedPerson): Html {
  const asked = [...fields, ...everyField.filter((field) => !fields.includes(field))];
  return html`<table>
    <colgroup>
      <col class="name" />
      <col />
      <col class="time" />
    </colgroup>
    <thead>
      <tr class="title">
        <th colspan="3">
          شخص ${countText(person.number)} از ${countText(records)} <small>(${wordFor(partyWords, person.kind)})</small>
        </th>
      </tr>
      <tr>
        <th scope="col">داده</th>
        <th scope="col">مقدار</th>
        <th scope="col">زمان ثبت نزد ما</th>
      </tr>
    </thead>
    <tbody>
      ${(person.identifiedBy ?? []).map(
        ({ by, value }) =>
          html`<tr>
            <th scope="row">شناسایی با</th>
            <td colspan="2">${fieldWords[by]} ${heldHtml(by, value)}</td>
          </tr> `,
      )}${asked.map((field) => fieldHtml(person, field))}
    </tbody>
  </table> `;
}

function fieldHtml({ fields, notHeld }: DisclosedPerson, field: Field): Html | undefined {
  const held = fields[field];
  const values = held === undefined ? [] : 'value' in held ? [held] : held;
  const places = Math.max(values.length, ...values.map(({ place }) => place ?? 0));
  const rows = values.map((one, i) => {
    const number = places > 1 ? (one.place ?? i + 1) : undefined;
    return html`<tr>
      <th scope="row">${fieldWords[field]}${number === undefined ? '' : ` ${countText(number)}`}</th>
      <td>${heldHtml(field, one.value)}${besideHtml(field, one)}</td>
      <td class="time">${momentHtml(one.capturedAt)}</td>
    </tr> `;
  });
  if (rows.length > 0) return html`${rows}`;
  if (!notHeld.includes(field)) return undefined;
  return html`<tr>
    <th scope="row">${fieldWords[field]}</th>
    <td colspan="2" class="none">نزد ما نیست</td>
  </tr> `;
}

function besideHtml(field: Field, { extension, primary }: DisclosedValue): Html {
  return html`${extension === undefined ? undefined : html`، داخلی ${heldHtml(field, extension)}`}${
    primary === true ? html` <small>(شمارهٔ اصلی)</small>` : undefined
  }`;
}

function footHtml(exportId: string, sha256: string): Html {
  return html`<footer>
    <dl>
      <div>
        <dt>شناسهٔ سند</dt>
        <dd>${codeHtml(exportId)}</dd>
      </div>
      <div>
        <dt>چکیدهٔ ${latinHtml('SHA-256')} نسخهٔ ماشین‌خوان</dt>
        <dd>${codeHtml(sha256)}</dd>
      </div>
    </dl>
    <p>
      این سند تنها داده‌هایی را دارد که در محدودهٔ دستور بوده است. رقم‌ها فارسی و برخی شماره‌ها دسته‌دسته نوشته شده‌اند؛
      متن دقیق هر مقدار در نسخهٔ ماشین‌خوانِ همین پرونده (${latinHtml('JSON')}، بخش ${latinHtml('amanat-export')}) است و
      چکیدهٔ بالا از همان نسخه گرفته شده است. زمان‌ها به وقت تهران است.
    </p>
  </footer>`;
}
