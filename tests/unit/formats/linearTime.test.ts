/**
 * 100 kB of the worst text goes through every validator in a small part of what a quadratic pass over as much takes on the
 * same machine, however slow and busy that is: a linear pass takes a fiftieth of it at most.
 */
import { beforeAll, describe, expect, it } from 'vitest';

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

function once(run: () => unknown): number {
  const start = performance.now();
  run();
  return performance.now() - start;
}

/** The fastest of three: what the code takes, not what else the machine was doing. */
function milliseconds(run: () => unknown): number {
  return Math.min(once(run), once(run), once(run));
}

describe('100 kB of hostile text', () => {
  /** Milliseconds of putting marks in order, each compared with those before it (Unicode Standard, section 3.11). */
  let quadratic: number;

  beforeAll(() => {
    quadratic = once(() => marks.normalize('NFC'));
  });

  for (const [name, validate] of Object.entries(validators)) {
    it(name, () => {
      for (const [i, text] of hostile.entries())
        expect(
          milliseconds(() => validate(text)),
          `${i}`,
        ).toBeLessThan(quadratic / 8);
    });
  }

  it('control: an expression that goes back over each blank is found, even with half as many', () => {
    const goesBack = once(() => /\s+$/.test(`${fill(' ').slice(size / 2)}x`));
    expect(goesBack).toBeGreaterThan(quadratic / 8);
  });
});
