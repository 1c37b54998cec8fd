import { accepted, foldDigits, foldIdentifier, rejected } from './identifier.ts';
import type { Parsed } from './identifier.ts';
import { checkText, storedText } from './text.ts';

/**
 * شماره پرونده: 16 digits in the older judicial numbering, 18 in the present one. Administrative bodies number
 * differently, so anything else up to 64 characters is taken with the warning `unusual_case_number`.
 */
export function parseCaseNumber(input: string): Parsed {
  const fault = checkText(input, { max: 64, kind: 'text' });
  if (fault !== undefined) return rejected(fault);
  const digits = foldIdentifier(input);
  if (/^(?:\d{16}|\d{18})$/.test(digits)) return accepted(digits);
  return accepted(foldDigits(storedText(input)), ['unusual_case_number']);
}
