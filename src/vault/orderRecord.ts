import { VaultError } from '../errors.ts';
import { maskField } from '../policy/masks.ts';
import type { Field, Party } from '../policy/profile.ts';
import type { OrderRow } from '../db/orders.ts';
import type { TenantKeys } from './keyring.ts';
import { forResealing, headerOf, openRecord, sealNew, sealNext } from './record.ts';
import type { OpenRecord, SealedRecord, StoredRecord, Value, Values } from './record.ts';
import type { Policy } from './watch.ts';

/** What an order holds of a delivery. */
export const parts = ['name', 'contactName', 'phone', 'address', 'postalCode', 'location', 'nationalId'] as const;
export type Part = (typeof parts)[number];

/** One sealed value of a delivery: its label, the fields it answers for, and whose mask it takes. */
export interface Item {
  readonly part: Part;
  readonly label: string;
  readonly fields: readonly [Field, ...Field[]];
  readonly mask: Field;
}

const place = (party: Party): Item[] => [
  { part: 'address', label: `${party}/address`, fields: ['address'], mask: 'address' },
  { part: 'postalCode', label: `${party}/postalCode`, fields: ['postalCode'], mask: 'postalCode' },
  { part: 'location', label: `${party}/location`, fields: ['location'], mask: 'location' },
];

const phones = (party: Party): Item[] => [
  { part: 'phone', label: `${party}/mobile`, fields: ['mobile'], mask: 'mobile' },
  { part: 'phone', label: `${party}/landline`, fields: ['landline'], mask: 'landline' },
];

/**
 * What may be held, by who receives the parcel: the customer, as a natural or a legal person, or the alternate recipient.
 * The labels name the party, so a parcel cannot be passed off as another party's. Postal code and point of a recipient are
 * parts of the third item, the address, and are shown only to those who may see both.
 */
export const itemsOf: Readonly<Record<Party, readonly Item[]>> = {
  natural: [
    { part: 'name', label: 'natural/name', fields: ['givenName', 'familyName'], mask: 'recipientName' },
    ...phones('natural'),
    ...place('natural'),
    { part: 'nationalId', label: 'natural/nationalId', fields: ['nationalId'], mask: 'nationalId' },
  ],
  legal: [
    { part: 'name', label: 'legal/name', fields: ['legalName'], mask: 'legalName' },
    {
      part: 'contactName',
      label: 'legal/contactName',
      fields: ['contactGivenName', 'contactFamilyName'],
      mask: 'recipientName',
    },
    ...phones('legal'),
    ...place('legal'),
  ],
  recipient: [
    { part: 'name', label: 'recipient/name', fields: ['recipientName'], mask: 'recipientName' },
    { part: 'phone', label: 'recipient/phone', fields: ['recipientPhone'], mask: 'recipientPhone' },
    { part: 'address', label: 'recipient/address', fields: ['recipientAddress'], mask: 'recipientAddress' },
    {
      part: 'postalCode',
      label: 'recipient/postalCode',
      fields: ['recipientAddress', 'postalCode'],
      mask: 'postalCode',
    },
    { part: 'location', label: 'recipient/location', fields: ['recipientAddress', 'location'], mask: 'location' },
  ],
};

/** Sealed beside the address, so that a courier's list opens the city and no more. */
export const cityLabel = (party: Party): string => `${party}/city`;
export const nationalIdLabel = 'natural/nationalId';
export const referenceLabel = 'externalRef';

export function partyOf(customerKind: 'natural' | 'legal', deliveryTo: OrderRow['deliveryTo']): Party {
  return deliveryTo === 'recipient' ? 'recipient' : customerKind;
}

export function deliveryToOf(party: Party): OrderRow['deliveryTo'] {
  return party === 'recipient' ? 'recipient' : 'customer';
}

/** Everything an order seals, by label. */
export interface OrderData {
  readonly party: Party;
  readonly values: Values;
}

/** The first sealed value of an order: who receives the parcel, and the mask of every other value. */
export interface OrderHeader {
  /** The policy version these masks were made by; another one makes them anew when they are shown. */
  readonly masks: string;
  readonly party: Party;
  readonly shown: Readonly<Record<string, Value>>;
}

export function sealOrder(keys: TenantKeys, policy: Policy, id: string, data: OrderData): SealedRecord {
  return sealNew(keys, 'order', id, withHeader(policy, data));
}

export function resealOrder(keys: TenantKeys, policy: Policy, stored: StoredRecord, data: OrderData): SealedRecord {
  return sealNext(keys, 'order', stored, withHeader(policy, data));
}

function withHeader(policy: Policy, { party, values }: OrderData): Values {
  const masked = [...itemsOf[party], { label: referenceLabel, mask: 'externalRef' as const }]
    .filter(({ label }) => values.has(label))
    .map(({ label, mask }) => [label, (maskField(policy.profile, mask, values.get(label)) ?? null) as Value]);
  const shown: Record<string, Value> = Object.fromEntries(masked);
  return new Map([...values, ['header', { masks: policy.label, party, shown }]]);
}

/** A stored order with its header. Throws `integrity_failure` when the row tells another party than the sealed header. */
export function openOrder(keys: TenantKeys, row: OrderRow): { record: OpenRecord; header: OrderHeader } {
  const record = openRecord(keys, 'order', row);
  const header = headerOf<OrderHeader>(record);
  if (deliveryToOf(header.party) !== row.deliveryTo) throw new VaultError('integrity_failure');
  return { record, header };
}

/** Every value of an order, to be sealed again. */
export function dataOf(keys: TenantKeys, row: OrderRow): OrderData {
  const { record, header } = openOrder(keys, row);
  const labels = [...record.labels].filter((label) => label !== 'header');
  return { party: header.party, values: new Map(labels.map((label) => [label, forResealing(record.value(label))])) };
}
