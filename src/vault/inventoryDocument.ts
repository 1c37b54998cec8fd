import { factsHtml } from './orderFacts.ts';
import { valueWords } from './policyValueWords.ts';
import { memberWords, retentionWords } from './policyWords.ts';
import { codeHtml, contactHtml, dayHtml, latinHtml, momentHtml, textHtml } from './persianText.ts';
import { letterheadHtml } from './letterhead.ts';
import { wordFor } from './persianWords.ts';
import type { Inventory } from './inventory.ts';
import { html, printedPage, type Html } from './printedPage.ts';
import { clockText, keepText } from './retentionText.ts';

const title = 'فهرست داده‌ها و کاربرد آنها';

/** The inventory as a Persian page: what is held, why, who may see it, until when, and where it lies. */
export function inventoryDocument(inventory: Inventory): string {
  const { controller, policyVersion, inForceFrom, versionDate, contact } = inventory;
  const facts = [
    { name: 'سیاست', value: textHtml(inventory.title.fa) },
    { name: 'تاریخ نسخه', value: dayHtml(versionDate) },
    { name: 'معتبر از', value: momentHtml(inForceFrom) },
    { name: 'تماس', value: contactHtml(contact), wide: true },
  ];
  return printedPage(
    title,
    { running: title, identifiers: [policyVersion] },
    html`${letterheadHtml({ from: controller.fa, title, at: inForceFrom })} ${factsHtml(facts)}
      <p>
        این فهرست از روی سیاست معتبر ساخته شده است: هر قلمی که در آن نیست گردآوری نمی‌شود، و هر کس که در آن نام نبرده
        نشده است آن قلم را نمی‌بیند.
      </p>
      ${(['natural', 'legal', 'recipient'] as const).map((party) => partyHtml(inventory, party))}
      ${rowsHtml('مدت نگهداری', ['دسته', 'مدت', 'پس از آن', 'بند'], retentionRows(inventory))}
      ${rowsHtml('جای نگهداری', ['جا', 'آنچه آنجاست', 'بند'], storageRows(inventory))}
      ${rowsHtml('بخش‌ها', ['بخش', 'دیدن داده', 'هدف‌ها', 'بند'], departmentRows(inventory))}
      ${rowsHtml('شرکت‌های همکار', ['شرکت', 'مجاز', 'هدف‌ها', 'بند'], processorRows(inventory))}
      ${rowsHtml('افشا به دیگران', ['مبنا', 'مجاز', 'آنچه لازم است', 'بند'], disclosureRows(inventory))}
      <footer>
        <dl>
          <div>
            <dt>نسخهٔ سیاست</dt>
            <dd>${codeHtml(policyVersion)}</dd>
          </div>
        </dl>
      </footer>`,
  );
}

type Row = readonly [Html, ...Html[]];

function partyHtml(inventory: Inventory, party: Inventory['items'][number]['party']): Html | undefined {
  const items = inventory.items.filter((item) => item.party === party);
  const rows = items.map((item): Row => [
    textHtml(item.title.fa),
    html`${wordFor(valueWords, item.class)}${item.mandatory ? '، اجباری' : '، اختیاری'}`,
    list(item.purposes.map((id) => titleOf(inventory.purposes, id))),
    html`${item.seenBy.map((seer) => html`<div>${seerHtml(inventory, seer)}</div> `)}`,
    list([...new Set(item.keptAs.map((place) => wordFor(retentionWords, place.class)))]),
    clauses(item.clauses),
  ]);
  return rowsHtml(
    wordFor(memberWords, party),
    ['داده', 'دسته', 'هدف', 'کسانی که ممکن است ببینند', 'نگهداری', 'بند'],
    rows,
    ['short', 'short', undefined, 'long', 'short', 'short'],
  );
}

/** «پشتیبانی: پوشیده، کامل با تیکت». */
function seerHtml(
  { work }: Inventory,
  { title: name, base, under }: Inventory['items'][number]['seenBy'][number],
): Html {
  const without = base === 'none' ? [] : [wordFor(valueWords, base)];
  const kinds = under.map(({ kind, withOrder, undelivered }) => {
    const limits = [...(withOrder ? ['همراه سفارش'] : []), ...(undelivered ? ['تا تحویل'] : [])].join('، ');
    return `کامل با ${titleOf(work, kind)}${limits === '' ? '' : ` (${limits})`}`;
  });
  return html`${textHtml(name.fa)}: ${list([...without, ...kinds])}`;
}

function retentionRows({ retention }: Inventory): Row[] {
  return retention.map(({ class: name, keep, clock, after, cases = [], clauses: cited }) => [
    textHtml(wordFor(retentionWords, name)),
    html`${keepText(keep)}
    ${clockText(clock)}${cases.map(({ when, keep: other }) => html`؛ ${wordFor(valueWords, when)}: ${keepText(other)}`)}`,
    html`${wordFor(valueWords, after)}`,
    clauses(cited),
  ]);
}

const holdings = { sealed_values: 'داده‌های مهروموم‌شده', keys: 'کلیدها' } as const;

function storageRows({ storage }: Inventory): Row[] {
  return storage.map(({ title: name, holds, clauses: cited }) => [
    textHtml(name.fa),
    list(holds.map((held) => holdings[held])),
    clauses(cited),
  ]);
}

function departmentRows(inventory: Inventory): Row[] {
  return inventory.departments.map((one) => workerRow(inventory, one, one.seesValues));
}

function processorRows(inventory: Inventory): Row[] {
  return inventory.processors.map((one) => workerRow(inventory, one, one.allowed));
}

type Worker = Pick<Inventory['departments'][number], 'title' | 'purposes' | 'clauses'>;

function workerRow({ purposes }: Inventory, worker: Worker, is: boolean): Row {
  const why = worker.purposes.map((id) => titleOf(purposes, id));
  return [textHtml(worker.title.fa), yes(is), list(why), clauses(worker.clauses)];
}

function disclosureRows({ disclosure }: Inventory): Row[] {
  return disclosure.map((ground) => [
    textHtml(ground.title.fa),
    yes(ground.allowed),
    list(ground.demands.map((demand) => wordFor(valueWords, demand))),
    clauses(ground.clauses),
  ]);
}

type Width = 'short' | 'long' | undefined;

function rowsHtml(
  heading: string,
  heads: readonly string[],
  rows: readonly Row[],
  widths: readonly Width[] = [],
): Html | undefined {
  if (rows.length === 0) return undefined;
  return html`<h2>${heading}</h2>
    <table class="cards">
      ${widths.map((width) => html`<col class="${width ?? 'rest'}" />`)}
      <thead>
        <tr>
          ${heads.map((head) => html`<th scope="col">${head}</th> `)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ([first, ...rest]) =>
            html`<tr>
              <th scope="row">${first}</th>
              ${rest.map((cell, i) => html`<td data-head="${heads[i + 1]}">${cell}</td> `)}
            </tr> `,
        )}
      </tbody>
    </table>`;
}

function titleOf(rules: Inventory['purposes'] | Inventory['work'], id: string): string {
  return rules.find((rule) => rule.id === id)?.title.fa ?? id;
}

const list = (texts: readonly string[]): Html => html`${textHtml(texts.join('، '))}`;
const yes = (is: boolean): Html => html`${is ? 'بله' : 'خیر'}`;
const clauses = (ids: readonly string[]): Html => latinHtml(ids.join(', '));
