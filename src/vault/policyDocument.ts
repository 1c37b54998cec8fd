import type { ArchivedVersion, PolicyHistory } from './policyArchive.ts';
import { factsHtml, listed, type Fact } from './orderFacts.ts';
import { codeHtml, contactHtml, countText, dayHtml, momentHtml, textHtml } from './persianText.ts';
import { letterheadHtml } from './letterhead.ts';
import { html, printedPage, type Html } from './printedPage.ts';
import { readableChanges, type ReadableChange } from './policyReading.ts';
import { standingOf } from './policyStatus.ts';
import { changeWords, policyStatusWords } from './policyWords.ts';
import { noticesOf } from './policyView.ts';
import { wordFor } from './persianWords.ts';

/** A version of the policy for people: what it is, since when it holds, and what changed, to read or to print. */
export function policyDocument(history: PolicyHistory, version: ArchivedVersion, at: number): string {
  const { profile, row, number } = version;
  const before = history.versions.find((one) => one.number === number - 1);
  const running = `${profile.title.fa} – نسخهٔ ${countText(number)}`;
  return printedPage(
    running,
    { running, identifiers: [version.label, `SHA-256 ${row.sourceSha256.toString('hex')}`] },
    html`${letterheadHtml({
        from: profile.controller.fa,
        title: profile.title.fa,
        subtitle: `نسخهٔ ${countText(number)}`,
        at: new Date(at).toISOString(),
      })}
      ${factsHtml(factsOf(history, version, at))}
      <h2>مستندات قانونی</h2>
      ${basisHtml(version)} ${noticesHtml(history, version)}
      ${
        before === undefined
          ? html`<p>این نخستین نسخه است.</p>`
          : changesHtml(before.number, readableChanges(before.profile, profile))
      }
      <footer>
        <dl>
          <div>
            <dt>اثر انگشت متن (SHA-256)</dt>
            <dd>${codeHtml(row.sourceSha256.toString('hex'))}</dd>
          </div>
        </dl>
      </footer>`,
  );
}

function factsOf(history: PolicyHistory, version: ArchivedVersion, at: number): readonly Fact[] {
  const { profile, row, material } = version;
  const { status, inForceFrom, inForceUntil } = standingOf(history, version, at);
  return [
    { name: 'تاریخ نسخه', value: dayHtml(profile.version.date) },
    { name: 'اعتبار به گفتهٔ متن از', value: dayHtml(profile.version.effectiveFrom) },
    { name: 'وضعیت', value: html`${policyStatusWords[status]}` },
    { name: 'انتشار', value: moment(row.publishedAt.toISOString()) },
    { name: 'تاریخ اثر', value: moment(row.effectiveFrom.toISOString()) },
    { name: 'معتبر از', value: moment(inForceFrom) },
    { name: 'معتبر تا', value: moment(inForceUntil) },
    { name: 'نوع تغییر', value: html`${material ? 'مهم' : 'جزئی'}` },
    { name: 'تماس', value: contactHtml(profile.contact), wide: true },
  ];
}

function moment(time: string | undefined): Html | undefined {
  return time === undefined ? undefined : momentHtml(time);
}

function basisHtml({ profile }: ArchivedVersion): Html {
  return html`<ul>
    ${profile.legalBasis.map(
      ({ instrument, articles, date, number }) =>
        html`<li>
          ${textHtml(instrument.fa)}${number === undefined ? undefined : html` شمارهٔ ${textHtml(number)}`}،
          ${articles.length > 1 ? 'مواد' : 'مادهٔ'} ${listed(articles)}، مصوب ${dayHtml(date)}
        </li> `,
    )}
  </ul>`;
}

function noticesHtml(history: PolicyHistory, { number, profile }: ArchivedVersion): Html {
  const notices = noticesOf(history, number);
  if (notices.length === 0)
    return html`<h2>اطلاع‌رسانی</h2>
      <p>ثبت نشده است.</p>`;
  const titles = Object.fromEntries(Object.entries(profile.notice.channels).map(([id, { title }]) => [id, title.fa]));
  return html`<h2>اطلاع‌رسانی</h2>
    <ul>
      ${notices.map(
        ({ channel, givenAt }) =>
          html`<li>${textHtml(wordFor(titles, channel))}: ${momentHtml(givenAt.toISOString())}</li> `,
      )}
    </ul>`;
}

function changesHtml(since: number, changes: readonly ReadableChange[]): Html {
  const heading = html`<h2>تغییر نسبت به نسخهٔ ${countText(since)}</h2>`;
  if (changes.length === 0)
    return html`${heading}
      <p>در قاعده‌ها تغییری نیست.</p>`;
  return html`${heading}
    <table>
      <thead>
        <tr>
          <th scope="col">جا</th>
          <th scope="col">پیش</th>
          <th scope="col">پس</th>
        </tr>
      </thead>
      <tbody>
        ${changes.map(
          ({ place, change, before, after }) =>
            html`<tr>
              <th scope="row">${textHtml(place)}</th>
              <td>${before === undefined ? changeWords[change] : textHtml(before)}</td>
              <td>${after === undefined ? changeWords[change] : textHtml(after)}</td>
            </tr> `,
        )}
      </tbody>
    </table>`;
}
