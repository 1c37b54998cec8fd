/** HTML from text that is ours but is escaped all the same. Right-to-left runs are isolated from what is around them. */

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const rightToLeft = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/u;
/** Words that follow each other, without what stands around them. */
const rightToLeftRun = /[\u0590-\u08ff]+(?:[\s\u200c]+[\u0590-\u08ff]+)*/gu;

export function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? '');
}

/** Escaped, and in a `bdi` of its own when it has right-to-left letters. */
export function isolated(text: string): string {
  return rightToLeft.test(text) ? `<bdi>${escape(text)}</bdi>` : escape(text);
}

/** Paragraphs with `code`, **strong** and bare references to our own pages, as descriptions are written in. */
export function prose(text: string): string {
  const paragraphs = text.trim().split(/\n\s*\n/);
  return paragraphs.map((paragraph) => `<p>${inline(paragraph.replaceAll('\n', ' '))}</p>`).join('\n');
}

/** One paragraph of it; words in Persian are isolated where they stand. */
export function inline(text: string): string {
  return escape(text)
    .replace(rightToLeftRun, (run) => `<bdi lang="fa">${run}</bdi>`)
    .replace(/`([^`]+)`/g, '<code>$1</code>')
    .replace(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>')
    .replace(/(?<=^|\s)\/docs\/problems(?=\s|$)/g, '<a href="/docs/problems">/docs/problems</a>');
}

/** A value as indented JSON; each string stands by itself, so that Persian does not carry the punctuation away. */
export function jsonHtml(value: unknown, indent = ''): string {
  if (Array.isArray(value))
    return block(
      '[',
      ']',
      indent,
      value.map((item) => jsonHtml(item, `${indent}  `)),
    );
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(
      ([name, inner]) => `${escape(JSON.stringify(name))}: ${jsonHtml(inner, `${indent}  `)}`,
    );
    return block('{', '}', indent, members);
  }
  return isolated(JSON.stringify(value));
}

function block(open: string, close: string, indent: string, items: readonly string[]): string {
  if (items.length === 0) return open + close;
  return `${open}\n${items.map((item) => `${indent}  ${item}`).join(',\n')}\n${indent}${close}`;
}
