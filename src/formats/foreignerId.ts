import { accepted, digitsFault, foldIdentifier, rejected } from './identifier.ts';
import type { Parsed } from './identifier.ts';

/**
 * کد فراگیر اتباع: 12 digits. No public check digit is known, so only the structure is judged, and every accepted value
 * says so with the warning `checksum_none`: nobody is to take it for a verified number.
 */
export function parseForeignerId(input: string): Parsed {
  const digits = foldIdentifier(input);
  const fault = digitsFault(digits, 12);
  return fault === undefined ? accepted(digits, ['checksum_none']) : rejected(fault);
}
