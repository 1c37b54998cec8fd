import { VaultError, type Fault } from '../errors.ts';
import type { Address, Location, PlaceInput } from './addressParts.ts';
import { singleFields, type PartyKind } from './customerFields.ts';
import type { CustomerInput, PhoneInput } from './customerRecord.ts';
import { labels, type CustomerHeader } from './customerSeal.ts';
import { forResealing, headerOf, type OpenRecord } from './record.ts';

/** A phone of the patched list: a new one, or by its id one that stands, changed where a member is given. */
export interface PhonePatch {
  readonly id?: string | undefined;
  readonly kind?: 'mobile' | 'landline' | undefined;
  readonly number?: string | undefined;
  readonly extension?: string | null | undefined;
  readonly primary?: boolean | undefined;
}

export interface PlacePatch {
  readonly id?: string | undefined;
  readonly address?: Address | undefined;
  readonly postalCode?: string | null | undefined;
  readonly location?: Location | null | undefined;
}

/** RFC 7396: a member that is null is removed, a list replaces the list. Lists name standing members by id. */
export interface CustomerPatch {
  readonly guest?: boolean | undefined;
  readonly fields?: Readonly<Record<string, string | null>> | undefined;
  readonly phones?: readonly PhonePatch[] | null | undefined;
  readonly addresses?: readonly PlacePatch[] | null | undefined;
}

/** The whole customer as it will be. Opens every stored value, so a damaged record is never carried over. */
export function mergeCustomer(
  record: OpenRecord,
  kind: PartyKind,
  patch: CustomerPatch,
  newMemberId: () => string,
): CustomerInput {
  const header = headerOf<CustomerHeader>(record);
  const faults: Fault[] = [];
  const merged: CustomerInput = {
    kind,
    guest: patch.guest ?? header.guest,
    fields: mergeFields(record, header, patch.fields ?? {}),
    phones: mergeList(standingPhones(record, header), patch.phones, '/phones', faults, newMemberId, mergePhone),
    addresses: mergeList(
      standingPlaces(record, header),
      patch.addresses,
      '/addresses',
      faults,
      newMemberId,
      mergePlace,
    ),
  };
  if (faults.length > 0) throw new VaultError('invalid_body', faults);
  return merged;
}

function stringAt(record: OpenRecord, label: string): string {
  const value = forResealing(record.value(label));
  if (typeof value !== 'string') throw new VaultError('integrity_failure');
  return value;
}

function mergeFields(
  record: OpenRecord,
  header: CustomerHeader,
  patch: Readonly<Record<string, string | null>>,
): Record<string, string> {
  const merged: Record<string, string> = {};
  for (const field of singleFields) if (header.fields[field] !== undefined) merged[field] = stringAt(record, field);
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) delete merged[field];
    else merged[field] = value;
  }
  return merged;
}

type Standing<T> = T & { readonly id: string };

function standingPhones(record: OpenRecord, header: CustomerHeader): Standing<PhoneInput>[] {
  return header.phones.map(({ id, kind, primary, extension }) => ({
    id,
    kind,
    primary,
    number: stringAt(record, labels.phone(id)),
    ...(extension ? { extension: stringAt(record, labels.extension(id)) } : {}),
  }));
}

function standingPlaces(record: OpenRecord, header: CustomerHeader): Standing<PlaceInput>[] {
  return header.addresses.map((place) => ({
    id: place.id,
    ...(place.address === undefined
      ? {}
      : { address: forResealing(record.value(labels.place(place.id, 'address'))) as Address }),
    ...(place.postalCode === undefined ? {} : { postalCode: stringAt(record, labels.place(place.id, 'postalCode')) }),
    ...(place.location === undefined
      ? {}
      : { location: forResealing(record.value(labels.place(place.id, 'location'))) as unknown as Location }),
  }));
}

function mergeList<T, P extends { readonly id?: string | undefined }>(
  standing: readonly Standing<T>[],
  patches: readonly P[] | null | undefined,
  pointer: string,
  faults: Fault[],
  newMemberId: () => string,
  merge: (before: Standing<T> | undefined, patch: P, pointer: string, faults: Fault[]) => T,
): Standing<T>[] {
  if (patches === undefined) return [...standing];
  const seen = new Set<string>();
  return (patches ?? []).map((patch, i) => {
    const at = `${pointer}/${i}`;
    const before = standing.find((s) => s.id === patch.id);
    if (patch.id !== undefined && (before === undefined || seen.has(patch.id)))
      faults.push({ pointer: `${at}/id`, code: 'unknown_id' });
    if (patch.id !== undefined) seen.add(patch.id);
    return { ...merge(before, patch, at, faults), id: before?.id ?? newMemberId() };
  });
}

function mergePhone(before: PhoneInput | undefined, patch: PhonePatch, pointer: string, faults: Fault[]): PhoneInput {
  const kind = patch.kind ?? before?.kind;
  const number = patch.number ?? before?.number;
  if (kind === undefined) faults.push({ pointer: `${pointer}/kind`, code: 'required' });
  if (number === undefined) faults.push({ pointer: `${pointer}/number`, code: 'required' });
  const extension = patch.extension === undefined ? before?.extension : patch.extension;
  return {
    kind: kind ?? 'mobile',
    number: number ?? '',
    primary: patch.primary ?? before?.primary,
    ...(extension === null || extension === undefined ? {} : { extension }),
  };
}

function mergePlace(before: PlaceInput | undefined, patch: PlacePatch): PlaceInput {
  const postalCode = patch.postalCode === undefined ? before?.postalCode : patch.postalCode;
  const location = patch.location === undefined ? before?.location : patch.location;
  const address = patch.address ?? before?.address;
  return {
    ...(address === undefined ? {} : { address }),
    ...(postalCode === null || postalCode === undefined ? {} : { postalCode }),
    ...(location === null || location === undefined ? {} : { location }),
  };
}
