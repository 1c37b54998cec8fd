import type { OrderRow } from '../db/orders.ts';
import type { Decision, Verdict } from '../policy/judge.ts';
import { fields as allFields, type Field, type Party } from '../policy/profile.ts';
import { deliveryToOf, itemsOf, referenceLabel, type Item, type OrderHeader, type Part } from './orderRecord.ts';
import type { OpenRecord } from './record.ts';
import { absent, show, weakest, type Shown } from './shown.ts';
import type { Policy } from './watch.ts';

/** An order is shown without the national ID that it may hold for its carrier. */
const shownParts = (party: Party): readonly Item[] => itemsOf[party].filter((item) => item.part !== 'nationalId');

/** The fields an order of this party can be asked for. */
export function fieldsOfOrder(party: Party): readonly Field[] {
  const asked = new Set<Field>(['externalRef', ...shownParts(party).flatMap((item) => item.fields)]);
  return allFields.filter((field) => asked.has(field));
}

/** Which fields a read releases in full and which as masks, of what this order holds. */
export function releasedFields(
  header: OrderHeader,
  decision: Decision,
): { full: readonly Field[]; masked: readonly Field[] } {
  const held = shownParts(header.party).filter((item) => Object.hasOwn(header.shown, item.label));
  const reference = Object.hasOwn(header.shown, referenceLabel) ? (['externalRef'] as const) : [];
  const those = (state: Verdict['state']) => {
    const items = held.filter((item) => weakest(decision, item.fields).state === state);
    const released = new Set<Field>(items.flatMap((item) => item.fields));
    if (reference.some((field) => decision.verdicts[field].state === state)) released.add('externalRef');
    return allFields.filter((field) => released.has(field));
  };
  return { full: those('full'), masked: those('masked') };
}

export interface OrderView {
  readonly id: string;
  readonly customerId: string;
  readonly status: string;
  readonly version: number;
  readonly policyVersion: string;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly externalRef: Shown;
  readonly delivery: { readonly to: string } & Readonly<Partial<Record<Part, Shown>>>;
}

/** Opens what the judge released, shows the stored masks of what it masked, and nothing else. */
export function viewOrder(
  policy: Policy,
  row: OrderRow,
  record: OpenRecord,
  header: OrderHeader,
  decision: Decision,
): OrderView {
  const one = (label: string, fields: readonly [Field, ...Field[]], field: Field): Shown => {
    const verdict = weakest(decision, fields);
    if (!Object.hasOwn(header.shown, label)) return absent(verdict);
    const mask = header.masks === policy.label ? header.shown[label] : undefined;
    return show(policy, verdict, record, { label, field, mask });
  };
  const delivery: Partial<Record<Part, Shown>> = {};
  for (const { part, label, fields, mask } of shownParts(header.party)) {
    // Two labels may stand for one part (a mobile or a landline): the one that is held counts.
    if (delivery[part] === undefined || Object.hasOwn(header.shown, label)) delivery[part] = one(label, fields, mask);
  }
  return {
    id: row.id,
    customerId: row.customerId,
    status: row.status,
    version: row.version,
    policyVersion: policy.label,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
    externalRef: one(referenceLabel, ['externalRef'], 'externalRef'),
    delivery: { to: deliveryToOf(header.party), ...delivery },
  };
}
