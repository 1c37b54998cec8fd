import type { CustomerRow, NewCustomerRow } from '../db/customers.ts';
import type { TagRow } from '../db/indexTags.ts';
import { maskField } from '../policy/masks.ts';
import type { Field } from '../policy/profile.ts';
import type { CustomerData } from './customerRecord.ts';
import { keysOf } from './customerRecord.ts';
import type { PartyKind, SingleField } from './customerFields.ts';
import type { TenantKeys } from './keyring.ts';
import { forResealing, headerOf, sealNewBeside } from './record.ts';
import type { OpenRecord, SealedRecord, Value, Values } from './record.ts';
import { originsAfter, submissionsOf, type Origins, type Submission } from './submission.ts';
import type { Policy } from './watch.ts';

/**
 * The first sealed value of a customer: its shape and every mask, computed when it was written, so that a masked read
 * opens this one value and no other. A mask is null where the value cannot be masked.
 */
export interface CustomerHeader extends Origins {
  /** The policy version these masks were made by; another one makes them anew when they are shown. */
  readonly masks: string;
  /** Bought without an account: no member. Absent for whom has one. */
  readonly guest?: true;
  readonly fields: Readonly<Partial<Record<SingleField, Value>>>;
  readonly phones: readonly {
    readonly id: string;
    readonly kind: 'mobile' | 'landline';
    readonly primary: boolean;
    readonly extension: boolean;
    readonly number: Value;
  }[];
  readonly addresses: readonly {
    readonly id: string;
    readonly address?: Value;
    readonly postalCode?: Value;
    readonly location?: Value;
  }[];
}

/** Labels of the sealed values of lists: `phones/<id>/number`. */
export const labels = {
  phone: (id: string) => `phones/${id}/number`,
  extension: (id: string) => `phones/${id}/extension`,
  place: (id: string, field: 'address' | 'postalCode' | 'location') => `addresses/${id}/${field}`,
} as const;

export const placeFields = ['address', 'postalCode', 'location'] as const;

/** How many values stand beside the header, which has the shape of them all (`valuesOf`). */
export function valuesBeside({ fields, phones, addresses }: CustomerHeader): number {
  const ofPhones = phones.reduce((sum, { extension }) => sum + (extension ? 2 : 1), 0);
  const ofPlaces = addresses.reduce((sum, place) => sum + placeFields.filter((f) => place[f] !== undefined).length, 0);
  return Object.keys(fields).length + ofPhones + ofPlaces;
}

/** Every value of a customer under its label; the header comes first. */
function valuesOf(data: CustomerData): Map<string, Value> {
  const values = new Map<string, Value>([['header', null]]);
  for (const [field, value] of data.single) values.set(field, value);
  for (const phone of data.phones) {
    values.set(labels.phone(phone.id), phone.number);
    if (phone.extension !== undefined) values.set(labels.extension(phone.id), phone.extension);
  }
  for (const place of data.addresses) {
    for (const field of placeFields) {
      const value = place[field];
      if (value !== undefined) values.set(labels.place(place.id, field), value as Value);
    }
  }
  return values;
}

function headerFor(policy: Policy, data: CustomerData, origins: Origins): CustomerHeader {
  const mask = (field: Field, value: unknown) => (maskField(policy.profile, field, value) ?? null) as Value;
  return {
    masks: policy.label,
    ...origins,
    ...(data.guest ? { guest: true as const } : {}),
    fields: Object.fromEntries([...data.single].map(([field, value]) => [field, mask(field, value)])),
    phones: data.phones.map(({ id, kind, primary, number, extension }) => ({
      id,
      kind,
      primary,
      extension: extension !== undefined,
      number: mask(kind, number),
    })),
    addresses: data.addresses.map((place) => ({
      id: place.id,
      ...Object.fromEntries(placeFields.filter((f) => place[f] !== undefined).map((f) => [f, mask(f, place[f])])),
    })),
  };
}

export function sealCustomer(
  keys: TenantKeys,
  policy: Policy,
  id: string,
  data: CustomerData,
  submission: Omit<Submission, 'version'>,
): Promise<SealedRecord> {
  const origins = { submissions: [{ version: 1, ...submission }] };
  return sealNewBeside(keys, 'customer', id, withHeader(policy, data, valuesOf(data), origins), policy.label);
}

function withHeader(policy: Policy, data: CustomerData, values: Map<string, Value>, origins: Origins): Values {
  return values.set('header', headerFor(policy, data, origins) as unknown as Value);
}

/** What is sealed of a customer as its next version; `record` is what is stored, opened. */
export function valuesAfter(
  policy: Policy,
  stored: CustomerRow,
  record: OpenRecord,
  data: CustomerData,
  submission: Omit<Submission, 'version'>,
): Values {
  const values = valuesOf(data);
  const header = headerOf<CustomerHeader>(record);
  const before = { ...header, submissions: submissionsOf(header, stored) };
  const same = [...values.keys()].filter((label) => isSame(record, label, values.get(label)));
  const origins = originsAfter(before, { version: stored.version + 1, ...submission }, same);
  return withHeader(policy, data, values, origins);
}

function isSame(record: OpenRecord, label: string, value: Value | undefined): boolean {
  if (label === 'header' || !record.labels.has(label)) return false;
  return JSON.stringify(forResealing(record.value(label))) === JSON.stringify(value);
}

export function rowOf(
  tenantId: string,
  kind: PartyKind,
  source: string,
  sealed: SealedRecord,
  at: Date,
): NewCustomerRow {
  const { id, version, keyVersion, dataKey } = sealed;
  return {
    tenantId,
    id,
    kind,
    status: 'active',
    version,
    source,
    keyVersion,
    dataKey,
    sealed: sealed.sealed,
    createdAt: at,
    updatedAt: at,
  };
}

/** Blind index tags of everything the customer is found by. */
export function tagsOf(keys: TenantKeys, policy: Policy, customerId: string, data: CustomerData): TagRow[] {
  return keysOf(data).flatMap(({ field, key }) =>
    keys.newTags(field, key).map(({ tag, keyVersion }) => ({
      tenantId: keys.tenantId,
      customerId,
      field,
      tag,
      keyVersion,
      exclusive: policy.profile.items[data.kind][field]?.unique === true,
    })),
  );
}
