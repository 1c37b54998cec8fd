import { describe, expect, it } from 'vitest';

import { synthetic } from '../../../src/cli/synthetic.ts';
import { guardPool, places } from '../../../src/cli/syntheticPools.ts';
import { containsCardData } from '../../../src/formats/card.ts';
import { economicCodeMatches } from '../../../src/formats/economicCode.ts';
import { areaCodes } from '../../../src/formats/landline.ts';
import { parseLocation } from '../../../src/formats/location.ts';
import { parsePostalCode } from '../../../src/formats/postalCode.ts';
import { checkText } from '../../../src/formats/text.ts';

describe('synthetic people', () => {
  it('are the same for the same seed and others for another', () => {
    const bodies = (seed: number) => {
      const made = synthetic(seed);
      return [made.naturalCustomer(), made.legalCustomer(), made.foreignCustomer(), made.recipient()];
    };
    expect(bodies(1)).toEqual(bodies(1));
    expect(bodies(1)).not.toEqual(bodies(2));
  });

  it('have valid values from the pools, each identifier once', () => {
    const made = synthetic(3);
    const seen = new Set<string>();
    const once = (value: string) => {
      expect(seen.has(value)).toBe(false);
      seen.add(value);
    };
    for (let n = 0; n < 2000; n++) {
      const person = made.naturalCustomer();
      guardPool('nationalId', person.fields.nationalId);
      guardPool('email', person.fields.email);
      guardPool('iban', person.fields.iban);
      const numbers = person.phones.map(({ number }) => number);
      [person.externalRef, ...numbers].forEach(once);
      [person.fields.nationalId, person.fields.email, person.fields.iban].forEach(once);
      const texts = [
        person.fields.givenName,
        person.fields.familyName,
        ...Object.values(person.addresses[0]?.address ?? {}),
      ];
      for (const text of texts) {
        expect(checkText(text, { max: 100, kind: 'text' })).toBeUndefined();
        expect(containsCardData(text)).toBe(false);
      }
      for (const { postalCode, location } of person.addresses) {
        expect(parsePostalCode(postalCode)).toMatchObject({ ok: true, warnings: [] });
        expect(postalCode).toMatch(/^[13-9]{2}[1346789]{3}000[0134-9]{2}$/);
        expect(parseLocation(location).ok).toBe(true);
      }
    }
  });

  it('firms carry their own economic code, and landlines last beyond the pool', () => {
    const made = synthetic(4);
    for (let n = 0; n < 9000; n++) {
      const { fields, phones } = made.legalCustomer();
      expect(economicCodeMatches(fields.economicCode, fields)).toBe(true);
      expect(phones.map(({ kind }) => kind)).toEqual(n < 8000 ? ['mobile', 'landline'] : ['mobile']);
    }
    for (let n = 0; n < 8000; n++) made.landline();
    expect(() => made.landline()).toThrow(RangeError);
  });

  it('live in places that the area codes know', () => {
    for (const { province, areaCode } of places) expect(areaCodes.get(areaCode)).toBe(province);
  });

  it('the guard refuses what could be somebody’s, and never repeats it', () => {
    guardPool('nationalId', '9901234565');
    for (const [kind, value] of [
      ['nationalId', '0090100001'],
      ['nationalId', '9901234566'],
      ['legalNationalId', '10380284790'],
      ['foreignerId', '120000001234'],
      ['iban', 'IR580540105180021273113007'],
      ['mobile', '09121234567'],
      ['landline', '02188990001'],
      ['landline', '02199991000'],
      ['email', 'a@example.ir'],
    ] as const) {
      expect(() => guardPool(kind, value), value).toThrow(`${kind} is outside the synthetic pools`);
    }
  });
});
