// Noto Naskh stands late: the digits of its common versions are those of Urdu.
const letters =
  "Vazirmatn, 'Noto Sans Arabic', 'Segoe UI', Tahoma, 'Geeza Pro', 'Noto Naskh Arabic', 'Noto Sans', sans-serif";
// Letters of Arabic script take no spacing, and these digits are even and wide enough to be counted.
const digits = "Vazirmatn, 'Segoe UI', Tahoma, 'DejaVu Sans', 'Geeza Pro', 'Noto Sans Arabic', sans-serif";
const code = "'DejaVu Sans Mono', Consolas, Menlo, monospace";

/** The one style sheet of the printed pages: an A4 letter, and a sheet of paper on a screen. Fonts are the reader's own. */
export const printedStyle = `
@page { size: A4; margin: 20mm 16mm 22mm; font: 8.5pt/1.7 ${letters}; color: #444;
  @top-right { text-align: right; vertical-align: bottom; padding-bottom: 4mm; }
  @top-left { text-align: left; vertical-align: bottom; padding-bottom: 4mm; font-weight: bold; color: #000; }
  @bottom-right { content: 'صفحهٔ ' counter(page, persian) ' از ' counter(pages, persian); width: 30%; text-align: right;
    vertical-align: top; margin-top: 3mm; padding-top: 2mm; border-top: .5pt solid #999; color: #000; }
  @bottom-left { direction: ltr; width: 70%; text-align: left; vertical-align: top; margin-top: 3mm; padding-top: 2mm; border-top: .5pt solid #999;
    white-space: pre; font: 6.5pt/1.6 ${code}; }
}
:root { color-scheme: light; --ink: #14181f; --soft: #565d68; --line: #b9bec7; --faint: #f3f4f6; }
* { box-sizing: border-box; }
html { background: #e6e8ec; }
body { margin: 0; color: var(--ink); font: 11pt/1.85 ${letters};
  overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
main { max-width: 210mm; margin: 6mm auto; padding: 16mm; background: #fff; box-shadow: 0 1px 6px #0003; }
bdi.number { font-family: ${digits}; font-size: .92em; }
bdi.code { font: .82em/1.6 ${code}; overflow-wrap: anywhere; }
.soft, small { color: var(--soft); }
small { font-size: .82em; }
.whole { white-space: nowrap; }
p { margin: .5em 0; }
.letterhead { display: grid; margin-bottom: 4mm; grid-template-columns: 1fr auto 1fr; align-items: end; gap: 4mm; padding-bottom: 4mm;
  border-bottom: 2.5pt double var(--ink); }
.letterhead h1 { grid-column: 2; margin: 0; text-align: center; font-size: 17pt; line-height: 1.5; }
.letterhead h1 small { display: block; font-size: 10.5pt; font-weight: normal; }
.letterhead .from { font-weight: bold; }
.letterhead .marks { grid-column: 3; justify-self: end; margin: 0; font-size: 9.5pt; line-height: 1.75; }
.letterhead .marks div { display: flex; gap: 1.5mm; }
.letterhead .marks dd { margin: 0; }
.letterhead .marks dt::after { content: ':'; }
h2 { margin: 7mm 0 2mm; font-size: 12pt; line-height: 1.6; break-after: avoid; }
dl.facts { display: grid; grid-template-columns: 32mm 1fr 32mm 1fr; margin: 0; border: .5pt solid var(--line); border-bottom: 0; }
dl.facts > div { display: grid; grid-template-columns: subgrid; grid-column: span 2; border-bottom: .5pt solid var(--line);
  break-inside: avoid; }
dl.facts > div.wide { grid-column: 1 / -1; }
dl.facts > div.wide dd { grid-column: 2 / -1; }
dl.facts dt, dl.facts dd { margin: 0; padding: 1mm 2.5mm; min-width: 0; }
dl.facts dt { color: var(--soft); font-size: .9em; }
ul.counts { display: flex; flex-wrap: wrap; margin: 0; padding: 0; list-style: none; border: .5pt solid var(--line); break-inside: avoid; }
ul.counts li { flex: 1 1 30mm; padding: 1.5mm 2.5mm; text-align: center; font-size: .9em; color: var(--soft); }
ul.counts b { display: block; font-size: 15pt; line-height: 1.5; color: var(--ink); }
table { width: 100%; margin: 4mm 0 0; border-collapse: collapse; table-layout: fixed; }
col.name { width: 40mm; }
col.time { width: 38mm; }
col.count, col.step { width: 24mm; }
col.staff { width: 40mm; }
col.short { width: 13%; }
col.long { width: 30%; }
thead { display: table-header-group; break-inside: avoid; break-after: avoid; }
tr { break-inside: avoid; }
tbody tr:first-child { break-after: avoid; }
th, td { padding: 1mm 2.5mm; border: .5pt solid var(--line); text-align: start; vertical-align: baseline; font-weight: normal;
  overflow: clip; }
thead th { background: var(--faint); print-color-adjust: exact; -webkit-print-color-adjust: exact; color: var(--soft); font-size: .9em; }
thead tr.title th { background: none; border-color: transparent; border-bottom-color: var(--ink); padding-inline: 0; color: var(--ink);
  font-size: 1.05em; font-weight: bold; }
thead tr.title small { font-weight: normal; }
tbody th { color: var(--soft); font-size: .95em; }
td.none { color: var(--soft); }
td.time { font-size: .9em; }
tfoot td, tfoot th { font-weight: bold; color: var(--ink); }
footer { margin-top: 8mm; padding-top: 3mm; border-top: .5pt solid var(--line); font-size: .86em; break-inside: avoid; }
footer dl { margin: 0 0 2mm; }
footer dl div { display: flex; flex-wrap: wrap; gap: 0 2mm; }
footer dt::after { content: ':'; }
footer dd { margin: 0; min-width: 0; }
pre.receipt { direction: ltr; margin: 0; padding: 2mm 3mm; border: .5pt solid var(--line); font: 6.6pt/1.55 ${code}; white-space: pre-wrap; word-break: break-all; break-inside: avoid; }
.signatures { display: grid; grid-template-columns: repeat(3, 1fr); gap: 4mm; margin-top: 3mm; }
.signatures section { display: flex; flex-direction: column; padding: 2.5mm 3mm; border: .5pt solid var(--line); break-inside: avoid; }
.signatures h3 { margin: 0 0 1mm; font-size: 10.5pt; line-height: 1.6; }
.signatures p { display: flex; gap: 1.5mm; margin: .8mm 0; font-size: .9em; }
.signatures p > b { flex: none; font-weight: normal; color: var(--soft); }
.signatures p > span { flex: 1; min-width: 0; }
.signatures p > span:empty { border-bottom: .5pt dotted #555; margin-bottom: 1.5mm; }
.signatures .sign { min-height: 24mm; margin-top: auto; padding-top: 2mm; }
@media screen and (max-width: 44rem) {
  body { font-size: 1rem; }
  main { margin: 0; padding: 5vw 4vw; box-shadow: none; }
  .letterhead, dl.facts, .signatures { grid-template-columns: minmax(0, 1fr); }
  .letterhead h1, .letterhead .from, .letterhead .marks { grid-column: 1; justify-self: stretch; text-align: start; }
  dl.facts > div, dl.facts > div.wide { display: block; grid-column: 1; }
  dl.facts dt { padding-bottom: 0; }
  dl.facts dd { padding-top: 0; }
  col.name { width: 28%; }
  col.time, col.count { width: 25%; }
  col.step { width: 14%; }
  col.staff { width: 22%; }
  th, td { padding: .35rem .4rem; }
  .cards, .cards tbody, .cards tr, .cards th, .cards td { display: block; }
  .cards col, .cards thead tr:not(.title) { display: none; }
  .cards tbody tr { margin-top: .6rem; border: .5pt solid var(--line); }
  .cards tbody th { background: var(--faint); font-weight: bold; }
  .cards tbody th, .cards tbody td { border-width: 0 0 .5pt; }
  .cards tbody td:last-child { border: 0; }
  .cards td[data-head]::before { content: attr(data-head) ': '; color: var(--soft); font-size: .9em; }
}
@media print {
  html { background: none; }
  main { max-width: none; margin: 0; padding: 0; box-shadow: none; }
}
`;
