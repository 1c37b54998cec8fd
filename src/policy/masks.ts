import type { Field, MaskKind, Profile } from './profile.ts';

/**
 * Masks, computed inside the vault when a record is written. Input is the canonical stored form. A mask never tells how long
 * the value is, and a value that is not of the expected form is not masked but withheld (undefined).
 */
const masks: Readonly<Record<MaskKind, (value: unknown) => unknown>> = {
  first_letter: (value) => onText(value, firstLetter),
  first_letters: (value) => onText(value, firstLetters),
  last_three: (value) => tail(value, /^\d{8,14}$/, 3),
  last_four: (value) => tail(value, /^\d{8,14}$/, 4),
  // 14 digits hold a person's ID and a serial; 11 and 12 are a legal person's.
  economic_code: (value) => tail(value, /^\d{14}$/, 3) ?? tail(value, /^\d{11,12}$/, 4),
  phone: (value) => onText(value, phone),
  email: (value) => onText(value, email),
  iban: (value) => onText(value, (text) => (/^IR\d{24}$/.test(text) ? `IR** … ${text.slice(-4)}` : undefined)),
  postal_code: (value) => onText(value, (text) => (/^\d{10}$/.test(text) ? `${text.slice(0, 5)}*****` : undefined)),
  city,
  area,
  reference: (value) => onText(value, reference),
};

/** The masked form of a canonical value, or undefined when it has none. Strings give strings, objects their own shape. */
export function mask(kind: MaskKind, value: unknown): unknown {
  return masks[kind](value);
}

/** As the profile masks this field; undefined when it names no mask or the value has none: then the field is withheld. */
export function maskField(profile: Profile, field: Field, value: unknown): unknown {
  const rule = profile.masks[field];
  return rule === undefined ? undefined : mask(rule.kind, value);
}

function onText(value: unknown, masked: (text: string) => string | undefined): string | undefined {
  return typeof value === 'string' ? masked(value) : undefined;
}

/** Always seven stars, whatever was there. */
function tail(value: unknown, form: RegExp, shown: number): string | undefined {
  return onText(value, (text) => (form.test(text) ? `*******${text.slice(-shown)}` : undefined));
}

const visible = /[^\p{C}\p{M}\p{Z}]/gu;

/**
 * `س***`. The first code point that prints by itself: never half a surrogate pair, a bidi control or a lone mark, and never a
 * pile of marks whose length would tell. A name of one letter shows none, for that would be all of it.
 */
function firstLetter(text: string): string | undefined {
  const letters = text.match(visible) ?? [];
  const [first] = letters;
  if (first === undefined) return undefined;
  return letters.length === 1 ? '***' : `${first}***`;
}

/** `س*** ک***`: first and last of the words, so that their number does not tell. */
function firstLetters(text: string): string | undefined {
  const words = text.split(/\p{Z}+/u).flatMap((word) => firstLetter(word) ?? []);
  const [first, last] = [words.at(0), words.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  return words.length === 1 ? first : `${first} ${last}`;
}

/** Mobile: `0970***4567`. Landline: area code and the last two. */
function phone(text: string): string | undefined {
  if (!/^\+98[1-9]\d{9}$/.test(text)) return undefined;
  const national = `0${text.slice(3)}`;
  return national.startsWith('09')
    ? `${national.slice(0, 4)}***${national.slice(-4)}`
    : `${national.slice(0, 3)}******${national.slice(-2)}`;
}

/** `م***@example.com`: the domain after the last @, which may stand quoted in the local part. */
function email(text: string): string | undefined {
  const at = text.lastIndexOf('@');
  const local = at < 1 ? undefined : firstLetter(text.slice(0, at));
  const domain = text.slice(at + 1);
  return local === undefined || domain === '' ? undefined : `${local}@${domain}`;
}

/** Eight wide; the last two only where at least as much again stays hidden. */
function reference(text: string): string | undefined {
  const letters = text.match(visible) ?? [];
  if (letters.length === 0) return undefined;
  return letters.length < 6 ? '********' : `******${letters.slice(-2).join('')}`;
}

function city(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  const shown = ['province', 'city'].flatMap((part) => {
    const text: unknown = Object.hasOwn(value, part) ? Reflect.get(value, part) : undefined;
    return typeof text === 'string' && text !== '' ? [[part, text] as const] : [];
  });
  return shown.length === 0 ? undefined : Object.fromEntries(shown);
}

/** One decimal of a degree, about ten kilometres. */
function area(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('lat' in value) || !('lng' in value)) return undefined;
  const [lat, lng] = [rounded(value.lat), rounded(value.lng)];
  return lat === undefined || lng === undefined ? undefined : { lat, lng };
}

function rounded(degrees: unknown): number | undefined {
  return typeof degrees === 'number' && Number.isFinite(degrees) ? Math.round(degrees * 10) / 10 : undefined;
}
