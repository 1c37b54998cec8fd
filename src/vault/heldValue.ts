import { toPersianDigits } from '../formats/jalali.ts';
import type { Field } from '../policy/vocabulary.ts';
import { addressParts } from './addressParts.ts';
import { addressWords } from './persianWords.ts';
import { codeHtml, latinHtml, numberHtml, textHtml } from './persianText.ts';
import { html, type Html } from './printedPage.ts';

/** How the values of a field are written. */
const forms: Readonly<Record<Field, (value: string) => Html>> = {
  givenName: textHtml,
  familyName: textHtml,
  nationalId: numberHtml,
  foreignerId: numberHtml,
  legalName: textHtml,
  legalNationalId: numberHtml,
  economicCode: numberHtml,
  contactGivenName: textHtml,
  contactFamilyName: textHtml,
  email: latinHtml,
  iban: ibanHtml,
  mobile: phoneHtml,
  landline: phoneHtml,
  address: textHtml,
  postalCode: numberHtml,
  location: textHtml,
  externalRef: textHtml,
  recipientName: textHtml,
  recipientPhone: phoneHtml,
  recipientAddress: textHtml,
};

/** A value as it is printed: nothing is left out and nothing added, but digits are Persian and numbers are grouped. */
export function heldHtml(field: Field, value: unknown): Html {
  if (typeof value === 'string') return forms[field](value);
  if (typeof value === 'object' && value !== null) return structuredHtml(value);
  return numberHtml(String(value));
}

/** Groups of four (ISO 13616-1, print format). */
function ibanHtml(iban: string): Html {
  return latinHtml(iban.replace(/(?<=^(?:.{4})+)(?=.)/gu, ' '));
}

/** `+989701234567` as it is dialled in the country: `۰۹۷۰ ۱۲۳ ۴۵۶۷`. */
function phoneHtml(phone: string): Html {
  const parts = /^\+98(9\d{2})(\d{3})(\d{4})$/.exec(phone) ?? /^\+98(\d{2})(\d{4})(\d{4})$/.exec(phone);
  if (parts === null) return numberHtml(phone);
  return html`<bdi dir="ltr" class="number whole">${toPersianDigits(`0${parts.slice(1).join(' ')}`)}</bdi>`;
}

/** An address part by part in the order it is written in, a point on the map, or whatever else was kept, as JSON. */
function structuredHtml(value: object): Html {
  const members = Object.entries(value);
  const point = new Map<string, unknown>(members);
  if (members.length === 2 && typeof point.get('lat') === 'number' && typeof point.get('lng') === 'number') {
    return latinHtml(`${String(point.get('lat'))}, ${String(point.get('lng'))}`);
  }
  const parts = addressParts.flatMap((part) => {
    const text = point.get(part);
    return typeof text === 'string' ? [{ name: addressWords[part], text }] : [];
  });
  if (parts.length === 0 || parts.length < members.length) return codeHtml(JSON.stringify(value));
  return html`${parts.map(
    ({ name, text }, i) => html`${i === 0 ? '' : '، '}<small>${name}:</small> ${textHtml(text)}`,
  )}`;
}
