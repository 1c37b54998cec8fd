import { foldDigits } from './identifier.ts';

// UAX #15 section 12, Stream-Safe Text: no more than 30 marks on one letter. Sorting longer runs takes quadratic time.
const markFlood = /(\p{Mark}{30})\p{Mark}+/gu;
const invisible = /[\p{Default_Ignorable_Code_Point}\u0640]/gu;
const invisibleButZwnj = /(?!\u200C)[\p{Default_Ignorable_Code_Point}\u0640]/gu;

const letters: ReadonlyMap<string, string> = new Map([
  ...['ي', 'ى', 'ئ'].map((letter) => [letter, 'ی'] as const),
  ['ك', 'ک'],
  // U+06C0 does not decompose to U+0647 and a hamza, so normalisation alone leaves these five apart.
  ...['ة', 'ۀ', 'ە', 'ہ', 'ۂ', 'ھ'].map((letter) => [letter, 'ه'] as const),
  ...['أ', 'إ', 'ٱ', 'آ'].map((letter) => [letter, 'ا'] as const),
  ['ؤ', 'و'],
]);
const foldedLetter = new RegExp(`[${[...letters.keys()].join('')}]`, 'gu');
// Harakat, hamza above and below, superscript alef.
const harakat = /[\u064B-\u065F\u0670]/gu;

/** Persian spelling without its variants: NFC, Persian yeh and kaf, one space, no tatweel or invisible mark but ZWNJ. */
export function storedText(input: string): string {
  return normalised(input.replace(invisibleButZwnj, ''), 'NFC')
    .replace(/[يى]/gu, 'ی')
    .replace(/ك/gu, 'ک')
    .replace(/\s+/gu, ' ')
    .replace(/ ?\u200C[\u200C ]*/gu, '\u200C')
    .replace(/^[ \u200C]+/u, '')
    .replace(/[ \u200C]$/u, '');
}

/**
 * What two spellings of one text share: letters and digits folded, harakat and invisible marks out, lower case, one
 * space. For keys of blind indexes and for matching only; never shown, never stored in clear.
 */
export function searchText(input: string): string {
  return foldLetters(normalised(input.replace(invisible, ''), 'NFKC'))
    .replace(/\s+/gu, ' ')
    .trim();
}

/** The search key of a name: «علی‌زاده», «علی زاده» and «علیزاده» meet. */
export function nameKey(input: string): string {
  return searchText(input).replaceAll(' ', '');
}

/** The words and numbers of an address, each once, in order; «پلاک۱۲» gives two. */
export function addressTokens(input: string): readonly string[] {
  return [...new Set(searchText(input).match(/\p{Letter}+|\p{Number}+/gu))];
}

/** Digits to ASCII, Persian and Arabic letters to one form each, lower case, without harakat and invisible marks. */
export function foldLetters(text: string): string {
  return foldDigits(text)
    .replace(invisible, '')
    .replace(harakat, '')
    .replace(foldedLetter, (letter) => letters.get(letter) ?? letter)
    .toLowerCase();
}

function normalised(input: string, form: 'NFC' | 'NFKC'): string {
  return input.replace(markFlood, '$1').normalize(form);
}

/** The most code points a text may have, and whether it names someone (a name needs a letter). */
export interface TextRule {
  readonly max: number;
  readonly kind: 'name' | 'text';
}

const bidiControl = /[\u202A-\u202E\u2066-\u2069]/u;
// Line and paragraph separators break lines as much as the control characters do.
const control = /[\p{Control}\u2028\u2029]/u;
const blank = /^[\s\p{Default_Ignorable_Code_Point}\u2800]*$/u;
const formula = {
  name: /^(?:\t|[\s\p{Default_Ignorable_Code_Point}]*[=+\-@＝＋－＠])/u,
  // A floor («-1») and a telephone number («+98…») are text; what a spreadsheet would run or send on is not.
  text: /^[\s\p{Default_Ignorable_Code_Point}]*(?:[=@＝＠]|[+\-＋－](?:\p{Letter}|[([{]|[^|]*\|[^!]*!))/u,
} as const;

/**
 * Why a text cannot be kept, or undefined. What passes is kept exactly as sent: nothing is trimmed or normalised.
 * Reasons: `too_long lone_surrogate bidi_control formula control_character empty no_letter`. LRM, RLM, ZWNJ and ZWJ pass.
 */
export function checkText(input: string, rule: TextRule): string | undefined {
  if (longerThan(input, rule.max)) return 'too_long';
  if (/\p{Surrogate}/u.test(input)) return 'lone_surrogate';
  if (bidiControl.test(input)) return 'bidi_control';
  if (formula[rule.kind].test(input)) return 'formula';
  if (control.test(input)) return 'control_character';
  if (blank.test(input)) return 'empty';
  if (rule.kind === 'name' && !/\p{Letter}/u.test(input)) return 'no_letter';
  return undefined;
}

function longerThan(text: string, codePoints: number): boolean {
  // A code point is at most two units, so a huge text is refused without being counted.
  if (text.length <= codePoints || text.length > 2 * codePoints) return text.length > codePoints;
  const pairs = text.match(/[\u{10000}-\u{10FFFF}]/gu)?.length ?? 0;
  return text.length - pairs > codePoints;
}
