/**
 * Finds what a shop may never keep: card numbers, and CVV2, second passwords and expiry dates near digits. Every
 * pattern is anchored or looks a bounded way from where it starts, so the time is linear in the text.
 */
import { foldLetters } from './text.ts';

// Without the honorific ligatures of U+FDF0…, which are whole phrases.
const presentationForms = /[\uFB50-\uFDCF\uFE70-\uFEFC\uFF01-\uFF5E]/g;

// References are often UUIDs, and one in some hundreds has sixteen digits in a row by chance (RFC 9562: version, variant).
const uuids = /\b[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b/gi;
const anyDigit = /[0-9۰-۹٠-٩０-９]/;
// An account's number, a parcel's: whoever has one sends it with each record.
const longRun = /^[A-Za-z]*\d{17,}$/;
// A run is digits, spaces and dashes; 20 to 24 digits are a postal tracking number and are never cut into sixteens.
const betweenRuns = /[^\d\s\p{Dash_Punctuation}\u2212]+/u;
const sixteenTogether = /(?<!\d)\d{16}(?!\d)/g;
// Exactly four groups of four, set apart by the same one to three characters: not part of a chain of five or more.
const fourFours =
  /(?<!\d)(?=(\d{4}([^\p{Letter}\p{Number}]{1,3})\d{4}\2\d{4}\2\d{4})(?!\d|\2\d{4}(?!\d)))(?<!(?<!\d)\d{4}\2)/gu;

const secret = '(?:cvv2?|cvc2?|رمزدوم|رمزپویا|تاریخانقضا)';
// Three digits right before, or two soon after, in a text without spaces, marks and punctuation.
const secretNearDigits = new RegExp(`\\d{3}${secret}|${secret}\\D{0,14}\\d\\D{0,3}\\d`, 'u');

/**
 * True where the text holds a card number (16 digits that pass Luhn) or a card's secret, in any script or spacing. With the name of
 * what it is the value of before it, a secret is found as «cvv2: 123» too.
 */
export function containsCardData(text: string, name = ''): boolean {
  if (!anyDigit.test(text) && !anyDigit.test(name)) return false;
  const [own, named] = [glance(text), glance(name)];
  const digits = own.digits + named.digits;
  const maySpellSecret = isAnySecretIn(own.letters | named.letters);
  if (digits < 16 && !maySpellSecret) return false;
  if (named.digits === 0 && !maySpellSecret && longRun.test(text)) return false;
  const whole = name === '' ? text : `${name}: ${text}`;
  const written = digits >= 16 ? whole.replace(uuids, ' ') : whole;
  // Nothing but such a reference.
  if (!maySpellSecret && written !== whole && glance(written).digits < 16) return false;
  const folded = foldLetters(written.replace(presentationForms, (form) => form.normalize('NFKC')));
  if (digits >= 16 && cardNumberCandidates(folded).some(isCardNumber)) return true;
  return maySpellSecret && secretNearDigits.test(lettersAndDigits(folded));
}

/** How many digits, in any script, and which of the rarest letters of a secret's name. */
interface Glance {
  readonly digits: number;
  readonly letters: number;
}

const bit = { c: 1, v: 2, zain: 4, qaf: 8, dad: 16, form: 32 } as const;
const [c, v, zain, qaf, dad] = ['c', 'v', 'ز', 'ق', 'ض'].map((letter) => letter.charCodeAt(0));

/** What is in every name of a secret: `cv`, ز, ق with ض; or a presentation form, which could be any letter. */
const spelling = [bit.c | bit.v, bit.zain, bit.qaf | bit.dad, bit.form];

const isAnySecretIn = (letters: number): boolean => spelling.some((all) => (letters & all) === all);

/** One look at every character, since this stands before each value of each request. */
function glance(text: string): Glance {
  let digits = 0;
  let letters = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (isDigit(unit)) digits++;
    else if (unit < 0x80) {
      const lower = unit | 0x20;
      if (lower === c) letters |= bit.c;
      else if (lower === v) letters |= bit.v;
    } else if (unit === zain) letters |= bit.zain;
    else if (unit === qaf) letters |= bit.qaf;
    else if (unit === dad) letters |= bit.dad;
    else if (unit >= 0xfb50) letters |= bit.form;
  }
  return { digits, letters };
}

/** ASCII, Persian, Arabic, full width. */
function isDigit(unit: number): boolean {
  return (
    (unit >= 0x30 && unit <= 0x39) ||
    (unit >= 0x6f0 && unit <= 0x6f9) ||
    (unit >= 0x660 && unit <= 0x669) ||
    (unit >= 0xff10 && unit <= 0xff19)
  );
}

function cardNumberCandidates(folded: string): string[] {
  const written = [
    ...folded.split(betweenRuns),
    ...(folded.match(sixteenTogether) ?? []),
    ...Array.from(folded.matchAll(fourFours), ([, groups = '']) => groups),
  ];
  return written.map((candidate) => candidate.replace(/\D/g, ''));
}

function isCardNumber(digits: string): boolean {
  if (digits.length !== 16 || digits === digits.charAt(0).repeat(16)) return false;
  // ISO/IEC 7812-1 annex B (Luhn).
  let sum = 0;
  for (let i = 0; i < 16; i++) {
    const digit = Number(digits.charAt(i));
    sum += i % 2 === 1 ? digit : digit < 5 ? digit * 2 : digit * 2 - 9;
  }
  return sum % 10 === 0;
}

function lettersAndDigits(folded: string): string {
  return folded.replace(/[^\p{Letter}\p{Number}]/gu, '');
}
