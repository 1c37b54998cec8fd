import type { CustomerRow } from '../db/customers.ts';
import { refuse, VaultError, type Fault } from '../errors.ts';
import type { Parsed } from '../formats/identifier.ts';
import { checkText } from '../formats/text.ts';
import { checkItems, isDeclared } from '../policy/items.ts';
import type { Field, Party } from '../policy/profile.ts';
import { checkPlace, type Address, type PlaceInput } from './addressParts.ts';
import { parsePhone, type PartyKind } from './customerFields.ts';
import { labels as customerLabels, placeFields, type CustomerHeader } from './customerSeal.ts';
import type { TenantKeys } from './keyring.ts';
import { cityLabel, nationalIdLabel, type OrderData } from './orderRecord.ts';
import { forResealing, headerOf, openRecord, type OpenRecord, type Value } from './record.ts';
import type { Policy } from './watch.ts';

/** Another person who receives one parcel: name, phone and address, of which postal code and point are parts. */
export interface RecipientInput extends PlaceInput {
  readonly name: string;
  readonly phone: string;
  readonly address: Address;
}

export type DeliveryInput =
  | { readonly to: 'customer'; readonly addressId: string }
  | { readonly to: 'recipient'; readonly recipient: RecipientInput };

/** What the order will seal of its delivery. Throws with pointers below `/delivery`, or to `/customerId`. */
export function deliveryData(policy: Policy, keys: TenantKeys, customer: CustomerRow, input: DeliveryInput): OrderData {
  return input.to === 'customer'
    ? ownDelivery(policy, keys, customer, input.addressId)
    : recipientDelivery(policy, input.recipient);
}

/** A copy of the customer's own delivery data, so that a courier's read touches the order only. */
function ownDelivery(policy: Policy, keys: TenantKeys, customer: CustomerRow, addressId: string): OrderData {
  const record = openRecord(keys, 'customer', customer);
  const header = headerOf<CustomerHeader>(record);
  const place = header.addresses.find((a) => a.id === addressId);
  if (place === undefined) throw refuse('invalid_body', '/delivery/addressId', 'unknown_id');
  const phone = phoneToCall(header.phones);
  const held = placeFields.filter((field) => place[field] !== undefined);
  const present = [...Object.keys(header.fields), ...(phone === undefined ? [] : [phone.kind]), ...held] as Field[];
  demandOfCustomer(policy, customer.kind, present);
  const values = new Map<string, Value>(namesOf(record, customer.kind));
  if (phone !== undefined) copy(values, `${customer.kind}/${phone.kind}`, record, customerLabels.phone(phone.id));
  for (const field of held) copy(values, `${customer.kind}/${field}`, record, customerLabels.place(place.id, field));
  setCity(values, customer.kind, values.get(`${customer.kind}/address`) as Address | undefined);
  return { party: customer.kind, values };
}

/** The primary mobile, else any mobile, else the primary landline, else any. */
function phoneToCall(phones: CustomerHeader['phones']): CustomerHeader['phones'][number] | undefined {
  const of = (kind: 'mobile' | 'landline') => phones.filter((p) => p.kind === kind);
  return [...of('mobile'), ...of('landline')].sort((a, b) => rank(a) - rank(b))[0];
}

function rank({ kind, primary }: CustomerHeader['phones'][number]): number {
  return (kind === 'mobile' ? 0 : 2) + (primary ? 0 : 1);
}

/** The order form asks of the customer's record what the parcel needs; the reason names the item that is not there. */
function demandOfCustomer(policy: Policy, kind: PartyKind, present: readonly Field[]): void {
  const missing = checkItems(policy.profile, kind, 'order', present);
  if (missing.length === 0) return;
  const faults = missing.map(({ pointer: field, code }) =>
    placeFields.some((f) => f === field)
      ? { pointer: '/delivery/addressId', code }
      : { pointer: '/customerId', code: `${field.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)}_required` },
  );
  throw new VaultError('field_required', faults);
}

function namesOf(record: OpenRecord, kind: PartyKind): [string, Value][] {
  const joined = (...fields: readonly Field[]) =>
    fields
      .filter((field) => record.labels.has(field))
      .map((field) => forResealing(record.value(field)) as string)
      .join(' ');
  const names: [string, Value][] =
    kind === 'natural'
      ? [['natural/name', joined('givenName', 'familyName')]]
      : [
          ['legal/name', joined('legalName')],
          ['legal/contactName', joined('contactGivenName', 'contactFamilyName')],
        ];
  return names.filter(([, name]) => name !== '');
}

function copy(values: Map<string, Value>, label: string, record: OpenRecord, from: string): void {
  values.set(label, forResealing(record.value(from)));
}

function setCity(values: Map<string, Value>, party: Party, address: Address | undefined): void {
  if (address?.city !== undefined) values.set(cityLabel(party), address.city);
}

/** The national ID goes into the order only when the carrier of its parcel registers it. */
export function withNationalId(keys: TenantKeys, customer: CustomerRow, data: OrderData): OrderData {
  const record = openRecord(keys, 'customer', customer);
  if (data.party !== 'natural' || !record.labels.has('nationalId')) return data;
  const values = new Map(data.values);
  copy(values, nationalIdLabel, record, 'nationalId');
  return { ...data, values };
}

const recipientItems = [
  ['recipientName', 'name'],
  ['recipientPhone', 'phone'],
  ['recipientAddress', 'address'],
] as const satisfies readonly (readonly [Field, keyof RecipientInput])[];

function recipientDelivery(policy: Policy, recipient: RecipientInput): OrderData {
  const at = '/delivery/recipient';
  const undeclared = recipientItems.filter(([field]) => !isDeclared(policy.profile, 'recipient', field));
  if (undeclared.length > 0) {
    const faults = undeclared.map(([, name]) => ({ pointer: `${at}/${name}`, code: 'field_not_declared' }));
    throw new VaultError('field_not_declared', faults);
  }
  const faults: Fault[] = [];
  const badName = checkText(recipient.name, { max: 100, kind: 'name' });
  if (badName !== undefined) faults.push({ pointer: `${at}/name`, code: badName });
  const phone = parseAnyPhone(recipient.phone);
  if (!phone.ok) faults.push({ pointer: `${at}/phone`, code: phone.reason });
  const checked = checkPlace(recipient, at, faults, []);
  if (!phone.ok || faults.length > 0) throw new VaultError('invalid_body', faults);
  const values = new Map<string, Value>([
    ['recipient/name', recipient.name],
    ['recipient/phone', phone.canonical],
  ]);
  for (const field of placeFields) {
    if (checked[field] !== undefined) values.set(`recipient/${field}`, checked[field] as Value);
  }
  setCity(values, 'recipient', checked.address);
  return { party: 'recipient', values };
}

/** A recipient has one phone, of either kind. */
function parseAnyPhone(input: string): Parsed {
  const mobile = parsePhone('mobile', input);
  return mobile.ok || mobile.reason !== 'not_mobile' ? mobile : parsePhone('landline', input);
}
