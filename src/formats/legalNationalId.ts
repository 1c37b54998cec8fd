import { accepted, digitsFault, foldIdentifier, rejected } from './identifier.ts';
import type { Parsed } from './identifier.ts';

const weights = [29, 27, 23, 19, 17] as const;

/** Check digit of a شناسه ملی for its first ten digits; the tenth one, plus 2, is added to each. */
export function legalNationalIdCheckDigit(ten: string): number {
  const added = Number(ten.charAt(9)) + 2;
  let sum = 0;
  for (let i = 0; i < 10; i++) sum += (Number(ten.charAt(i)) + added) * (weights[i % 5] ?? 0);
  return (sum % 11) % 10;
}

/** شناسه ملی اشخاص حقوقی: exactly 11 digits, the last a check digit. */
export function parseLegalNationalId(input: string): Parsed {
  const digits = foldIdentifier(input);
  const fault = digitsFault(digits, 11);
  if (fault !== undefined) return rejected(fault);
  if (digits.slice(3, 9) === '000000') return rejected('serial_zero');
  if (legalNationalIdCheckDigit(digits) !== Number(digits.charAt(10))) return rejected('checksum');
  return accepted(digits);
}
