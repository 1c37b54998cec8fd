import { describe, expect, it } from 'vitest';

import { economicCodeMatches, parseEconomicCode, parseHeldEconomicCode } from '../../../src/formats/economicCode.ts';
import { parseForeignerId } from '../../../src/formats/foreignerId.ts';
import { ibanCheckDigits, parseIban } from '../../../src/formats/iban.ts';
import { foldIdentifier } from '../../../src/formats/identifier.ts';
import type { Parsed } from '../../../src/formats/identifier.ts';
import { legalNationalIdCheckDigit, parseLegalNationalId } from '../../../src/formats/legalNationalId.ts';
import { nationalIdCheckDigit, parseNationalId } from '../../../src/formats/nationalId.ts';
import { parsePostalCode } from '../../../src/formats/postalCode.ts';
import { mulberry32 } from '../../../src/cli/synthetic.ts';

const canonical = (parsed: Parsed) => (parsed.ok ? parsed.canonical : undefined);
const reason = (parsed: Parsed) => (parsed.ok ? undefined : parsed.reason);

/** Made-up digits after `prefix`, the same every run. */
function bases(prefix: string, length: number): readonly string[] {
  const random = mulberry32(7);
  return Array.from({ length: 500 }, () => {
    let base = prefix;
    while (base.length < length) base += Math.floor(random() * 10);
    return base;
  });
}

const lastDigits = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];

describe('the common first step', () => {
  it('folds digits, drops spaces, dashes, zero-width and bidi marks', () => {
    expect(foldIdentifier('\u202B۹۹٠\u00A0-\u2013\u2212 \u200C\u200D\uFEFF\u00AD\u061C\u200E12\t\u2069\u202C')).toBe(
      '99012',
    );
  });

  it('leaves every other character for the parser to refuse', () => {
    for (const other of ['.', '/', '+', 'O', '９', '१', '\u0000', '\u0640', '\u064B', '_']) {
      expect(foldIdentifier(`99${other}1`)).toBe(`99${other}1`);
      expect(reason(parseNationalId(`990123456${other}5`)), other).toBe('not_digits');
    }
  });
});

describe('national ID', () => {
  it('known answers', () => {
    for (const id of ['9901234565', '9910000172', '9923456781', '9991234500', '9977777713', '9955000041']) {
      expect(parseNationalId(id)).toEqual({ ok: true, canonical: id, warnings: [] });
    }
    expect(canonical(parseNationalId('۹۹۳۷۰۰۴۲۱۷'))).toBe('9937004217');
    expect(canonical(parseNationalId('994-008812-4'))).toBe('9940088124');
  });

  it('known refusals', () => {
    expect(reason(parseNationalId(''))).toBe('not_digits');
    expect(reason(parseNationalId('990123456'))).toBe('length');
    expect(reason(parseNationalId('99012345650'))).toBe('length');
    expect(reason(parseNationalId('9901234S65'))).toBe('not_digits');
    expect(reason(parseNationalId('1234567890'))).toBe('checksum');
    expect(reason(parseNationalId('9901234566'))).toBe('checksum');
    expect(reason(parseNationalId('0001930972'))).toBe('prefix_000');
    expect(reason(parseNationalId('9990000000'))).toBe('serial_zero');
    for (const digit of lastDigits) expect(reason(parseNationalId(digit.repeat(10)))).toBe('repeated_digit');
  });

  it('pads 8 and 9 digits for an import only, and still checks them', () => {
    expect(reason(parseNationalId('90100001'))).toBe('length');
    expect(canonical(parseNationalId('90100001', { pad: true }))).toBe('0090100001');
    expect(reason(parseNationalId('90100002', { pad: true }))).toBe('checksum');
    expect(reason(parseNationalId('9010000', { pad: true }))).toBe('length');
  });

  it('of ten last digits takes exactly one: a parser without the checksum would take all', () => {
    for (const nine of bases('99', 9)) {
      const taken = lastDigits.filter((digit) => parseNationalId(nine + digit).ok);
      expect(taken).toEqual([String(nationalIdCheckDigit(nine))]);
    }
  });
});

describe('legal national ID', () => {
  it('known answers and refusals', () => {
    for (const id of ['10380284790', '99901234564', '99914007773', '99923456700', '99940088124', '99955512390']) {
      expect(parseLegalNationalId(id)).toEqual({ ok: true, canonical: id, warnings: [] });
    }
    for (const id of ['10380284792', '10380285692', '09748208301']) {
      expect(reason(parseLegalNationalId(id))).toBe('checksum');
    }
    expect(reason(parseLegalNationalId('11111111111'))).toBe('repeated_digit');
    expect(reason(parseLegalNationalId('9990123456'))).toBe('length');
    expect(reason(parseLegalNationalId('999012345640'))).toBe('length');
    expect(reason(parseLegalNationalId('9990123456X'))).toBe('not_digits');
    expect(reason(parseLegalNationalId('99900000012'))).toBe('serial_zero');
    expect(reason(parseLegalNationalId(''))).toBe('not_digits');
  });

  it('of ten last digits takes exactly one', () => {
    for (const ten of bases('999', 10)) {
      const taken = lastDigits.filter((digit) => parseLegalNationalId(ten + digit).ok);
      expect(taken).toEqual([String(legalNationalIdCheckDigit(ten))]);
    }
  });
});

describe('foreigner ID', () => {
  it('is judged by structure only, and says so', () => {
    expect(parseForeignerId('990000001234')).toEqual({
      ok: true,
      canonical: '990000001234',
      warnings: ['checksum_none'],
    });
    expect(reason(parseForeignerId('99000000123'))).toBe('length');
    expect(reason(parseForeignerId('111111111111'))).toBe('repeated_digit');
    expect(reason(parseForeignerId(''))).toBe('not_digits');
  });
});

describe('economic code', () => {
  it('follows the declared party', () => {
    for (const code of ['99012345650001', '99234567810002', '99370042170001']) {
      expect(canonical(parseEconomicCode(code, 'natural'))).toBe(code);
    }
    expect(canonical(parseEconomicCode('99901234564', 'legal'))).toBe('99901234564');
    expect(canonical(parseEconomicCode('99912312312', 'partnership'))).toBe('99912312312');
    expect(canonical(parseEconomicCode('99000000123401', 'foreigner'))).toBe('99000000123401');
    expect(parseEconomicCode('999111222333', 'legacy')).toMatchObject({ ok: true, warnings: ['legacy'] });
  });

  it('refuses with the reason of the rule that was broken', () => {
    expect(reason(parseEconomicCode('99012345660001', 'natural'))).toBe('embedded_national_id_checksum');
    expect(reason(parseEconomicCode('99012345650000', 'natural'))).toBe('serial_zero');
    expect(reason(parseEconomicCode('9901234565001', 'natural'))).toBe('length');
    expect(reason(parseEconomicCode('99901234565', 'legal'))).toBe('checksum');
    expect(reason(parseEconomicCode('999111222333', 'legal'))).toBe('length');
    expect(reason(parseEconomicCode('99000000123400', 'foreigner'))).toBe('serial_zero');
    expect(reason(parseEconomicCode('990000001234', 'foreigner'))).toBe('length');
    expect(reason(parseEconomicCode('111111111111', 'legacy'))).toBe('repeated_digit');
    expect(reason(parseEconomicCode('99111111111101', 'foreigner'))).toBeUndefined();
    expect(reason(parseEconomicCode('11111111111101', 'foreigner'))).toBe('embedded_foreigner_id_repeated_digit');
  });

  it('belongs to its holder', () => {
    expect(economicCodeMatches('99901234564', { legalNationalId: '99901234564' })).toBe(true);
    expect(economicCodeMatches('99901234564', { legalNationalId: '99923456700' })).toBe(false);
    expect(economicCodeMatches('999111222333', { legalNationalId: '99901234564' })).toBe(true);
    expect(economicCodeMatches('99012345650001', { nationalId: '9901234565' })).toBe(true);
    expect(economicCodeMatches('99012345650001', { nationalId: '9923456781' })).toBe(false);
    expect(economicCodeMatches('99000000123401', { foreignerId: '990000001234' })).toBe(true);
    expect(economicCodeMatches('99000000123401', { foreignerId: '991122334455' })).toBe(false);
    expect(economicCodeMatches('99012345650001', {})).toBe(true);
  });

  it('given by a holder is parsed for the party the holder is', () => {
    const firm = { legalNationalId: '99901234564' };
    expect(parseHeldEconomicCode('۹۹۹۰۱۲۳۴۵۶۴', firm)).toMatchObject({ ok: true, warnings: [] });
    expect(parseHeldEconomicCode('999111222333', firm)).toMatchObject({ ok: true, warnings: ['legacy'] });
    expect(reason(parseHeldEconomicCode('99923456700', firm))).toBe('does_not_match_id');
    expect(reason(parseHeldEconomicCode('99012345650001', firm))).toBe('length');

    const person = { nationalId: '9901234565' };
    expect(parseHeldEconomicCode('99012345650001', person)).toMatchObject({ ok: true });
    expect(reason(parseHeldEconomicCode('99234567810002', person))).toBe('does_not_match_id');
    expect(reason(parseHeldEconomicCode('999111222333', person))).toBe('length');

    const foreigner = { foreignerId: '990000001234' };
    expect(parseHeldEconomicCode('99000000123401', foreigner)).toMatchObject({ ok: true, warnings: ['checksum_none'] });
    expect(reason(parseHeldEconomicCode('99112233445501', foreigner))).toBe('does_not_match_id');
    expect(parseHeldEconomicCode('99012345650001', { ...person, ...foreigner })).toMatchObject({ ok: true });
  });
});

describe('postal code', () => {
  it('known answers, warnings and refusals', () => {
    for (const code of ['1417613155', '3198600001', '8174900017', '5166900000', '9177900001', '7134600000']) {
      expect(parsePostalCode(code)).toEqual({ ok: true, canonical: code, warnings: [] });
    }
    expect(parsePostalCode('1417513155')).toMatchObject({ ok: true, warnings: ['fifth_digit_5'] });
    expect(parsePostalCode('1417613255')).toMatchObject({ ok: true, warnings: ['last_five_has_2'] });
    expect(parsePostalCode('1111613155')).toMatchObject({ ok: true, warnings: ['first_four_same'] });
    expect(parsePostalCode('1111513152')).toMatchObject({
      ok: true,
      warnings: ['first_four_same', 'fifth_digit_5', 'last_five_has_2'],
    });
    expect(reason(parsePostalCode('141761315'))).toBe('length');
    expect(reason(parsePostalCode('14176131555'))).toBe('length');
    expect(reason(parsePostalCode('1111111111'))).toBe('repeated_digit');
    expect(reason(parsePostalCode('14176A3155'))).toBe('not_digits');
    for (const code of ['1407613155', '1427613155', '0417613155', '1417213155', '1417013155']) {
      expect(reason(parsePostalCode(code))).toBe('first_five_has_0_or_2');
    }
  });
});

describe('IBAN', () => {
  it('known answers', () => {
    expect(ibanCheckDigits('0990000000000000000017')).toBe('30');
    expect(parseIban('IR300990000000000000000017')).toMatchObject({ ok: true, warnings: ['bank_unknown'] });
    expect(parseIban('IR580540105180021273113007')).toMatchObject({ ok: true, warnings: [] });
    for (const typed of [
      '300990000000000000000017',
      'ir30 0990 0000 0000 0000 0000 17',
      'IR۳۰-۰۹۹۰۰۰۰۰۰۰۰۰۰۰۰۰۰۰۰۰۱۷',
    ]) {
      expect(canonical(parseIban(typed)), typed).toBe('IR300990000000000000000017');
    }
  });

  it('known refusals', () => {
    expect(reason(parseIban('IR310990000000000000000017'))).toBe('checksum');
    expect(reason(parseIban('IR020120000000101975503009'))).toBe('checksum');
    expect(reason(parseIban('IR012345678901234567890123'))).toBe('checksum');
    expect(reason(parseIban('IR3009900000000000000000177'))).toBe('length');
    expect(reason(parseIban('30099000000000000000001'))).toBe('length');
    expect(reason(parseIban('IR30099000000000000000001O'))).toBe('not_digits');
    expect(reason(parseIban('DE89370400440532013000'))).toBe('country');
    expect(reason(parseIban('\u0131R300990000000000000000017'))).toBe('country');
    expect(reason(parseIban(''))).toBe('country');
  });

  it('of a hundred check digits takes exactly one, also where the bare modulus takes two', () => {
    for (const account of bases('099', 22)) {
      const pairs = Array.from({ length: 100 }, (_, n) => String(n).padStart(2, '0'));
      expect(pairs.filter((pair) => parseIban(`IR${pair}${account}`).ok)).toEqual([ibanCheckDigits(account)]);
    }
  });
});
