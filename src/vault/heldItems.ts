import type { Field, Party } from '../policy/profile.ts';
import type { RetentionClass } from '../policy/vocabulary.ts';
import { invoiceFields } from './invoiceRecord.ts';
import { itemsOf } from './orderRecord.ts';

/** Where an item lies: in which kind of record, and how long that is kept. */
export interface Place {
  readonly record: 'customer' | 'order' | 'invoice';
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
    ...(inOrders[party].has(field) ? [{ record: 'order' as const, class: classOfOrder('customer') }] : []),
    ...(inInvoices ? [{ record: 'invoice' as const, class: 'invoice_snapshot' as const }] : []),
  ];
}
