/**
 * What every identifier parser answers. `canonical` is what is stored and indexed; `warnings` and `reason` are stable
 * machine codes that never carry the value.
 */
export type Parsed =
  | { readonly ok: true; readonly canonical: string; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly reason: string };

export function accepted(canonical: string, warnings: readonly string[] = []): Parsed {
  return { ok: true, canonical, warnings };
}

export function rejected(reason: string): Parsed {
  return { ok: false, reason };
}

const localDigit = /[\u06F0-\u06F9\u0660-\u0669]/g;
// White space, dashes, soft hyphen, zero-width marks, bidi controls. Anything else in an identifier is a fault, not noise.
const noise = /[\s\p{Dash_Punctuation}\u2212\u00AD\u061C\u200B-\u200F\u202A-\u202E\u2060\u2066-\u2069\uFEFF]/gu;

/** Persian (U+06F0…) and Arabic (U+0660…) digits to ASCII; the rest stays. `\d` and `Number` read ASCII only. */
export function foldDigits(text: string): string {
  return text.replace(localDigit, (digit) => String.fromCharCode(48 + (digit.charCodeAt(0) & 15)));
}

/** The first step of every identifier: ASCII digits, without spaces, hyphens, zero-width and bidi marks. */
export function foldIdentifier(input: string): string {
  return foldDigits(input).replace(noise, '');
}

/** Why `text` cannot be a number of exactly `length` digits that are not all the same. */
export function digitsFault(text: string, length: number): string | undefined {
  if (!/^\d+$/.test(text)) return 'not_digits';
  if (text.length !== length) return 'length';
  if (text === text.charAt(0).repeat(length)) return 'repeated_digit';
  return undefined;
}
