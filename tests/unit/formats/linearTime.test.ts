/**
 * 100 kB of the worst text goes through every validator in bounded time. The bound is far above what a linear pass
 * takes and far below a quadratic one; the control shows what the bare normalisation does with the same text.
 */
import { describe, expect, it } from 'vitest';

import { containsCardData } from '../../../src/formats/card.ts';
import { parseCaseNumber } from '../../../src/formats/caseNumber.ts';
import { findingsInCookie, mostCookieBytes } from '../../../src/formats/cookieSafe.ts';
import { parseEmail } from '../../../src/formats/email.ts';
import { parseIban } from '../../../src/formats/iban.ts';
import { parseDate } from '../../../src/formats/jalali.ts';
import { parseMobile } from '../../../src/formats/mobile.ts';
import { parseNationalId } from '../../../src/formats/nationalId.ts';
import { checkText, searchText, storedText } from '../../../src/formats/text.ts';

const size = 100_000;
const fill = (unit: string) => unit.repeat(Math.ceil(size / unit.length)).slice(0, size);
const marks = fill('\u0315\u0300');
const units = [
  '9',
  '۹',
  '9 ',
  '9999 ',
  '1234-5678 ',
  ' ',
  '- ',
  '9.',
  'cvv2',
  'رمز دوم ',
  '\u200C',
  ' \u200C',
  '-|',
  '٩\u200C',
  '😀',
  'a.',
];
const hostile = [...units.map(fill), marks, `9${fill(' ')}`, `a@${fill('a.')}`, `+${fill('9')}`, fill('\u0650\u064B9')];

const validators: Readonly<Record<string, (input: string) => unknown>> = {
  containsCardData,
  // Longer ones are refused before they are looked at.
  findingsInCookie: (input) => findingsInCookie(input.slice(0, mostCookieBytes)),
  checkName: (input) => checkText(input, { max: size * 2, kind: 'name' }),
  checkText: (input) => checkText(input, { max: size * 2, kind: 'text' }),
  storedText,
  searchText,
  parseNationalId: (input) => parseNationalId(input),
  parseIban,
  parseMobile,
  parseEmail,
  parseCaseNumber,
  parseDate,
};

/** The fastest of three: what the code takes, not what else the machine was doing. */
function milliseconds(run: () => unknown): number {
  const taken = Array.from({ length: 3 }, () => {
    const start = performance.now();
    run();
    return performance.now() - start;
  });
  return Math.min(...taken);
}

describe('100 kB of hostile text', () => {
  const bound = 60;

  for (const [name, validate] of Object.entries(validators)) {
    it(name, () => {
      for (const [i, text] of hostile.entries())
        expect(
          milliseconds(() => validate(text)),
          `${i}`,
        ).toBeLessThan(bound);
    });
  }

  it('control: normalising combining marks without a limit breaks the bound', () => {
    const start = performance.now();
    marks.normalize('NFC');
    expect(performance.now() - start).toBeGreaterThan(bound);
  });
});
