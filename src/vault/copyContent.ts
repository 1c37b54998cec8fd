import { selectCarriers, selectCopiedInvoices, selectCopiedOrders } from '../db/copies.ts';
import type { InvoiceRow } from '../db/invoices.ts';
import type { OrderRow, OrderStatus } from '../db/orders.ts';
import type { Decision } from '../policy/judge.ts';
import type { Field } from '../policy/profile.ts';
import { load } from './act.ts';
import { copiedCases } from './copyCases.ts';
import { copiedFeedback } from './copyFeedback.ts';
import { copiedAcceptances, copiedAccesses, copiedConsents, copiedMessages, copiedRequests } from './copyDealings.ts';
import { copiedRecord, fact, itemMaker, type CopiedItem, type CopiedRecord, type Copying } from './copyRecord.ts';
import { copiedContactPoints, copiedSubmissions, copiedSupplementary } from './copySubmissions.ts';
import { singleFieldsOf } from './customerFields.ts';
import { labels, placeFields, type CustomerHeader } from './customerSeal.ts';
import { classOfItem, classOfOrder } from './heldItems.ts';
import { invoiceFields } from './invoiceRecord.ts';
import { itemsOf, openOrder, referenceLabel } from './orderRecord.ts';
import { headerOf, openRecord } from './record.ts';
import { copiedRefundAccounts } from './refundAccounts.ts';
import { clocksOf, invoicesSince } from './retentionTerms.ts';
import { jalaliDayOf } from './tehranDay.ts';

/** What a copy holds beside the account itself. */
export const parts = [
  'orders',
  'invoices',
  'refundAccounts',
  'submissions',
  'contactPoints',
  'supplementaryRequests',
  'consents',
  'acceptances',
  'messages',
  'requests',
  'complaints',
  'inquiries',
  'misuseReports',
  'feedback',
  'accesses',
] as const;
export type Part = (typeof parts)[number];

/**
 * Everything else that is held about a person, by its part: whatever a noun keeps of a person stands here. Each part gives
 * its newest records, at most `limit`, and nothing that the person may not be told.
 */
const loaders: Readonly<Record<Part, (copying: Copying) => Promise<readonly CopiedRecord[]>>> = {
  orders: copiedOrders,
  invoices: copiedInvoices,
  refundAccounts: copiedRefundAccounts,
  submissions: copiedSubmissions,
  contactPoints: copiedContactPoints,
  supplementaryRequests: copiedSupplementary,
  consents: copiedConsents,
  acceptances: copiedAcceptances,
  messages: copiedMessages,
  requests: copiedRequests,
  complaints: copiedCases('complaint'),
  inquiries: copiedCases('inquiry'),
  misuseReports: copiedCases('misuse'),
  feedback: copiedFeedback,
  accesses: copiedAccesses,
};

/** Records of a part that one copy holds. */
const atMost = 1_000;

interface CopyHead {
  readonly format: 'amanat-copy-1';
  readonly controller: string;
  readonly contact: string;
  readonly policyVersion: string;
  readonly madeAt: string;
  readonly madeAtJalali: string;
  readonly customer: CopiedRecord;
  /** Parts of which there is more than one copy holds: the newest are in it. */
  readonly cut: readonly Part[];
}

type Records = Readonly<Record<Part, readonly CopiedRecord[]>>;

/** All that is held about a person, as the person gets it. */
export type CopyBody = CopyHead & Records;

/** Opens what the judge releases to the person, and nothing else. */
export async function copyBody(
  copied: Omit<Copying, 'make' | 'limit'> & { readonly decision: Decision },
): Promise<CopyBody> {
  const { policy, customer, decision, at } = copied;
  const { controller, contact } = policy.profile;
  const copying = { ...copied, make: itemMaker(policy, customer.kind, decision), limit: atMost + 1 };
  const loaded = await everyPart(copying);
  return {
    format: 'amanat-copy-1',
    controller: controller.fa,
    contact: contact.email,
    policyVersion: policy.label,
    madeAt: at.toISOString(),
    madeAtJalali: jalaliDayOf(at),
    customer: copiedRecord(customer, {
      items: customerItems(copying),
      facts: fact('source', 'از کجا به دست آمد', customer.source),
    }),
    ...loaded.records,
    cut: loaded.cut,
  };
}

async function everyPart(copying: Copying): Promise<{ records: Records; cut: readonly Part[] }> {
  const records: Partial<Record<Part, readonly CopiedRecord[]>> = {};
  const cut: Part[] = [];
  for (const part of parts) {
    const all = await loaders[part](copying);
    records[part] = all.slice(0, atMost);
    if (all.length > atMost) cut.push(part);
  }
  return { records: records as Records, cut };
}

function customerItems({ keys, customer, make }: Copying): CopiedItem[] {
  const record = openRecord(keys, 'customer', customer);
  const { fields, phones, addresses } = headerOf<CustomerHeader>(record);
  return [
    ...singleFieldsOf(customer.kind)
      .filter((field) => fields[field] !== undefined)
      .flatMap((field) => make(record, field, field, classOfItem(field))),
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

const orderWords: Readonly<Record<OrderStatus, string>> = {
  placed: 'ثبت شده',
  dispatched: 'در راه',
  delivered: 'تحویل شده',
  returned: 'برگشت خورده',
  cancelled: 'لغو شده',
};

async function copiedOrders(copying: Copying): Promise<CopiedRecord[]> {
  const { vault, keys, policy, customer, at, limit } = copying;
  const clocks = clocksOf(policy.profile, at);
  const [rows] = await load(vault, keys.tenantId, [selectCopiedOrders(keys.tenantId, customer.id, clocks, limit)]);
  const orderIds = rows.map(({ id }) => id);
  const [carried] = await load(vault, keys.tenantId, [selectCarriers(keys.tenantId, orderIds)]);
  return rows.map((row) => {
    const carriers = carried.filter(({ orderId }) => orderId === row.id).map(({ name }) => name);
    const facts = [
      ...fact('status', 'وضعیت', row.status, orderWords[row.status]),
      ...(carriers.length === 0 ? [] : fact('carriers', 'سپرده شد به', [...new Set(carriers)])),
    ];
    return copiedRecord(row, { items: orderItems(copying, row), facts });
  });
}

function orderItems({ keys, make }: Copying, row: OrderRow): CopiedItem[] {
  const { record, header } = openOrder(keys, row);
  const kept = classOfOrder(row.deliveryTo);
  return [
    ...(record.labels.has(referenceLabel) ? make(record, referenceLabel, 'externalRef', kept) : []),
    ...itemsOf[header.party]
      .filter(({ label }) => record.labels.has(label))
      .flatMap(({ label, fields: [field] }) => make(record, label, field, kept)),
  ];
}

async function copiedInvoices(copying: Copying): Promise<CopiedRecord[]> {
  const { vault, keys, policy, customer, at, limit } = copying;
  const since = invoicesSince(policy.profile, at);
  const [rows] = await load(vault, keys.tenantId, [selectCopiedInvoices(keys.tenantId, customer.id, since, limit)]);
  return rows.map((row) => copiedRecord(row, { items: invoiceItems(copying, row) }));
}

function invoiceItems({ keys, make }: Copying, row: InvoiceRow): CopiedItem[] {
  const record = openRecord(keys, 'invoice', row);
  return invoiceFields
    .filter((field) => record.labels.has(field))
    .flatMap((field) => make(record, field, field, 'invoice_snapshot'));
}

/** For the leaf: which fields the copy holds. */
export function fieldsOfCopy(body: CopyBody): Field[] {
  const records = [body.customer, ...parts.flatMap((part) => body[part])];
  return [...new Set(records.flatMap(({ items }) => items.map(({ field }) => field)))];
}
