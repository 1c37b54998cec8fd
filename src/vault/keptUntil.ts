import type { OrderTerms } from '../db/orderTime.ts';
import type { HeldInvoice, HeldOrder } from '../db/statements.ts';
import { addDuration } from '../policy/duration.ts';
import type { Profile } from '../policy/profile.ts';
import { classOfOrder } from './heldItems.ts';
import { orderTermsOf } from './retentionTerms.ts';
import { endOfIranianYear } from './tehranDay.ts';

/** Until when what is held is kept, by its clock alone: whether a hold keeps it longer is asked of nobody here. */

type Retaining = Pick<Profile, 'retention'>;

/** Undefined while its clock has not begun, or where the profile sets no time. The sweep's terms (retentionTerms.ts). */
export function endOfOrder({ retention }: Retaining, order: OrderClock): Date | undefined {
  const terms = orderTermsOf(retention[classOfOrder(order.deliveryTo)], order.deliveryTo);
  const most = terms.most === null ? undefined : addDuration(order.createdAt, terms.most);
  return earliest([ended(order, terms), most]);
}

/** What of an order says when its time begins. */
export type OrderClock = Pick<HeldOrder, 'status' | 'deliveryTo' | 'createdAt' | 'updatedAt' | 'deliveredAt'>;

function ended({ status, deliveredAt, updatedAt }: OrderClock, { keep, cancelled }: OrderTerms): Date | undefined {
  const from = status === 'delivered' ? (deliveredAt ?? updatedAt) : updatedAt;
  const length = status === 'cancelled' ? (cancelled ?? keep) : keep;
  const begun = status === 'delivered' || status === 'returned' || status === 'cancelled';
  return begun && length !== null ? addDuration(from, length) : undefined;
}

export function endOfInvoice({ retention }: Retaining, { createdAt }: HeldInvoice): Date | undefined {
  return addDuration(endOfIranianYear(createdAt), retention.invoice_snapshot.keep);
}

interface Account {
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** When an account falls idle: from its last change or order. What becomes of it then, `retention.account.after` says. */
export function endOfAccount({ retention }: Retaining, account: Account, lastOrder: Date | null): Date | undefined {
  const { keep, clock } = retention.account;
  if (clock !== 'last_activity') return addDuration(account.createdAt, keep);
  const { updatedAt } = account;
  return addDuration(lastOrder !== null && lastOrder > updatedAt ? lastOrder : updatedAt, keep);
}

function earliest(ends: readonly (Date | undefined)[]): Date | undefined {
  return ends.reduce(
    (first, end) => (first === undefined || (end !== undefined && end < first) ? end : first),
    undefined,
  );
}
