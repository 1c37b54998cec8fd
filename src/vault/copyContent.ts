import type { CustomerRow } from '../db/customers.ts';
import type { InvoiceRow } from '../db/invoices.ts';
import type { OrderRow } from '../db/orders.ts';
import type { Decision, Verdict } from '../policy/judge.ts';
import type { Field, Party } from '../policy/profile.ts';
import { processorKinds, type RetentionClass } from '../policy/vocabulary.ts';
import { singleFieldsOf } from './customerFields.ts';
import { labels, placeFields, type CustomerHeader } from './customerSeal.ts';
import { invoiceFields } from './invoiceRecord.ts';
import type { TenantKeys } from './keyring.ts';
import { itemsOf, openOrder, referenceLabel } from './orderRecord.ts';
import { headerOf, openRecord, reveal, type OpenRecord } from './record.ts';
import { jalaliDayOf } from './tehranDay.ts';
import type { Policy } from './watch.ts';

/** One value that is held: why, who may come to see it, and for how long it is kept. */
export interface CopiedItem {
  readonly field: Field;
  readonly title: string;
  readonly value: unknown;
  readonly purposes: readonly string[];
  readonly recipients: readonly string[];
  readonly retention: { readonly class: RetentionClass; readonly keep: string; readonly clock: string };
}

export interface CopiedRecord {
  readonly id: string;
  readonly createdAt: string;
  readonly createdAtJalali: string;
  readonly items: readonly CopiedItem[];
}

/** All that is held about a person, as the person gets it. */
export interface CopyBody {
  readonly format: 'amanat-copy-1';
  readonly controller: string;
  readonly contact: string;
  readonly policyVersion: string;
  readonly madeAt: string;
  readonly madeAtJalali: string;
  readonly customer: CopiedRecord;
  readonly orders: readonly CopiedRecord[];
  readonly invoices: readonly CopiedRecord[];
}

export interface Copied {
  readonly customer: CustomerRow;
  readonly orders: readonly OrderRow[];
  readonly invoices: readonly InvoiceRow[];
}

/** Opens what the judge releases to the person, and nothing else. */
export function copyBody(keys: TenantKeys, policy: Policy, decision: Decision, copied: Copied, at: Date): CopyBody {
  const { controller, contact } = policy.profile;
  const item = itemMaker(policy, copied.customer.kind, decision);
  return {
    format: 'amanat-copy-1',
    controller: controller.fa,
    contact: contact.email,
    policyVersion: policy.label,
    madeAt: at.toISOString(),
    madeAtJalali: jalaliDayOf(at),
    customer: recordOf(copied.customer, customerItems(keys, copied.customer, item)),
    orders: copied.orders.map((order) => recordOf(order, orderItems(keys, order, item))),
    invoices: copied.invoices.map((invoice) => recordOf(invoice, invoiceItems(keys, invoice, item))),
  };
}

function recordOf({ id, createdAt }: { readonly id: string; readonly createdAt: Date }, items: CopiedItem[]) {
  return { id, createdAt: createdAt.toISOString(), createdAtJalali: jalaliDayOf(createdAt), items };
}

type Make = (record: OpenRecord, label: string, field: Field, kept: RetentionClass) => CopiedItem[];

/** Nothing where the judge does not release the field to the person. */
function itemMaker({ profile }: Policy, party: Party, { verdicts }: Decision): Make {
  return (record, label, field, kept) => {
    const verdict: Verdict = verdicts[field];
    if (verdict.state !== 'full') return [];
    const rule = profile.items[party][field] ?? profile.items.recipient[field];
    const { keep, clock } = profile.retention[kept];
    return [
      {
        field,
        title: rule?.title.fa ?? field,
        value: reveal(verdict, record.value(label)),
        purposes: (rule?.purposes ?? []).map((purpose) => profile.purposes[purpose]?.title.fa ?? purpose),
        recipients: recipientsOf(profile, field),
        retention: { class: kept, keep, clock },
      },
    ];
  };
}

/** Departments and firms to which the policy ever opens the field in full. */
function recipientsOf({ access, departments, processors }: Policy['profile'], field: Field): string[] {
  return Object.entries(access[field] ?? {}).flatMap(([column, cell]) => {
    if (column === 'subject' || (cell.full.length === 0 && cell.base !== 'full')) return [];
    const processor = processorKinds.find((kind) => kind === column);
    if (processor !== undefined) return processors[processor].allowed ? [processors[processor].title.fa] : [];
    return departments[column] === undefined ? [] : [departments[column].title.fa];
  });
}

function customerItems(keys: TenantKeys, row: CustomerRow, make: Make): CopiedItem[] {
  const record = openRecord(keys, 'customer', row);
  const { fields, phones, addresses } = headerOf<CustomerHeader>(record);
  return [
    ...singleFieldsOf(row.kind)
      .filter((field) => fields[field] !== undefined)
      .flatMap((field) => make(record, field, field, field === 'iban' ? 'refund_iban' : 'account')),
    ...phones.flatMap(({ id, kind, extension }) => [
      ...make(record, labels.phone(id), kind, 'account'),
      ...(extension ? make(record, labels.extension(id), kind, 'account') : []),
    ]),
    ...addresses.flatMap((place) =>
      placeFields
        .filter((field) => place[field] !== undefined)
        .flatMap((field) => make(record, labels.place(place.id, field), field, 'account')),
    ),
  ];
}

function orderItems(keys: TenantKeys, row: OrderRow, make: Make): CopiedItem[] {
  const { record, header } = openOrder(keys, row);
  const kept = row.deliveryTo === 'recipient' ? 'alternate_recipient' : 'order_shipping';
  return [
    ...(record.labels.has(referenceLabel) ? make(record, referenceLabel, 'externalRef', kept) : []),
    ...itemsOf[header.party]
      .filter(({ label }) => record.labels.has(label))
      .flatMap(({ label, fields: [field] }) => make(record, label, field, kept)),
  ];
}

function invoiceItems(keys: TenantKeys, row: InvoiceRow, make: Make): CopiedItem[] {
  const record = openRecord(keys, 'invoice', row);
  return invoiceFields
    .filter((field) => record.labels.has(field))
    .flatMap((field) => make(record, field, field, 'invoice_snapshot'));
}

/** For the leaf: which fields the copy holds. */
export function fieldsOfCopy({ customer, orders, invoices }: CopyBody): Field[] {
  return [...new Set([customer, ...orders, ...invoices].flatMap(({ items }) => items.map(({ field }) => field)))];
}
