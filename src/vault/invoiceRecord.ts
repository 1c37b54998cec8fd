import { sameBytes } from '../crypto/hmac.ts';
import type { CustomerRow } from '../db/customers.ts';
import type { InvoiceRow } from '../db/invoices.ts';
import { VaultError } from '../errors.ts';
import type { Field } from '../policy/profile.ts';
import { contentHash } from './contentHash.ts';
import { singleFields, type PartyKind, type SingleField } from './customerFields.ts';
import { labels, type CustomerHeader } from './customerSeal.ts';
import type { TenantKeys } from './keyring.ts';
import {
  forResealing,
  headerOf,
  openRecord,
  sealNew,
  type OpenRecord,
  type SealedRecord,
  type StoredRecord,
  type Value,
} from './record.ts';

/** What an invoice names of its buyer. */
const identity = [
  'givenName',
  'familyName',
  'nationalId',
  'foreignerId',
  'legalName',
  'legalNationalId',
  'economicCode',
  'contactGivenName',
  'contactFamilyName',
] as const satisfies readonly SingleField[];
export const invoiceFields = [...identity, 'address', 'postalCode'] as const satisfies readonly Field[];
export type InvoiceField = (typeof invoiceFields)[number];

export interface InvoiceHeader {
  readonly kind: PartyKind;
}

/** Freezes the buyer as it is now, at its first address, under a key of the invoice's own: it outlives the customer's. */
export function freezeBuyer(
  keys: TenantKeys,
  invoiceId: string,
  customer: CustomerRow,
): SealedRecord & { readonly contentHash: Buffer } {
  const record = openRecord(keys, 'customer', customer);
  const header = headerOf<CustomerHeader>(record);
  const values = new Map<string, Value>([['header', { kind: customer.kind }]]);
  for (const field of singleFields) {
    if (isIdentity(field) && record.labels.has(field)) values.set(field, forResealing(record.value(field)));
  }
  const place = header.addresses.find((a) => a.address !== undefined);
  for (const field of ['address', 'postalCode'] as const) {
    if (place?.[field] !== undefined) values.set(field, forResealing(record.value(labels.place(place.id, field))));
  }
  const said = new Map([...values].map(([label, value]) => [label, JSON.stringify(value)]));
  return { ...sealNew(keys, 'invoice', invoiceId, values), contentHash: contentHash(keys, invoiceId, said) };
}

/** Throws `integrity_failure` where it says something else than when it was frozen; one of an older version had no hash. */
export function openInvoice(keys: TenantKeys, row: StoredRecord & Pick<InvoiceRow, 'contentHash'>): OpenRecord {
  const record = openRecord(keys, 'invoice', row);
  if (row.contentHash === null) return record;
  const said = new Map([...record.labels].map((label) => [label, JSON.stringify(forResealing(record.value(label)))]));
  if (!sameBytes(contentHash(keys, row.id, said), row.contentHash)) throw new VaultError('integrity_failure');
  return record;
}

function isIdentity(field: SingleField): boolean {
  return identity.some((f) => f === field);
}
