/** The one style sheet of the documentation pages. Its hash stands in their Content-Security-Policy. */
export const docsStyle = `
:root { color-scheme: light dark; --text: #1d2430; --soft: #586174; --page: #fff; --box: #f4f6f9; --line: #dce1e9;
  --link: #0b5cad; --get: #0b6e4f; --post: #0b5cad; --patch: #8a5300; --must: #a52222; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e4e8ef; --soft: #9ea8b9; --page: #14181f; --box: #1d232d; --line: #333c4a;
    --link: #7ab8ff; --get: #5fd3a8; --post: #7ab8ff; --patch: #f0b45f; --must: #ff9b9b; }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0; color: var(--text); background: var(--page); font: 16px/1.6 system-ui, 'Segoe UI', 'Noto Sans', sans-serif;
  overflow-wrap: anywhere; }
[lang='fa'] { font-family: Vazirmatn, 'Noto Sans Arabic', 'Noto Naskh Arabic', Tahoma, system-ui, sans-serif; line-height: 1.9; }
a { color: var(--link); text-decoration: none; }
a:hover, a:focus { text-decoration: underline; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -999rem; }
.skip:focus { position: static; }
header, main, footer, body > nav { max-width: 56rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 1.5rem; }
h1 { margin: 0; font-size: 1.9rem; line-height: 1.3; }
h1 small { color: var(--soft); font-size: 1rem; font-weight: normal; }
h2 { margin: 3rem 0 .5rem; padding-top: 1rem; border-top: 2px solid var(--line); font-size: 1.5rem; }
h3 { margin: 0 0 .25rem; font-size: 1.2rem; }
h3 a { color: inherit; }
h4 { margin: 1.25rem 0 .25rem; font-size: 1rem; }
p { margin: .5rem 0; }
.intro { margin: 1rem 0; padding: .75rem 1rem; border-radius: .5rem; background: var(--box); }
article { margin: 1.5rem 0; padding-top: 1.5rem; border-top: 1px solid var(--line); }
code, pre { font-family: ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, Vazirmatn, 'Noto Sans Arabic', monospace; font-size: .875em; }
pre { overflow-x: auto; margin: .5rem 0; padding: .75rem 1rem; border-radius: .5rem; background: var(--box); overflow-wrap: normal;
  line-height: 1.5; }
pre code { font-size: .8125rem; }
.call { display: flex; flex-wrap: wrap; gap: .5rem; align-items: baseline; }
.method { padding: 0 .5rem; border: 1px solid currentColor; border-radius: .25rem; font-size: .75rem; font-weight: bold; }
.get { color: var(--get); }
.post { color: var(--post); }
.patch { color: var(--patch); }
.who, .kind, .note, .choice { color: var(--soft); }
.who, .kind { font-size: .875rem; }
.must { color: var(--must); font-size: .8125rem; }
.name { font-weight: bold; }
ul.fields, ul.variants { margin: .25rem 0; padding: 0 0 0 1rem; list-style: none; border-left: 2px solid var(--line); }
ul.fields > li, ul.variants > li { margin: .3rem 0; }
.variant { font-weight: bold; }
details { margin: .5rem 0; padding: .25rem .75rem; border: 1px solid var(--line); border-radius: .5rem; }
summary { cursor: pointer; }
.good { color: var(--get); }
dl { margin: .5rem 0; }
dt { margin-top: .5rem; }
dd { margin: 0 0 0 1.25rem; }
dl.refusals { display: grid; grid-template-columns: max-content 1fr; gap: .25rem .75rem; font-size: .9375rem; }
dl.refusals dt, dl.refusals dd { margin: 0; }
.contents ul { margin: .25rem 0; padding: 0 0 0 1rem; list-style: none; }
.contents > ul { padding: 0; columns: 17rem; }
.contents > ul > li { break-inside: avoid; margin-bottom: .75rem; }
section.problem { margin: 1.25rem 0; }
section.problem:target, article:target { outline: 2px solid var(--link); outline-offset: .5rem; border-radius: .25rem; }
footer { margin-top: 3rem; padding-bottom: 3rem; color: var(--soft); }
@media print { details > * { display: block; } }
`;
