import { inflateSync } from 'node:zlib';

/**
 * Reads back what Chromium printed: the objects of the PDF, the glyphs of each page through the fonts' ToUnicode maps
 * (ISO 32000-1, section 9.10.3), and where they stand. Enough of PDF for the files that Skia writes, and no more.
 */
interface PdfObject {
  readonly dictionary: string;
  readonly stream: Buffer | undefined;
}

/** A piece of text as it was painted, in points from the upper left corner of the page. */
interface Painted {
  readonly text: string;
  readonly x: number;
  readonly y: number;
}

type Matrix = readonly [number, number, number, number, number, number];
type Page = readonly Painted[];

interface Font {
  /** Hex digits of a glyph's code: a font of drawings (Type 3, bold made of a face that has none) has codes of one byte. */
  readonly digits: 2 | 4;
  readonly text: ReadonlyMap<number, string>;
}

const unit: Matrix = [1, 0, 0, 1, 0, 0];

function product(m: Matrix, n: Matrix): Matrix {
  return [
    m[0] * n[0] + m[1] * n[2],
    m[0] * n[1] + m[1] * n[3],
    m[2] * n[0] + m[3] * n[2],
    m[2] * n[1] + m[3] * n[3],
    m[4] * n[0] + m[5] * n[2] + n[4],
    m[4] * n[1] + m[5] * n[3] + n[5],
  ];
}

/** The pages in order. Throws where there is none, so that no test passes on a file it could not read. */
export function pagesOf(pdf: Buffer): readonly Page[] {
  const objects = objectsOf(pdf);
  const root = [...objects.values()].find(({ dictionary }) => /\/Type \/Catalog\b/.test(dictionary));
  const pages = root === undefined ? [] : leavesOf(objects, /\/Pages (\d+) 0 R/.exec(root.dictionary)?.[1] ?? '');
  if (pages.length === 0) throw new Error('no page was found in the PDF');
  return pages.map((page) => paintedOn(objects, page));
}

/** The lines of a page from top to bottom, each read from right to left, numbers as they are read, ` | ` at wide gaps. */
export function linesOf(page: Page): readonly string[] {
  const lines: Painted[][] = [];
  for (const piece of page.toSorted((a, b) => a.y - b.y)) {
    const line = lines.at(-1);
    if (line?.[0] !== undefined && Math.abs(line[0].y - piece.y) < 3) line.push(piece);
    else lines.push([piece]);
  }
  return lines.map((line) => readLine(line.toSorted((a, b) => b.x - a.x)));
}

/** Latin letters and numbers run from left to right, so a row of such pieces is turned back. */
function readLine(pieces: readonly Painted[]): string {
  const read: string[] = [];
  let run: string[] = [];
  const close = () => {
    read.push(...run);
    run = [];
  };
  for (const [i, { text, x }] of pieces.entries()) {
    const before = pieces[i - 1];
    if (before !== undefined && before.x - x > 6 * text.length + 12) {
      close();
      read.push(' | ');
    }
    if (/^[\p{Number}\p{Script=Latin}\-_@:/.]+$/u.test(text)) run.unshift(text);
    else {
      close();
      read.push(text);
    }
  }
  close();
  return read.join('').replace(/\s+/g, ' ').trim();
}

function objectsOf(pdf: Buffer): ReadonlyMap<string, PdfObject> {
  const text = pdf.toString('latin1');
  const objects = new Map<string, PdfObject>();
  for (const found of text.matchAll(/(?<=\n)(\d+) 0 obj\n/g)) {
    const start = found.index + found[0].length;
    const end = text.indexOf('endobj', start);
    const body = text.slice(start, end);
    const at = body.indexOf('stream\n');
    const dictionary = at < 0 ? body : body.slice(0, at);
    const length = Number(/\/Length (\d+)/.exec(dictionary)?.[1] ?? 0);
    const raw = pdf.subarray(start + at + 7, start + at + 7 + length);
    const stream = at < 0 ? undefined : dictionary.includes('/FlateDecode') ? inflateSync(raw) : raw;
    objects.set(found[1] ?? '', { dictionary, stream });
  }
  return objects;
}

function leavesOf(objects: ReadonlyMap<string, PdfObject>, id: string): readonly PdfObject[] {
  const node = objects.get(id);
  if (node === undefined) return [];
  if (!/\/Type \/Pages\b/.test(node.dictionary)) return [node];
  const kids = /\/Kids \[([^\]]*)\]/.exec(node.dictionary)?.[1] ?? '';
  return [...kids.matchAll(/(\d+) 0 R/g)].flatMap((kid) => leavesOf(objects, kid[1] ?? ''));
}

function paintedOn(objects: ReadonlyMap<string, PdfObject>, page: PdfObject): Page {
  const content = objects.get(/\/Contents (\d+) 0 R/.exec(page.dictionary)?.[1] ?? '')?.stream?.toString('latin1');
  const height = Number(/\/MediaBox \[0 0 [\d.]+ ([\d.]+)\]/.exec(page.dictionary)?.[1]);
  const listed = /\/Font <<(.*?)>>/s.exec(page.dictionary)?.[1] ?? '';
  const fonts = new Map(
    [...listed.matchAll(/\/(\w+) (\d+) 0 R/g)].map((font) => [font[1], fontOf(objects, font[2] ?? '')] as const),
  );
  const painted: Painted[] = [];
  const stack: Matrix[] = [];
  let [space, line, font]: [Matrix, Matrix, Font] = [unit, unit, { digits: 4, text: new Map() }];
  for (const { operator, numbers, operands } of operationsOf(content ?? '')) {
    const six = numbers.slice(-6) as unknown as Matrix;
    if (operator === 'q') stack.push(space);
    else if (operator === 'Q') space = stack.pop() ?? unit;
    else if (operator === 'cm') space = product(six, space);
    else if (operator === 'Tm') line = six;
    else if (operator === 'Td') line = product([1, 0, 0, 1, numbers.at(-2) ?? 0, numbers.at(-1) ?? 0], line);
    else if (operator === 'Tf') font = fonts.get(/\/(\w+) [\d.]+ *$/.exec(operands)?.[1] ?? '') ?? font;
    else {
      const [, , , , x, y] = product(line, space);
      const code = font.digits === 2 ? /../g : /.{4}/g;
      const codes = [...operands.matchAll(/<([0-9A-Fa-f]+)>/g)].flatMap((hex) => hex[1]?.match(code) ?? []);
      const text = codes.map((one) => font.text.get(Number.parseInt(one, 16)) ?? '\uFFFD').join('');
      painted.push({ text: text.normalize('NFKC'), x, y: height - y });
    }
  }
  return painted;
}

function operationsOf(content: string) {
  // Property lists of marked content hold text of their own, which is not painted.
  const bare = content.replace(/\/Span\s*<<.*?>>\s*BDC/gs, '');
  return [
    ...bare.matchAll(
      /([^A-Za-z]*(?:\/\w+ [\d.]+ )?[^A-Za-z]*?(?:<[0-9A-Fa-f]+>[^A-Za-z]*)*)\b(q|Q|cm|Tm|Td|Tf|Tj|TJ)\b/g,
    ),
  ].map(([, operands = '', operator = '']) => ({
    operator,
    operands,
    numbers: (operands.match(/-?\d*\.?\d+/g) ?? []).map(Number),
  }));
}

function fontOf(objects: ReadonlyMap<string, PdfObject>, id: string): Font {
  const isDrawn = /\/Subtype \/Type3\b/.test(objects.get(id)?.dictionary ?? '');
  return { digits: isDrawn ? 2 : 4, text: mapOf(objects, id) };
}

/** Glyph to text, as the font's ToUnicode map has it. */
function mapOf(objects: ReadonlyMap<string, PdfObject>, id: string): ReadonlyMap<number, string> {
  const reference = /\/ToUnicode (\d+) 0 R/.exec(objects.get(id)?.dictionary ?? '')?.[1] ?? '';
  const cmap = objects.get(reference)?.stream?.toString('latin1') ?? '';
  const map = new Map<number, string>();
  const hex = (text: string | undefined) => Number.parseInt(text ?? '', 16);
  const utf16 = (text: string) => Buffer.from(text, 'hex').swap16().toString('utf16le');
  for (const [, body = ''] of cmap.matchAll(/beginbfchar\n(.*?)endbfchar/gs)) {
    for (const [, code, text = ''] of body.matchAll(/<(\w+)> <(\w+)>/g)) map.set(hex(code), utf16(text));
  }
  for (const [, body = ''] of cmap.matchAll(/beginbfrange\n(.*?)endbfrange/gs)) {
    for (const [, first, last, start] of body.matchAll(/<(\w+)> <(\w+)> <(\w+)>/g)) {
      for (let code = hex(first); code <= hex(last); code++) {
        map.set(code, String.fromCodePoint(hex(start) + code - hex(first)));
      }
    }
  }
  return map;
}
