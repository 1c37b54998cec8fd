import type { HeldInvoice, HeldOrder } from '../db/statements.ts';
import { addDuration } from '../policy/duration.ts';
import type { Profile } from '../policy/profile.ts';
import { endOfIranianYear } from './tehranDay.ts';

/** Until when what is held is kept, by its clock alone: whether a hold keeps it longer is asked of nobody here. */

type Retaining = Pick<Profile, 'retention'>;

/** Undefined while its clock has not begun, or where the profile sets no time. The sweep's terms (db/retention.ts) are the same. */
export function endOfOrder({ retention }: Retaining, order: HeldOrder): Date | undefined {
  const { keep, cases, most } = retention[order.deliveryTo === 'recipient' ? 'alternate_recipient' : 'order_shipping'];
  const cancelled = cases?.find(({ when }) => when === 'cancelled')?.keep;
  const ends = [
    ended(order, keep, cancelled === 'at_once' ? 'P0D' : cancelled),
    most?.clock === 'order' ? addDuration(order.createdAt, most.length) : undefined,
  ];
  return earliest(ends);
}

function ended(order: HeldOrder, keep: string, cancelled = keep): Date | undefined {
  const { status, deliveredAt, updatedAt } = order;
  switch (status) {
    case 'delivered':
      return addDuration(deliveredAt ?? updatedAt, keep);
    case 'returned':
      return addDuration(updatedAt, keep);
    case 'cancelled':
      return addDuration(updatedAt, cancelled);
    case 'placed':
    case 'dispatched':
      return undefined;
  }
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
