import { clockText, jalaliDayText, textHtml } from './persianText.ts';
import { html, type Html } from './printedPage.ts';

export interface Letterhead {
  /** Whose letter it is. */
  readonly from?: string | undefined;
  readonly title: string;
  readonly subtitle?: string | undefined;
  /** RFC 3339. */
  readonly at: string;
  /** Grade of confidentiality. */
  readonly grade?: string | undefined;
}

/** The head of an official letter: the sender on the right, what it is, and its date on the left. */
export function letterheadHtml({ from, title, subtitle, at, grade }: Letterhead): Html {
  return html`<header class="letterhead">
    <div class="from">${from === undefined ? undefined : textHtml(from)}</div>
    <h1>${title}${subtitle === undefined ? undefined : html`<small>${subtitle}</small>`}</h1>
    <dl class="marks">
      <div>
        <dt>تاریخ</dt>
        <dd>${jalaliDayText(at)}</dd>
      </div>
      <div>
        <dt>ساعت</dt>
        <dd>${clockText(at)} <small>به وقت تهران</small></dd>
      </div>
      ${
        grade === undefined
          ? undefined
          : html`<div>
              <dt>طبقه‌بندی</dt>
              <dd>${grade}</dd>
            </div>`
      }
    </dl>
  </header>`;
}
