import { canonicalJson } from '../crypto/canonicalJson.ts';
import { parts, type CopyBody, type Part } from './copyContent.ts';
import type { CopiedFact, CopiedItem, CopiedRecord } from './copyRecord.ts';
import { heldHtml } from './heldValue.ts';
import { letterheadHtml } from './letterhead.ts';
import { countText, latinHtml, momentHtml, textHtml } from './persianText.ts';
import { dataHtml, html, printedPage, type Html } from './printedPage.ts';
import { clockText, keepText } from './retentionText.ts';

const title = 'رونوشت داده‌های شما';

/** A person's copy as a Persian document to read and print; the canonical JSON of the same stands in it as `#amanat-copy`. */
export function copyDocument(body: CopyBody): string {
  const { controller, madeAt, contact, policyVersion, customer, cut } = body;
  return printedPage(
    title,
    { running: title, identifiers: [policyVersion] },
    html`${letterheadHtml({ from: controller, title, at: madeAt })}
      <p>
        در این سند هر داده‌ای که دربارهٔ شما نگه می‌داریم آمده است، و کنار آن هدف از نگهداری، کسانی که ممکن است آن را
        ببینند و مدت نگهداری. برای پرسش یا اعتراض به ${latinHtml(contact)} بنویسید.
      </p>
      ${sectionHtml('حساب شما', [customer], false)}
      ${parts.map((part) => sectionHtml(headings[part], body[part], cut.includes(part)))}
      ${dataHtml('amanat-copy', canonicalJson(body))}`,
  );
}

const headings: Readonly<Record<Part, string>> = {
  orders: 'سفارش‌ها',
  invoices: 'فاکتورها',
  refundAccounts: 'حساب‌هایی که تنها برای یک بازپرداخت داده شد',
  submissions: 'داده‌های شما چگونه به دست ما رسید',
  contactPoints: 'نشانی‌های تماس، کنونی و پیشین',
  supplementaryRequests: 'اطلاعات تکمیلی سفارش‌ها',
  consents: 'موافقت‌ها و انصراف‌ها',
  acceptances: 'پذیرش سیاست حریم خصوصی',
  messages: 'پیام‌ها',
  requests: 'درخواست‌های شما',
  complaints: 'شکایت‌های شما',
  inquiries: 'پرسش‌ها و نظرهای شما',
  misuseReports: 'گزارش‌های سوء استفاده از حساب',
  feedback: 'نظرسنجی‌ها و نظرهای شما',
  accesses: 'چه بخشی داده‌های شما را دید',
};

function sectionHtml(heading: string, records: readonly CopiedRecord[], cut: boolean): Html | undefined {
  if (records.length === 0) return undefined;
  return html`<h2>${heading}</h2>
    ${cut ? html`<p>تنها ${countText(records.length)} مورد تازه‌تر در این سند آمده است.</p>` : undefined}
    ${records.map(recordHtml)}`;
}

function recordHtml({ createdAt, items, facts }: CopiedRecord): Html {
  return html`<table class="cards">
    <thead>
      <tr class="title">
        <th colspan="4">ثبت‌شده در ${momentHtml(createdAt)}</th>
      </tr>
      ${
        items.length === 0
          ? undefined
          : html`<tr>
              <th scope="col">داده</th>
              <th scope="col">مقدار</th>
              <th scope="col">هدف و گیرندگان</th>
              <th scope="col">مدت نگهداری</th>
            </tr>`
      }
    </thead>
    <tbody>
      ${items.map(itemHtml)}${facts.map(factHtml)}
    </tbody>
  </table>`;
}

function factHtml({ title: name, value, text }: CopiedFact): Html {
  const said = text ?? (typeof value === 'object' ? value.join('، ') : String(value));
  return html`<tr>
    <th scope="row">${name}</th>
    <td colspan="3">${textHtml(said)}</td>
  </tr> `;
}

function itemHtml({ field, title: name, value, purposes, recipients, retention }: CopiedItem): Html {
  return html`<tr>
    <th scope="row">${name}</th>
    <td data-head="مقدار">${heldHtml(field, value)}</td>
    <td data-head="هدف و گیرندگان">
      ${purposes.join('، ')}${recipients.length === 0 ? undefined : html`<br /><small>${recipients.join('، ')}</small>`}
    </td>
    <td data-head="مدت نگهداری">${keepText(retention.keep)} <small>${clockText(retention.clock)}</small></td>
  </tr> `;
}
