import { fields as allFields, parties, type Field, type Party } from '../policy/profile.ts';
import type { RetentionClass } from '../policy/vocabulary.ts';
import { labels as customerLabels, placeFields } from './customerSeal.ts';
import { invoiceFields } from './invoiceRecord.ts';
import { itemsOf } from './orderRecord.ts';

/** Where an item lies: in which kind of record, and how long that is kept. */
export interface Place {
  readonly record: 'customer' | 'order' | 'invoice' | 'grant';
  readonly class: RetentionClass;
}

/** For how long a customer's own record keeps a field. */
export const classOfItem = (field: Field): RetentionClass => (field === 'iban' ? 'refund_iban' : 'account');

/** For how long an order keeps what it holds, by who receives the parcel. */
export const classOfOrder = (deliveryTo: 'customer' | 'recipient'): RetentionClass =>
  deliveryTo === 'recipient' ? 'alternate_recipient' : 'order_shipping';

const inOrders: Readonly<Record<Party, ReadonlySet<Field>>> = {
  natural: fieldsIn('natural'),
  legal: fieldsIn('legal'),
  recipient: fieldsIn('recipient'),
};

function fieldsIn(party: Party): ReadonlySet<Field> {
  return new Set(itemsOf[party].flatMap(({ fields }) => fields));
}

/** Every place in which an item of this party can lie. */
export function placesOf(party: Party, field: Field): readonly Place[] {
  if (party === 'recipient') return [{ record: 'order', class: classOfOrder('recipient') }];
  const inInvoices = invoiceFields.some((known) => known === field);
  return [
    { record: 'customer', class: classOfItem(field) },
    ...(field === 'iban' ? [{ record: 'grant' as const, class: 'refund_iban' as const }] : []),
    ...(inOrders[party].has(field) ? [{ record: 'order' as const, class: classOfOrder('customer') }] : []),
    ...(inInvoices ? [{ record: 'invoice' as const, class: 'invoice_snapshot' as const }] : []),
  ];
}

/** Which fields each label of an order answers for; parts of the recipient's address are that address. */
const inOrder: ReadonlyMap<string, readonly Field[]> = new Map(
  parties.flatMap((party) =>
    itemsOf[party].map((item) => [item.label, party === 'recipient' ? [item.fields[0]] : item.fields] as const),
  ),
);

/**
 * What fields a stored record holds, by the labels of its sealed values; nothing is opened. Which kinds of phone a customer has
 * no label tells: the kinds of identifier that it is found by do.
 */
export function heldFields(labels: readonly string[], tagged: readonly string[] = []): readonly Field[] {
  const held = new Set<string>(labels.flatMap((label): readonly string[] => inOrder.get(label) ?? [label]));
  for (const field of placeFields)
    if (labels.some((label) => label === customerLabels.place(label.split('/')[1] ?? '', field))) held.add(field);
  for (const kind of tagged) if (kind === 'mobile' || kind === 'landline') held.add(kind);
  return allFields.filter((field) => held.has(field));
}
