import { accepted, digitsFault, foldIdentifier, rejected } from './identifier.ts';
import type { Parsed } from './identifier.ts';

/** Check digit of a کد ملی for its first nine digits. r = 1 and r = 10 give the same digit: some typing errors pass. */
export function nationalIdCheckDigit(nine: string): number {
  let sum = 0;
  for (let i = 0; i < 9; i++) sum += Number(nine.charAt(i)) * (10 - i);
  const rest = sum % 11;
  return rest < 2 ? rest : 11 - rest;
}

/**
 * کد ملی: three digits of the issuing place, six of the serial, one check digit. The issuing place is not looked up:
 * published lists lack new prefixes.
 *
 * `pad` puts lost leading zeros back on 8 or 9 digits. For imports only: in the API a mistyped short number would
 * become someone else's.
 */
export function parseNationalId(input: string, options: { pad?: boolean } = {}): Parsed {
  const folded = foldIdentifier(input);
  const digits = options.pad === true && /^\d{8,9}$/.test(folded) ? folded.padStart(10, '0') : folded;
  const fault = digitsFault(digits, 10);
  if (fault !== undefined) return rejected(fault);
  if (digits.startsWith('000')) return rejected('prefix_000');
  if (digits.slice(3, 9) === '000000') return rejected('serial_zero');
  if (nationalIdCheckDigit(digits) !== Number(digits.charAt(9))) return rejected('checksum');
  return accepted(digits);
}
