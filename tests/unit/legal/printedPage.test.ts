import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dataHtml, html, printedPage, type Html } from '../../../src/vault/printedPage.ts';

const attacks = [
  '<script>alert(1)</script>',
  '</title></style></script><img src=x onerror=alert(1)>',
  '<!--<script>',
  ']]><svg/onload=alert(1)>',
  '"><b onmouseover="alert(1)',
  "' autofocus onfocus='alert(1)",
  '&lt;script&gt;&#x3c;',
  '"; } body { display: none } @import url(//example.com); { "',
  String.raw`\22; } </style><script>alert(1)</script>`,
  '${alert(1)} `',
  '\u202Eevil\u202C',
  '\u2066x\u2069\u2069\u2069',
  'a\u0000b\u2028c\uFEFFd\uD800e',
];

/** What a browser makes of escaped text. */
const named: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };
const read = (markup: string) => markup.replace(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => named[name] ?? '');
const bodyOf = (page: string) => page.slice(page.indexOf('<main>\n') + 7, page.indexOf('\n</main>'));
const inBody = (body: Html) => bodyOf(printedPage('', { running: '', identifiers: [] }, body));

/** Letters that mean something to a parser of markup, more often than chance has them. */
const special = ['<', '>', '&', '"', "'", '`', '/', '=', '-', '!', ' ', '\n', ';', '{', '}', '\\'];
const texts = fc
  .array(fc.oneof(fc.constantFrom(...special, ...attacks), fc.string({ unit: 'binary' })))
  .map((parts) => parts.join(''));

describe('text in a page', () => {
  test.each(attacks)('%j is text', (attack) => {
    const written = inBody(html`<p title="${attack}">${attack}</p>`);
    expect(written.slice('<p title="'.length, -'</p>'.length).replace('">', '')).not.toMatch(/[<>"']/);
  });

  test('is read back as it was, whatever it is', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const written = inBody(html`<p>${text}</p>`).slice(3, -4);
        expect(written).not.toMatch(/[<>"']/);
        const shown = read(written).replace(/\[U\+([0-9A-F]{4})\]/g, (_, hex: string) =>
          String.fromCharCode(Number.parseInt(hex, 16)),
        );
        expect(shown).toBe(text);
      }),
    );
  });

  test('turns no line around: marks that would are spelled out, those that Persian needs stay', () => {
    expect(inBody(html`${'\u202Eabc\u2069\u0007'}`)).toBe('[U+202E]abc[U+2069][U+0007]');
    expect(inBody(html`${'می\u200Cخواهم\u200Fa\u200E\u200Db'}`)).toBe('می\u200Cخواهم\u200Fa\u200E\u200Db');
  });

  test('control: markup stands as it is, in a list too, and what is not there is nothing', () => {
    const part = html`<b>${'<'}</b>`;
    expect(inBody(html`${part}${[part, '>', undefined]}${undefined}`)).toBe('<b>&lt;</b><b>&lt;</b>&gt;');
  });

  test('a page takes no text for markup: these do not compile', () => {
    // @ts-expect-error a string is not markup
    const text = () => printedPage('', { running: '', identifiers: [] }, '<p>');
    // @ts-expect-error nor is what looks like it
    const forged: Html = { markup: '<p>' };
    // @ts-expect-error a number has no digits of its own: it is written by whoever knows how
    const counted = () => html`${1}`;
    expect([text, forged, counted]).toHaveLength(3);
  });
});

describe('the page itself', () => {
  const page = printedPage('<t>', { running: '</style>"', grade: '\\', identifiers: ['a\nb', '\u202E'] }, html``);

  test('is Persian, right-to-left, and lets nothing be fetched or run', () => {
    expect(page).toMatch(/^<!doctype html>\n<html lang="fa" dir="rtl">\n<head>\n<meta charset="utf-8">\n/);
    expect(page).toMatch(/http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'/);
    expect(page).toContain('<title>&lt;t&gt;</title>');
    expect(page).not.toMatch(/\b(?:src|href|srcset|action)=|@import|url\(|@font-face|<script/i);
  });

  test('has texts in its style as strings of letters and escapes only', () => {
    const style = page.slice(page.indexOf('<style>') + 7, page.indexOf('</style>'));
    expect(style).toContain(String.raw`content: "\3c \2f style\3e \22 "`);
    expect(style).toContain(String.raw`content: "\5c "`);
    expect(style).toContain(String.raw`content: "a\a b" "\a " "\5b U\2b 202E\5d "`);
    expect(page.match(/<\/?style>/g)).toEqual(['<style>', '</style>']);
    fc.assert(
      fc.property(texts, (text) => {
        const styled = printedPage('', { running: text, identifiers: [] }, html``);
        const [, content] = /@top-right \{ content: "([^"]*)"; \}\n {2}@top-left/.exec(styled) ?? [];
        expect(content).toMatch(/^(?:[A-Za-z0-9 ]|\\[0-9a-f]{1,6} )*$/);
      }),
    );
  });

  test('carries data that ends nothing and parses to what it was', () => {
    fc.assert(
      fc.property(texts, fc.jsonValue(), (text, value) => {
        const json = JSON.stringify({ text, value, [text]: 1 });
        const element = inBody(dataHtml('x', json));
        const [, data = ''] = /^<script type="application\/json" id="x">(.*)<\/script>$/s.exec(element) ?? [];
        expect(data).not.toContain('<');
        expect(JSON.parse(data)).toEqual(JSON.parse(json));
      }),
    );
  });
});
