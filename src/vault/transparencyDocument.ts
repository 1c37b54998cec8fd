import { letterheadHtml } from './letterhead.ts';
import { authorityWords, groundWords, kindWords, outcomeWords, wordFor } from './persianWords.ts';
import { countText, dayHtml, textHtml } from './persianText.ts';
import { html, printedPage, type Html } from './printedPage.ts';
import { toPersianDigits } from '../formats/jalali.ts';

/** Orders of one kind, authority and outcome, and how many there were. */
export interface OrdersCounted {
  /** production, preservation … */
  readonly kind: string;
  /** judicial, administrative, officer, the ground of what rests on no order, or a name in Persian. */
  readonly authority: string;
  /** executed, rejected … */
  readonly outcome: string;
  readonly count: number;
}

/** One year of orders and disclosures, in counts. */
export interface TransparencyReport {
  /** Who held the data, in Persian. */
  readonly controller: string;
  /** Jalali year, 1404. */
  readonly year: number;
  /** ISO days in Tehran, both included. */
  readonly from: string;
  readonly to: string;
  /** RFC 3339. */
  readonly madeAt: string;
  readonly orders: readonly OrdersCounted[];
  /** Packages that left, and the persons in them. */
  readonly disclosures: { readonly packages: number; readonly persons: number };
}

/** The yearly report to publish. It has counts and nothing that is about a person. */
export function transparencyDocument(report: TransparencyReport): string {
  const { year, orders, controller, madeAt, disclosures } = report;
  const title = `گزارش شفافیت سال ${toPersianDigits(String(year))}`;
  const total = sumOf(orders);
  return printedPage(
    title,
    { running: title, identifiers: [`${report.from} / ${report.to}`] },
    html`${letterheadHtml({ from: controller, title, subtitle: 'دستورها و داده‌های ارائه‌شده', at: madeAt })}
      <p>
        این گزارش دستورهایی را می‌شمارد که از ${dayHtml(report.from)} تا ${dayHtml(report.to)} ثبت شده است. در آن نام و
        دادهٔ هیچ شخصی نیست.
      </p>
      <ul class="counts">
        <li><b>${countText(total)}</b>دستور</li>
        <li><b>${countText(disclosures.packages)}</b>بستهٔ تحویل‌شده</li>
        <li><b>${countText(disclosures.persons)}</b>شخص در بسته‌ها</li>
      </ul>
      ${countedHtml('به تفکیک نوع', 'نوع', kindWords, orders, ({ kind }) => kind)}
      ${countedHtml('به تفکیک مرجع', 'مرجع', { ...groundWords, ...authorityWords }, orders, ({ authority }) => authority)}
      ${countedHtml('به تفکیک نتیجه', 'نتیجه', outcomeWords, orders, ({ outcome }) => outcome)}
      ${orders.length === 0 ? html`<p>در این سال دستوری ثبت نشده است.</p>` : undefined}`,
  );
}

/** Counts under one heading, the most first, and their sum. */
function countedHtml(
  heading: string,
  name: string,
  words: Readonly<Record<string, string>>,
  orders: readonly OrdersCounted[],
  by: (order: OrdersCounted) => string,
): Html | undefined {
  if (orders.length === 0) return undefined;
  const sums = new Map<string, number>();
  for (const order of orders) sums.set(by(order), (sums.get(by(order)) ?? 0) + order.count);
  const rows = [...sums].sort(([one, many], [other, more]) => more - many || (one < other ? -1 : 1));
  return html`<h2>${heading}</h2>
    <table>
      <colgroup>
        <col />
        <col class="count" />
      </colgroup>
      <thead>
        <tr>
          <th scope="col">${name}</th>
          <th scope="col">شمار</th>
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ([key, count]) =>
            html`<tr>
              <th scope="row">${textHtml(wordFor(words, key))}</th>
              <td>${countText(count)}</td>
            </tr> `,
        )}
      </tbody>
      <tfoot>
        <tr>
          <th scope="row">جمع</th>
          <td>${countText(sumOf(orders))}</td>
        </tr>
      </tfoot>
    </table>`;
}

function sumOf(orders: readonly OrdersCounted[]): number {
  return orders.reduce((sum, { count }) => sum + count, 0);
}
