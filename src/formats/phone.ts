import { foldIdentifier } from './identifier.ts';

/** What follows the trunk 0 or the country code, in ASCII digits, or why there is no such part. */
export type NationalNumber =
  { readonly ok: true; readonly digits: string } | { readonly ok: false; readonly reason: string };

/** Drops one of +98, 0098, 98 and 0. A bare 98 is a country code only where ten digits can follow it. */
export function nationalNumber(input: string): NationalNumber {
  const dialled = foldIdentifier(input).replace(/[.()]/g, '');
  if (dialled === '') return { ok: false, reason: 'length' };
  if (!/^\+?\d+$/.test(dialled)) return { ok: false, reason: 'not_digits' };
  const abroad = /^(?:\+|00)/.exec(dialled)?.[0];
  if (abroad !== undefined) {
    const number = dialled.slice(abroad.length);
    return number.startsWith('98') ? afterCountryCode(number.slice(2)) : { ok: false, reason: 'country' };
  }
  if (dialled.startsWith('0')) return { ok: true, digits: dialled.slice(1) };
  if (dialled.startsWith('98') && dialled.length >= 12) return afterCountryCode(dialled.slice(2));
  return { ok: true, digits: dialled };
}

function afterCountryCode(digits: string): NationalNumber {
  return digits.startsWith('0') ? { ok: false, reason: 'country_code_then_trunk_0' } : { ok: true, digits };
}
