import { createHash } from 'node:crypto';
import { problems, type Code } from '../errors.ts';
import { advice } from './advice.ts';
import { readDescription, type Description } from './docsDescription.ts';
import { operationHtml } from './docsOperation.ts';
import { sharedHtml } from './docsSchema.ts';
import { docsStyle } from './docsStyle.ts';
import { escape, inline, prose } from './docsText.ts';

const styleHash = createHash('sha256').update(docsStyle).digest('base64');

/** The pages load nothing, run nothing, and are styled by their own style sheet alone. */
export const docsHeaders: Readonly<Record<string, string>> = {
  'Content-Security-Policy': `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
};

const introduction = `<section class="intro" lang="fa" dir="rtl" aria-label="معرفی">
<p><strong>امانت</strong> صندوقی برای داده‌های شخصی مشتریان و سفارش‌های یک فروشگاه است. سامانه‌های دیگر فروشگاه تنها یک شناسهٔ
بی‌معنا نگه می‌دارند؛ کد ملی، کد اقتصادی، شماره تلفن، نشانی، شماره شبا و مشخصات کسانی که بسته را به جای مشتری تحویل می‌گیرند
اینجا نگهداری می‌شود، هر مقدار جداگانه رمزشده.</p>
<p>هر مقدار فقط به نقشی نشان داده می‌شود که هدفی اعلام‌شده و کاری باز دارد که به آن نیازمند است؛ دیگران نمای پوشیده می‌بینند و
دلیل آن را. پیش از هر پاسخ، خودِ خواندن ثبت می‌شود. هیچ داده‌ای بدون دستور قانونیِ ثبت‌شده و تأیید نفر دوم به بیرون داده
نمی‌شود.</p>
</section>`;

/** The whole API as one page: overview, calls, shared shapes, problems. */
export function docsPage(openapi: string): string {
  const api = readDescription(openapi);
  const { title, summary, version, description } = api.info;
  return pageHtml(
    `${title} API`,
    `<header>
<h1>${escape(title)} <small>${escape(version)}</small></h1>
<p>${escape(summary)}</p>
${introduction}
</header>
<nav class="contents" aria-label="Contents">
<h2>Contents</h2>
${contentsHtml(api)}
</nav>
<main id="main">
<h2 id="overview">Overview</h2>
${prose(description)}
<p>The examples are for a shell in which <code>VAULT</code> is the vault's address (<code>http://127.0.0.1:8787</code>),
<code>TOKEN</code> an access token and <code>ID</code> a record's id. The same description for programs:
<a href="/openapi.yaml">openapi.yaml</a>.</p>
${scopesHtml(api)}
${api.tags.map((tag) => tagHtml(api, tag)).join('\n')}
${shapesHtml(api)}
<h2 id="problems">Problems</h2>
${problemsHtml()}
</main>`,
  );
}

/** Where the `type` of a problem points: each code, what it means, and what to do next. */
export function problemsPage(): string {
  return pageHtml(
    'Amanat: problem codes',
    `<header>
<h1>Problem codes</h1>
<p>The <code>code</code> of every <code>application/problem+json</code> answer, and what to do next. The
<a href="/docs">API reference</a> says which call answers which.</p>
</header>
<main id="main">
${problemsHtml()}
</main>`,
  );
}

function pageHtml(title: string, body: string): string {
  return `<!doctype html>
<html lang="en" dir="ltr">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<style>${docsStyle}</style>
</head>
<body>
<a class="skip" href="#main">To the text</a>
${body}
<footer><p>Amanat keeps what people entrust to a shop.</p></footer>
</body>
</html>
`;
}

const tagId = (name: string): string => `tag-${name.toLowerCase().replaceAll(' ', '-')}`;

function contentsHtml(api: Description): string {
  const groups = api.tags.map(({ name }) => {
    const calls = api.operations.filter(({ tags }) => tags.includes(name));
    const links = calls.map(({ operationId, summary }) => `<li><a href="#${operationId}">${escape(summary)}</a></li>`);
    return `<li><a href="#${tagId(name)}"><strong>${escape(name)}</strong></a><ul>${links.join('')}</ul></li>`;
  });
  const rest = [
    ['overview', 'Overview'],
    ['scopes', 'Tokens and scopes'],
    ['shapes', 'Shared shapes'],
    ['problems', 'Problems'],
  ].map(([id, name]) => `<li><a href="#${id}">${name}</a></li>`);
  return `<ul><li><strong>Guide</strong><ul>${rest.join('')}</ul></li>${groups.join('\n')}</ul>`;
}

function scopesHtml({ components }: Description): string {
  const { description, flows } = components.securitySchemes.oauth2;
  const rows = Object.entries(flows.clientCredentials.scopes).map(
    ([scope, meaning]) => `<dt><code>${escape(scope)}</code></dt><dd>${escape(meaning)}</dd>`,
  );
  return `<h2 id="scopes">Tokens and scopes</h2>\n${prose(description)}\n<dl class="refusals">\n${rows.join('\n')}\n</dl>`;
}

function tagHtml(api: Description, { name, description }: Description['tags'][number]): string {
  const calls = api.operations.filter(({ tags }) => tags.includes(name));
  return `<section>
<h2 id="${tagId(name)}">${escape(name)}</h2>
${prose(description)}
${calls.map((call) => operationHtml(api, call)).join('\n')}
</section>`;
}

function shapesHtml(api: Description): string {
  const shapes = [...api.shared].map(
    (name) => `<article id="schema-${name}">\n<h3>${escape(name)}</h3>\n${sharedHtml(api, name)}\n</article>`,
  );
  return `<h2 id="shapes">Shared shapes</h2>\n${shapes.join('\n')}`;
}

function problemsHtml(): string {
  const codes = Object.keys(problems) as Code[];
  return codes.map((code) => problemHtml(code)).join('\n');
}

function problemHtml(code: Code): string {
  const { status, title } = problems[code];
  return `<section class="problem" id="${code}">
<h3><a href="#${code}"><code>${code}</code></a></h3>
<p><b>${status}</b> ${escape(title)}.</p>
<p>${inline(advice[code])}</p>
</section>`;
}
