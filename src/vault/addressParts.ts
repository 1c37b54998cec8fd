import { checkText } from '../formats/text.ts';
import { parseLocation } from '../formats/location.ts';
import { parsePostalCode } from '../formats/postalCode.ts';
import type { Fault } from '../errors.ts';

/** The parts of a written address, in the order a person writes them. */
export const addressParts = [
  'province',
  'city',
  'district',
  'street',
  'alley',
  'plaque',
  'floor',
  'unit',
  'note',
] as const;
export type AddressPart = (typeof addressParts)[number];
export type Address = Readonly<Partial<Record<AddressPart, string>>>;

/** Longest value of each part, in code points. */
const longest: Readonly<Record<AddressPart, number>> = {
  province: 50,
  city: 50,
  district: 100,
  street: 200,
  alley: 200,
  plaque: 20,
  floor: 20,
  unit: 20,
  note: 200,
};

export interface Location {
  readonly lat: number;
  readonly lng: number;
}

/** A place as it is sent: address text, postal code, point on the map. */
export interface PlaceInput {
  readonly address?: Address | undefined;
  readonly postalCode?: string | undefined;
  readonly location?: Location | undefined;
}

/** A checked place: text as sent, postal code canonical. */
export interface Place {
  readonly address?: Address;
  readonly postalCode?: string;
  readonly location?: Location;
}

/** Checks a place; faults and warnings get pointers below `pointer`. Province and city are demanded of an address. */
export function checkPlace(
  place: PlaceInput,
  pointer: string,
  faults: Fault[],
  warnings: Fault[],
  check: { readonly partial?: boolean } = {},
): Place {
  const checked: { address?: Address; postalCode?: string; location?: Location } = {};
  if (place.address !== undefined) {
    checkAddress(place.address, `${pointer}/address`, faults, check.partial === true);
    checked.address = place.address;
  }
  if (place.postalCode !== undefined) {
    const parsed = parsePostalCode(place.postalCode);
    if (parsed.ok) {
      checked.postalCode = parsed.canonical;
      warnings.push(...parsed.warnings.map((code) => ({ pointer: `${pointer}/postalCode`, code })));
    } else faults.push({ pointer: `${pointer}/postalCode`, code: parsed.reason });
  }
  if (place.location !== undefined) {
    const parsed = parseLocation(place.location);
    if (parsed.ok) checked.location = place.location;
    else faults.push({ pointer: `${pointer}/location`, code: parsed.reason });
  }
  return checked;
}

function checkAddress(address: Address, pointer: string, faults: Fault[], partial: boolean): void {
  for (const part of addressParts) {
    const value = address[part];
    if (value === undefined) {
      if (!partial && (part === 'province' || part === 'city'))
        faults.push({ pointer: `${pointer}/${part}`, code: 'required' });
      continue;
    }
    const reason = checkText(value, { max: longest[part], kind: 'text' });
    if (reason !== undefined) faults.push({ pointer: `${pointer}/${part}`, code: reason });
  }
}
