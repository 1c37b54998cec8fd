import { accepted, digitsFault, foldIdentifier, rejected } from './identifier.ts';
import type { Parsed } from './identifier.ts';

// From a regular expression copied through public repositories, without an official text: told, not refused.
const doubts: readonly (readonly [pattern: RegExp, warning: string])[] = [
  [/^(\d)\1{3}/, 'first_four_same'],
  [/^\d{4}5/, 'fifth_digit_5'],
  [/^\d{5}\d*2/, 'last_five_has_2'],
];

/** کد پستی: five digits of the route, without 0 and 2, and five of the delivery point. There is no check digit. */
export function parsePostalCode(input: string): Parsed {
  const digits = foldIdentifier(input);
  const fault = digitsFault(digits, 10);
  if (fault !== undefined) return rejected(fault);
  if (/^\d{0,4}[02]/.test(digits)) return rejected('first_five_has_0_or_2');
  return accepted(
    digits,
    doubts.filter(([pattern]) => pattern.test(digits)).map(([, warning]) => warning),
  );
}
