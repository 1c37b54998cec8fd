import { letterheadHtml } from './letterhead.ts';
import { codeHtml, contactHtml, countText, momentHtml, textHtml } from './persianText.ts';
import { retentionWords } from './policyWords.ts';
import { wordFor } from './persianWords.ts';
import { html, printedPage, type Html } from './printedPage.ts';
import { clockText, keepText } from './retentionText.ts';
import type { HeldStatement } from './statements.ts';

const title = 'گواهی داده‌های نگهداری‌شده';

type Item = HeldStatement['orders'][number]['items'][number];
type Kept = HeldStatement['orders'][number]['kept'];

/** A statement as a Persian page, for support to print and to hand over: what is held and no value of it. */
export function statementDocument(statement: HeldStatement): string {
  const { controller, contact, madeAt, customerId, policyVersion, account, orders, invoices } = statement;
  return printedPage(
    title,
    { running: title, identifiers: [policyVersion] },
    html`${letterheadHtml({ from: controller.fa, title, at: madeAt })}
      <p>
        این گواهی می‌گوید چه قلم‌هایی دربارهٔ شما نگه می‌داریم، برای چه، چه کسانی ممکن است آنها را ببینند، تا کی و کجا.
        خود داده‌ها در آن نیست؛ رونوشت آنها را می‌توانید جداگانه بخواهید. پرسش: ${contactHtml(contact)}
      </p>
      ${sectionHtml(
        'حساب شما',
        account.since,
        account.items.map((item) => ({ item, kept: item.kept })),
      )}
      ${orders.map(({ since, items, kept }) =>
        sectionHtml(
          'سفارش',
          since,
          items.map((item) => ({ item, kept })),
        ),
      )}
      ${invoices.map(({ since, items, kept }) =>
        sectionHtml(
          'فاکتور',
          since,
          items.map((item) => ({ item, kept })),
        ),
      )}
      ${registersHtml(statement)}
      <h2>جای نگهداری</h2>
      <p>${textHtml(statement.storage.map((place) => place.title.fa).join('، '))}</p>
      <footer>
        <dl>
          <div>
            <dt>شناسهٔ شما نزد ما</dt>
            <dd>${codeHtml(customerId)}</dd>
          </div>
        </dl>
      </footer>`,
  );
}

function sectionHtml(
  heading: string,
  since: string | undefined,
  lines: readonly { readonly item: Item; readonly kept: Kept }[],
): Html {
  return html`<table class="cards">
    <thead>
      <tr class="title">
        <th colspan="4">${heading}${since === undefined ? undefined : html`، از ${momentHtml(since)}`}</th>
      </tr>
      <tr>
        <th scope="col">داده</th>
        <th scope="col">هدف</th>
        <th scope="col">کسانی که ممکن است ببینند</th>
        <th scope="col">تا کی</th>
      </tr>
    </thead>
    <tbody>
      ${lines.map(
        ({ item, kept }) =>
          html`<tr>
            <th scope="row">${textHtml(item.title.fa)}</th>
            <td data-head="هدف">${textHtml(item.purposes.map((purpose) => purpose.title.fa).join('، '))}</td>
            <td data-head="کسانی که ممکن است ببینند">
              ${textHtml(item.seenBy.map((reader) => reader.title.fa).join('، '))}
            </td>
            <td data-head="تا کی">${keptHtml(kept)}</td>
          </tr> `,
      )}
    </tbody>
  </table>`;
}

/** The day where it is known, and the rule. */
function keptHtml({ keep, clock, until }: Kept): Html {
  const rule = `${keepText(keep)} ${clockText(clock)}`;
  return until === undefined ? textHtml(rule) : html`${momentHtml(until)} <small>(${textHtml(rule)})</small>`;
}

const registerWords = {
  accesses: 'گزارش دسترسی‌ها',
  consents: 'موافقت‌ها و انصراف‌ها',
  acceptances: 'پذیرش سیاست حریم خصوصی',
  refundAccounts: 'حساب‌های بازپرداخت',
  messages: 'پیام‌ها',
  requests: 'درخواست‌ها',
  complaints: 'شکایت‌ها',
  inquiries: 'پرسش‌ها و نظرها',
  misuseReports: 'گزارش‌های سوء استفاده',
  feedback: 'نظرسنجی‌ها و نظرها',
  contactPoints: 'تأیید نشانی‌های تماس',
  supplementaryRequests: 'اطلاعات تکمیلی سفارش‌ها',
  former_states: 'پیشینهٔ ویرایش‌ها',
} as const;

function registersHtml({ registers }: HeldStatement): Html {
  return html`<h2>آنچه در دفترها آمده است</h2>
    <ul>
      ${registers.map((entry) => html`<li>${registerWords[entry.register]}${countHtml(entry)}${ruleHtml(entry)}</li> `)}
    </ul>`;
}

type Entry = HeldStatement['registers'][number];

function countHtml(entry: Entry): Html | undefined {
  return 'count' in entry ? html`: ${countText(entry.count)} مورد` : undefined;
}

function ruleHtml({ kept }: Entry): Html | undefined {
  if (kept === undefined) return undefined;
  return html` <small>(${wordFor(retentionWords, kept.class)}: ${keptHtml(kept)})</small>`;
}
