import { printedStyle } from './printedStyle.ts';

/**
 * Pages that open in any browser and print as official letters: one file, right-to-left, nothing fetched, nothing run.
 * Markup has a type of its own that only `html` makes, and `html` escapes whatever is not of that type.
 */
const markup: unique symbol = Symbol('markup');

/** A piece of a page. No text becomes one unescaped. */
export interface Html {
  readonly [markup]: string;
}

type Part = Html | string | undefined | readonly (Html | string | undefined)[];

/** Markup with values in it: texts are escaped, pieces of markup stand as they are, lists one after the other. */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return { [markup]: texts.reduce((before, text, i) => before + written(parts[i - 1]) + text) };
}

function written(part: Part): string {
  if (part === undefined) return '';
  if (typeof part === 'string') return escape(part);
  return markup in part ? part[markup] : part.map(written).join('');
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** What would turn the line around, break it or be dropped: embeddings, overrides, isolates, controls, half characters. */
const unseen = /[\u202A-\u202E\u2066-\u2069\u2028\u2029\uFEFF]|(?![\n\t])\p{Control}|\p{Surrogate}/gu;

function escape(text: string): string {
  return text.replace(unseen, codePointOf).replace(/[&<>"']/g, (character) => entities[character] ?? '');
}

/** `[U+202E]`: it stood there, and it turns nothing around. */
function codePointOf(character: string): string {
  return `[U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`;
}

/** Data for programs, in an element that no browser runs. `<` stands in JSON only within strings, where `\u003c` is the same. */
export function dataHtml(id: string, json: string): Html {
  const data = json.replaceAll('<', String.raw`\u003c`);
  return { [markup]: `<script type="application/json" id="${escape(id)}">${data}</script>` };
}

/** What stands in the margins of every printed page, beside its number. */
export interface Margins {
  /** Above, on the right, from the second page on: what this is a page of. */
  readonly running: string;
  /** Above, on the left, from the second page on: the grade of confidentiality. */
  readonly grade?: string | undefined;
  /** Below, on the left, one a line: identifiers of the document in Latin letters. */
  readonly identifiers: readonly string[];
}

/** Nothing is loaded and no script runs, also where the file is opened from a disk and no server says so. */
const policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** One self-contained HTML document in Persian. */
export function printedPage(title: string, margins: Margins, body: Html): string {
  return `<!doctype html>
<html lang="fa" dir="rtl">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="format-detection" content="telephone=no, date=no, address=no, email=no">
<title>${escape(title)}</title>
<style>${printedStyle}${marginStyle(margins)}</style>
</head>
<body>
<main>
${body[markup]}
</main>
</body>
</html>
`;
}

function marginStyle({ running, grade, identifiers }: Margins): string {
  return `@page {
  @top-right { content: ${cssText(running)}; }
  @top-left { content: ${cssText(grade ?? '')}; }
  @bottom-left { content: ${identifiers.map(cssText).join(String.raw` "\a " `)}; }
}
@page :first { @top-right { content: none; } @top-left { content: none; } }
`;
}

/** A string of CSS in which only letters and digits of ASCII stand for themselves (CSS Syntax 3, section 4.3.7). */
function cssText(text: string): string {
  const escaped = text
    .replace(unseen, codePointOf)
    .replace(/[^A-Za-z0-9 ]/gu, (character) => `\\${(character.codePointAt(0) ?? 0).toString(16)} `);
  return `"${escaped}"`;
}
