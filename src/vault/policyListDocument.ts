import type { ArchivedVersion, PolicyHistory } from './policyArchive.ts';
import { countText, dayHtml, momentHtml } from './persianText.ts';
import { letterheadHtml } from './letterhead.ts';
import { html, printedPage, type Html } from './printedPage.ts';
import { standingOf } from './policyStatus.ts';
import { policyStatusWords } from './policyWords.ts';

/** The versions of a policy for people, newest first, each with the way to its own page. `next`: where the list goes on. */
export function policyListDocument(
  history: PolicyHistory,
  versions: readonly ArchivedVersion[],
  next: string | null,
  at: number,
): string {
  const newest = history.versions.at(-1);
  const title = newest === undefined ? 'سیاست حریم خصوصی' : newest.profile.title.fa;
  const running = `${title} – نسخه‌ها`;
  return printedPage(
    running,
    { running, identifiers: versions.map(({ label }) => label).slice(0, 1) },
    html`${letterheadHtml({
        from: newest?.profile.controller.fa ?? '',
        title,
        subtitle: 'همهٔ نسخه‌ها، تازه‌ترین نخست',
        at: new Date(at).toISOString(),
      })}
      <table>
        <thead>
          <tr>
            <th scope="col">نسخه</th>
            <th scope="col">تاریخ نسخه</th>
            <th scope="col">وضعیت</th>
            <th scope="col">تاریخ اثر</th>
            <th scope="col">نوع تغییر</th>
          </tr>
        </thead>
        <tbody>
          ${versions.map((version) => rowHtml(history, version, at))}
        </tbody>
      </table>
      ${next === null ? undefined : html`<p><a href="?format=html&amp;cursor=${next}">نسخه‌های پیشین‌تر</a></p>`}`,
  );
}

/** Beside the list: `policies` is the last part of its own path. */
function rowHtml(history: PolicyHistory, version: ArchivedVersion, at: number): Html {
  const { number, profile, row, material } = version;
  return html`<tr>
    <th scope="row"><a href="policies/${String(number)}?format=html">نسخهٔ ${countText(number)}</a></th>
    <td>${dayHtml(profile.version.date)}</td>
    <td>${policyStatusWords[standingOf(history, version, at).status]}</td>
    <td>${momentHtml(row.effectiveFrom.toISOString())}</td>
    <td>${material ? 'مهم' : 'جزئی'}</td>
  </tr> `;
}
