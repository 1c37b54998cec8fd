/**
 * Made-up people, firms and doors, the same for the same seed: for the demo, the benchmarks and the tests. Every
 * identifier is valid, unique within one generator, and guarded on its way out.
 */
import { ibanCheckDigits } from '../formats/iban.ts';
import { toPersianDigits } from '../formats/jalali.ts';
import { legalNationalIdCheckDigit, parseLegalNationalId } from '../formats/legalNationalId.ts';
import { nationalIdCheckDigit, parseNationalId } from '../formats/nationalId.ts';
import { parsePostalCode } from '../formats/postalCode.ts';
import { familyNames, givenNames, guardPool, places, streets } from './syntheticPools.ts';
import type { Place, PoolKind } from './syntheticPools.ts';

export interface SyntheticPhone {
  readonly kind: 'mobile' | 'landline';
  readonly number: string;
  readonly primary: boolean;
}

/** An invented door in a real city, as POST /v1/customers takes it. */
export type SyntheticAddress = ReturnType<typeof inventAddress>;

/** A body of POST /v1/customers. */
export interface SyntheticCustomer<Kind extends 'natural' | 'legal', Fields> {
  readonly kind: Kind;
  readonly externalRef: string;
  readonly source: 'web';
  readonly fields: Fields;
  readonly phones: readonly SyntheticPhone[];
  readonly addresses: readonly SyntheticAddress[];
}

// A thousand in each area code; only half of them go to firms, so that they last for whoever asks for one.
const landlines = places.length * 1000;

export type Synthetic = ReturnType<typeof synthetic>;

/** A generator. A method throws RangeError when its pool has no value left: 16,000 landlines, millions of the others. */
export function synthetic(seed: number) {
  const random = mulberry32(seed);
  const ids = inventIdentifiers(random);
  const name = () => ({ givenName: pick(random, givenNames), familyName: pick(random, familyNames) });
  const legalName = () => `شرکت نمونه ${between(random, 1, 99)} (سهامی خاص)`;
  const address = () => inventAddress(random);
  let firms = 0;
  const account = () => ({ email: ids.email(), iban: ids.iban() });

  function customer<Kind extends 'natural' | 'legal', Fields>(
    kind: Kind,
    fields: Fields,
  ): SyntheticCustomer<Kind, Fields> {
    const phones: SyntheticPhone[] = [{ kind: 'mobile', number: ids.mobile(), primary: true }];
    if (kind === 'legal' && firms++ < landlines / 2) {
      phones.push({ kind: 'landline', number: ids.landline(), primary: false });
    }
    return { kind, externalRef: ids.externalRef(), source: 'web', fields, phones, addresses: [address()] };
  }

  return {
    ...ids,
    name,
    legalName,
    address,
    postalCode: () => inventPostalCode(random, pick(random, places)),
    naturalCustomer: () => customer('natural', { ...name(), nationalId: ids.nationalId(), ...account() }),
    foreignCustomer: () => customer('natural', { ...name(), foreignerId: ids.foreignerId(), ...account() }),
    legalCustomer() {
      const legalNationalId = ids.legalNationalId();
      const contact = name();
      return customer('legal', {
        legalName: legalName(),
        legalNationalId,
        economicCode: legalNationalId,
        contactGivenName: contact.givenName,
        contactFamilyName: contact.familyName,
        ...account(),
      });
    },
    /** The alternate recipient of an order. */
    recipient() {
      const { givenName, familyName } = name();
      return { name: `${givenName} ${familyName}`, phone: ids.mobile(), ...address() };
    },
  };
}

function inventIdentifiers(random: () => number) {
  const nationalId = guarded('nationalId', random, 1e7, (n) => {
    const nine = `99${digits(n, 7)}`;
    const id = `${nine}${nationalIdCheckDigit(nine)}`;
    return parseNationalId(id).ok ? id : undefined;
  });
  const legalNationalId = guarded('legalNationalId', random, 1e7, (n) => {
    const ten = `999${digits(n, 7)}`;
    const id = `${ten}${legalNationalIdCheckDigit(ten)}`;
    return parseLegalNationalId(id).ok ? id : undefined;
  });
  const foreignerId = guarded('foreignerId', random, 1e8, (n) => `9900${digits(n, 8)}`);
  return {
    nationalId,
    legalNationalId,
    foreignerId,
    /** Of a holder of its own: the identifier inside is drawn like any other. */
    economicCode(party: 'natural' | 'legal' | 'foreigner'): string {
      if (party === 'legal') return legalNationalId();
      return party === 'natural' ? `${nationalId()}0001` : `${foreignerId()}01`;
    },
    mobile: guarded('mobile', random, 1e7, (n) => `0970${digits(n, 7)}`),
    /** Never dial it: the range is not verified as free. */
    landline: guarded('landline', random, landlines, (n) => {
      return `0${places[Math.floor(n / 1000)]?.areaCode}99990${digits(n % 1000, 3)}`;
    }),
    iban: guarded('iban', random, 1e7, (n) => {
      const bban = `099${digits(n, 19)}`;
      return `IR${ibanCheckDigits(bban)}${bban}`;
    }),
    email: guarded('email', random, 1e7, (n) => `person${digits(n, 7)}@example.${['com', 'org', 'net'][n % 3]}`),
    externalRef: unique(random, 1e7, (n) => `C-${digits(n, 7)}`),
  };
}

function inventAddress(random: () => number) {
  const place = pick(random, places);
  return {
    address: {
      province: place.province,
      city: place.city,
      street: pick(random, streets),
      alley: `کوچه نمونه ${toPersianDigits(String(between(random, 1, 99)))}`,
      plaque: String(between(random, 1, 199)),
      floor: String(between(random, 1, 9)),
      unit: String(between(random, 1, 20)),
    },
    postalCode: inventPostalCode(random, place),
    location: { lat: near(random, place.lat), lng: near(random, place.lng) },
  };
}

function inventPostalCode(random: () => number, place: Place): string {
  for (;;) {
    const route = pick(random, place.postalPrefixes) + letters(random, '1346789', 3);
    const code = `${route}000${letters(random, '013456789', 2)}`;
    const parsed = parsePostalCode(code);
    if (!code.endsWith('00') && parsed.ok && parsed.warnings.length === 0) return code;
  }
}

function guarded(kind: PoolKind, random: () => number, size: number, make: (n: number) => string | undefined) {
  const next = unique(random, size, make);
  return (): string => {
    const value = next();
    guardPool(kind, value);
    return value;
  };
}

/** Walks once through 0 … size-1 in steps that share no factor with it; numbers that make nothing are passed over. */
function unique(random: () => number, size: number, make: (n: number) => string | undefined): () => string {
  const step = coprimeTo(size, between(random, 1, size - 1));
  let position = between(random, 0, size - 1);
  let left = size;
  return () => {
    while (left > 0) {
      const value = make(position);
      position = (position + step) % size;
      left--;
      if (value !== undefined) return value;
    }
    throw new RangeError('the synthetic pool is used up');
  };
}

function coprimeTo(size: number, from: number): number {
  const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));
  let step = from;
  while (divisor(step, size) !== 1) step++;
  return step;
}

/** mulberry32 (Tommy Ettinger, public domain): numbers in [0, 1) that repeat for a seed. Never for secrets. */
export function mulberry32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A whole number, both ends included. */
function between(random: () => number, first: number, last: number): number {
  return first + Math.floor(random() * (last - first + 1));
}

function pick<T>(random: () => number, from: readonly T[]): T {
  const picked = from[between(random, 0, from.length - 1)];
  if (picked === undefined) throw new RangeError('nothing to pick from');
  return picked;
}

function letters(random: () => number, from: string, count: number): string {
  return Array.from({ length: count }, () => from.charAt(between(random, 0, from.length - 1))).join('');
}

/** Within about two kilometres of the centre, five decimals. */
function near(random: () => number, degrees: number): number {
  return Math.round((degrees + (random() - 0.5) * 0.04) * 1e5) / 1e5;
}

function digits(value: number, length: number): string {
  return String(value).padStart(length, '0');
}
