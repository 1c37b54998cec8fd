import { accepted, rejected } from './identifier.ts';
import type { Parsed } from './identifier.ts';
import { nationalNumber } from './phone.ts';

/**
 * A mobile number to E.164 (`+98` and ten digits that start with 9). Operators' prefixes are not looked up: numbers are
 * portable and the lists go stale.
 */
export function parseMobile(input: string): Parsed {
  const number = nationalNumber(input);
  if (!number.ok) return rejected(number.reason);
  if (number.digits.length !== 10) return rejected('length');
  if (!number.digits.startsWith('9')) return rejected('not_mobile');
  return accepted(`+98${number.digits}`);
}

/** The way it is written at home: `+989701234567` as `09701234567`. */
export function showMobile(canonical: string): string {
  return canonical.replace(/^\+98/, '0');
}
