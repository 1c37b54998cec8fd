import { parseIban } from './iban.ts';
import { foldDigits } from './identifier.ts';
import { parseLandline } from './landline.ts';
import { parseLegalNationalId } from './legalNationalId.ts';
import { parseMobile } from './mobile.ts';
import { parseNationalId } from './nationalId.ts';
import { parsePostalCode } from './postalCode.ts';

/** What must not stand in a cookie, as far as its form tells. A name in Latin letters looks like any other word. */
export const cookieFindings = [
  'email',
  'mobile',
  'landline',
  'national_id',
  'legal_national_id',
  'iban',
  'postal_code',
  'persian_text',
] as const;
export type CookieFinding = (typeof cookieFindings)[number];

/** RFC 6265 section 6.1: what a browser keeps of one cookie, in bytes. */
export const mostCookieBytes = 4096;
/** A value in a token in a URL in JSON, and one more. */
const mostLayers = 4;

/**
 * What of a person stands in a cookie's value: as it is, or under percent-encoding, base64 and JSON, whatever lies within
 * what. The vault's own ids, and a token's times, are told apart before digits are looked at.
 */
export function findingsInCookie(value: string): readonly CookieFinding[] {
  const found = new Set(layersOf(value).flatMap(findingsIn));
  return cookieFindings.filter((finding) => found.has(finding));
}

/** The text, and whatever it holds in another coding. */
function layersOf(text: string): readonly string[] {
  const layers = new Set<string>();
  let outer = new Set([text]);
  for (let depth = 0; depth < mostLayers && outer.size > 0; depth += 1) {
    for (const layer of outer) layers.add(layer);
    outer = new Set([...outer].flatMap(decoded).filter((layer) => !layers.has(layer)));
  }
  return [...layers];
}

function decoded(text: string): string[] {
  const parts = [...text.matchAll(/[A-Za-z0-9+/_-]{8,}={0,2}/g)].map(([part]) => part);
  return [
    ...percentDecoded(text),
    ...escapesDecoded(text),
    ...parts.flatMap((part) => [asText(Buffer.from(part, 'base64')), asText(hexBytes(part))]),
  ].filter((layer) => layer !== undefined);
}

function percentDecoded(text: string): string[] {
  if (!text.includes('%')) return [];
  const bytes = text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  const plain = asText(Buffer.from(bytes, 'latin1'));
  return plain === undefined ? [] : [plain];
}

/** RFC 8259 section 7. */
function escapesDecoded(text: string): string[] {
  if (!text.includes('\\u')) return [];
  return [text.replace(/\\u([0-9A-Fa-f]{4})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))];
}

const hexBytes = (part: string): Buffer =>
  /^(?:[0-9a-f]{2})+$/i.test(part) ? Buffer.from(part, 'hex') : Buffer.alloc(0);

const strict = new TextDecoder('utf-8', { fatal: true });

/** Random bytes are hardly ever text; control characters are none. */
function asText(bytes: Buffer): string | undefined {
  try {
    const text = strict.decode(bytes);
    return text.length >= 4 && !/[\p{Cc}\p{Cn}]/u.test(text) ? text : undefined;
  } catch {
    return undefined;
  }
}

// Seconds since 1970, from 2017 to 2039, as a number in JSON: what a token says of its times.
const time = /(?<=":)(?:1[5-9]|2[01])\d{8}(?=[,}])/g;
const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi;

function findingsIn(layer: string): CookieFinding[] {
  const text = foldDigits(layer.replace(uuid, ' ').replace(time, '0'));
  const found: CookieFinding[] = [];
  if (/[\w.+-]@[\w-]/.test(text)) found.push('email');
  if (/\p{Script=Arabic}{2}/u.test(text.replace(/[^\p{L}]/gu, ''))) found.push('persian_text');
  if ([...text.matchAll(/IR\d{24}/gi)].some(([iban]) => parseIban(iban).ok)) found.push('iban');
  return [...found, ...numbersIn(text)];
}

/** Numbers that stand by themselves, with the spaces and hyphens that people write in them. */
function numbersIn(text: string): CookieFinding[] {
  const together = text.replace(/(?<=\d)[ \u200C-](?=\d)/g, '');
  return [text, together].flatMap((one) =>
    [...one.matchAll(/\+?\d{9,14}/g)].flatMap(({ 0: number, index }) => {
      const around = `${one.charAt(index - 1)}${one.charAt(index + number.length)}`;
      return kindsOf(number, !/[A-Za-z\d]/.test(around), !/\d/.test(around));
    }),
  );
}

/** `alone`: no letter touches it; `whole`: no further digit does, which is enough for what has a prefix of its own. */
function kindsOf(number: string, alone: boolean, whole: boolean): CookieFinding[] {
  if (!whole) return [];
  const found: CookieFinding[] = [];
  const dialled = /^(?:\+|0)/.test(number) || /^989\d{9}$/.test(number);
  if (dialled && parseMobile(number.replace(/^98/, '+98')).ok) found.push('mobile');
  if (dialled && parseLandline(number).ok) found.push('landline');
  if (alone && parseNationalId(number).ok) found.push('national_id');
  if (alone && parseLegalNationalId(number).ok) found.push('legal_national_id');
  if (alone && parsePostalCode(number).ok) found.push('postal_code');
  return found;
}
