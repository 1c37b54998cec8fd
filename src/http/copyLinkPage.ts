import { createHash } from 'node:crypto';

/**
 * The page that a link to a copy opens. It is the same for everybody and knows nothing: the secret stands behind the `#`, which
 * the browser keeps to itself until the person presses the button, so that whatever looks at links beforehand uses none up.
 */
const script = `'use strict';
const button = document.querySelector('button');
const status = document.querySelector('[role=status]');
const link = location.hash.slice(1);
const say = (text) => { status.textContent = text; };
if (!/^[A-Za-z0-9_-]{86}$/.test(link)) { button.disabled = true; say('این پیوند کامل نیست. آن را از پیام خود دوباره باز کنید.'); }
button.addEventListener('click', async () => {
  button.disabled = true;
  history.replaceState(null, '', location.pathname);
  say('در حال آماده شدن …');
  try {
    const answer = await fetch('v1/copies/open', {
      method: 'POST', body: JSON.stringify({ link }), credentials: 'omit', cache: 'no-store', referrerPolicy: 'no-referrer',
      headers: { 'content-type': 'application/json', accept: 'text/html, application/json' },
    });
    if (answer.status === 404) return say('این پیوند دیگر باز نمی‌شود: یک بار باز شده، مهلت آن گذشته یا درست نیست.');
    if (!answer.ok) { button.disabled = false; return say('اکنون نشد. کمی بعد دوباره بزنید.'); }
    const json = answer.headers.get('content-type').startsWith('application/json');
    show(await answer.text(), json);
  } catch { button.disabled = false; say('اتصال برقرار نشد. دوباره بزنید.'); }
});
function show(text, json) {
  const kept = URL.createObjectURL(new Blob([text], { type: json ? 'application/json' : 'text/html' }));
  const save = document.createElement('a');
  save.href = kept; save.download = json ? 'amanat.json' : 'amanat.html'; save.textContent = 'نگه داشتن این رونوشت';
  if (json) { button.remove(); say('آماده است. '); status.append(save); return; }
  const page = new DOMParser().parseFromString(text, 'text/html');
  for (const meta of page.querySelectorAll('meta[http-equiv]')) meta.remove();
  document.replaceChild(document.adoptNode(page.documentElement), document.documentElement);
  const line = document.createElement('p');
  line.id = 'keep'; line.append(save);
  document.querySelector('main').prepend(line);
}
`;

const style = `:root { color-scheme: light dark }
body { font: 1.1rem/1.9 Vazirmatn, 'Noto Naskh Arabic', Tahoma, sans-serif; margin: 0; padding: 8vh 1.5rem }
main { max-width: 34rem; margin: auto }
button { font: inherit; padding: .4rem 1.6rem; cursor: pointer }
button:disabled { cursor: default }
`;

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/**
 * One script of ours runs and talks to this server alone; nothing else is loaded. Style is free, because the copy brings its own:
 * where nothing can be fetched, no style tells anybody anything.
 */
export const copyLinkHeaders: Readonly<Record<string, string>> = {
  'Content-Security-Policy': `default-src 'none'; script-src ${hashOf(script)}; style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
};

export const copyLinkPage = `<!doctype html>
<html lang="fa" dir="rtl">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<title>رونوشت داده‌های شما</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>رونوشت داده‌های شما</h1>
<p>این پیوند یک بار کار می‌کند. جایی باز کنید که دیگران صفحه را نبینند، و پس از باز شدن آن را نگه دارید.</p>
<p><button type="button">دیدن رونوشت</button></p>
<p role="status"></p>
<noscript><p>برای باز شدن رونوشت، جاوااسکریپت مرورگر باید روشن باشد.</p></noscript>
</main>
<script>${script}</script>
</body>
</html>
`;
