import { unpackRecord } from '../crypto/container.ts';
import { selectStandingCustomer, type CustomerRow } from '../db/customers.ts';
import {
  countEntries,
  countFormerStates,
  selectHeldInvoices,
  selectHeldOrders,
  selectLastOrder,
  selectTaggedFields,
  type HeldInvoice,
  type HeldOrder,
  type Register,
  type EntryCount,
} from '../db/statements.ts';
import { VaultError } from '../errors.ts';
import type { Field, Party, Profile } from '../policy/profile.ts';
import type { RetentionClass } from '../policy/vocabulary.ts';
import { fullReadersOf } from '../policy/seenBy.ts';
import { commitAct, load, type Act } from './act.ts';
import type { Caller } from './caller.ts';
import type { Part } from './copyContent.ts';
import { keptFor } from './formerVersions.ts';
import { classOfItem, classOfOrder, heldFields } from './heldItems.ts';
import { permit } from './permit.ts';
import { endOfAccount, endOfInvoice, endOfOrder } from './keptUntil.ts';
import { timeView } from './shownTime.ts';
import { jalaliDayOf } from './tehranDay.ts';
import { clocksOf, durationOf, invoicesSince } from './retentionTerms.ts';
import type { Vault } from './vault.ts';
import type { Policy } from './watch.ts';

/** Records of a kind that one statement tells of; the newest. */
const atMost = 1_000;

/** What one statement is made of. */
interface Held {
  readonly customer: CustomerRow;
  /** By which identifiers the customer is found: what kinds of phone there are, no label tells. */
  readonly tagged: readonly string[];
  readonly lastOrder: Date | null;
  readonly orders: readonly HeldOrder[];
  readonly invoices: readonly HeldInvoice[];
  readonly counts: readonly (EntryCount & { readonly register: Register })[];
  readonly former: EntryCount;
}

/**
 * What is held of one person, since when, for what, who may see it, until when and where: for support to give, who sees no value
 * by it. It is made of labels and times, and no key is unwrapped. What has had its time is left out by its clock and not by
 * whether it is still there, so that nothing tells what a hold keeps.
 */
export async function readStatement(vault: Vault, caller: Caller, act: Act, id: string): Promise<HeldStatement> {
  permit(caller, 'statements.read');
  if (caller.subjectId !== undefined && caller.subjectId !== id) throw new VaultError('not_found');
  const { tenantId } = caller;
  const policy = vault.watch.policy(tenantId);
  const at = new Date(vault.now());
  const held = await heldOf(vault, tenantId, id, policy.profile, at);
  const body = view(policy, held, at);
  await commitAct(vault, caller, act, { policy, subjectId: id }, [], { status: 200, body });
  return body;
}

async function heldOf(vault: Vault, tenantId: string, id: string, profile: Profile, at: Date): Promise<Held> {
  const { feedback, refund_iban: refund } = profile.retention;
  const [[customer], tags, [last], orders, invoices, [former], counts] = await load(vault, tenantId, [
    selectStandingCustomer(tenantId, id),
    selectTaggedFields(tenantId, id),
    selectLastOrder(tenantId, id),
    selectHeldOrders(tenantId, id, clocksOf(profile, at), atMost + 1),
    selectHeldInvoices(tenantId, id, invoicesSince(profile, at), atMost + 1),
    countFormerStates(tenantId, id, keptFor(profile, 'customers'), at),
    countEntries(tenantId, id, { at, opinions: durationOf(feedback.keep), accounts: durationOf(refund.keep) }),
  ]);
  if (customer === undefined) throw new VaultError('not_found');
  return {
    customer,
    tagged: tags.map(({ field }) => field),
    lastOrder: last?.at ?? null,
    orders,
    invoices,
    former: former ?? { count: 0, since: null },
    counts,
  };
}

export type HeldStatement = ReturnType<typeof view>;

function view(policy: Policy, held: Held, at: Date) {
  const { customer, orders, invoices } = held;
  const { profile, label } = policy;
  const kept = orders.slice(0, atMost).map((order) => ({ order, until: endOfOrder(profile, order) }));
  const issued = invoices.slice(0, atMost).map((invoice) => ({ invoice, until: endOfInvoice(profile, invoice) }));
  return {
    format: 'amanat-statement-1' as const,
    customerId: customer.id,
    controller: profile.controller,
    contact: { email: profile.contact.email, phone: profile.contact.phone },
    policyVersion: label,
    madeAt: at.toISOString(),
    madeAtJalali: jalaliDayOf(at),
    account: accountView(profile, held),
    orders: kept.map(({ order, until }) => orderView(profile, customer.kind, order, until)),
    invoices: issued.map(({ invoice, until }) => ({
      ...recordView(profile, customer.kind, invoice),
      kept: keptView(profile, 'invoice_snapshot', until),
    })),
    registers: registersView(profile, held),
    cut: [...(orders.length > atMost ? ['orders'] : []), ...(invoices.length > atMost ? ['invoices'] : [])],
    storage: profile.storage.map(({ place, title }) => ({ place, title })),
  };
}

function accountView(profile: Profile, { customer, tagged, lastOrder }: Held) {
  const { kind, status, sealed } = customer;
  const until = endOfAccount(profile, customer, lastOrder);
  const item = (field: Field) => {
    const rule = classOfItem(field);
    return { ...itemView(profile, kind, field), kept: keptView(profile, rule, rule === 'account' ? until : undefined) };
  };
  return {
    kind,
    status,
    ...timeView('since', customer.createdAt),
    ...timeView('changedAt', customer.updatedAt),
    items: heldFields(labelsOf(sealed), tagged).map(item),
  };
}

function orderView(profile: Profile, kind: 'natural' | 'legal', order: HeldOrder, until: Date | undefined) {
  const party: Party = order.deliveryTo === 'recipient' ? 'recipient' : kind;
  return {
    ...recordView(profile, party, order),
    deliveryTo: order.deliveryTo,
    kept: keptView(profile, classOfOrder(order.deliveryTo), until),
  };
}

function recordView(profile: Profile, party: Party, record: HeldOrder | HeldInvoice) {
  return {
    id: record.id,
    ...timeView('since', record.createdAt),
    items: heldFields(labelsOf(record.sealed)).map((field) => itemView(profile, party, field)),
  };
}

/** The labels stand beside the sealed values, and say no more than what is there. */
const labelsOf = (sealed: Buffer): readonly string[] => [...unpackRecord(sealed).keys()];

function itemView(profile: Profile, party: Party, field: Field) {
  const item = profile.items[party][field];
  return {
    field,
    title: item?.title ?? { fa: field, en: field },
    purposes: (item?.purposes ?? []).map((id) => ({ id, title: profile.purposes[id]?.title ?? { fa: id, en: id } })),
    seenBy: fullReadersOf(profile, field).map(({ reader, title }) => ({ reader, title })),
  };
}

/** For how long, and until when where its clock has begun. */
function keptView({ retention }: Profile, name: RetentionClass, until: Date | undefined) {
  const { keep, clock, after } = retention[name];
  return { class: name, keep, clock, after, ...timeView('until', until ?? null) };
}

/** Every part of a person's copy that is no record with items of its own is told here, by its class where it has one. */
const classes: Readonly<Record<Exclude<Part, 'orders' | 'invoices' | 'submissions'>, RetentionClass | undefined>> = {
  accesses: 'access_audit',
  refundAccounts: 'refund_iban',
  consents: 'consent_record',
  acceptances: 'consent_record',
  messages: undefined,
  requests: undefined,
  complaints: 'complaint',
  inquiries: 'complaint',
  misuseReports: 'complaint',
  feedback: 'feedback',
  // What is recorded of them: the values are items of the account.
  contactPoints: 'account',
  supplementaryRequests: 'supplementary_answers',
};

function registersView(profile: Profile, { counts, former }: Held) {
  const counted = [
    ...counts.map((count) => ({ ...count, rule: classes[count.register] })),
    { register: 'former_states' as const, ...former, rule: 'access_audit' as const },
  ];
  return [
    // Without a number: of an order that is secret nothing shows.
    { register: 'accesses' as const, kept: keptView(profile, classes.accesses ?? 'access_audit', undefined) },
    ...counted
      .filter(({ count }) => count > 0)
      .map(({ register, count, since, rule }) => ({
        register,
        count,
        ...timeView('since', since),
        ...(rule === undefined ? {} : { kept: keptView(profile, rule, undefined) }),
      })),
  ];
}
