import type { OrderClocks, OrderTerms } from '../db/orderTime.ts';
import { addDuration, durationPattern } from '../policy/duration.ts';
import type { Profile } from '../policy/profile.ts';
import type { RetentionClass } from '../policy/vocabulary.ts';
import { endOfIranianYear } from './tehranDay.ts';

type Retaining = Pick<Profile, 'retention'>;
export type RetentionRule = Profile['retention'][RetentionClass];

/** From the end of a year to some moment of the year before it; a year has 366 days at most. */
const intoYearBefore = 367 * 24 * 60 * 60 * 1000;

/** ISO 8601, or null where the profile sets no length of time: then nothing is due by it. */
export const durationOf = (length: string | undefined): string | null =>
  length === undefined || !durationPattern.test(length) ? null : length;

export function orderTermsOf({ keep, cases, most }: RetentionRule, deliveryTo: OrderTerms['deliveryTo']): OrderTerms {
  const cancelled = cases?.find(({ when }) => when === 'cancelled')?.keep;
  return {
    deliveryTo,
    keep: durationOf(keep),
    cancelled: cancelled === 'at_once' ? 'P0D' : durationOf(cancelled),
    most: most?.clock === 'order' ? most.length : null,
  };
}

/** The legal desk sees what a hold keeps; for everybody else what has had its time is gone, whether or not it is. */
const desk: ReadonlySet<string> = new Set(['legal_registrar', 'legal_approver']);

/** By which terms an order is over for this reader, at `at`. */
export function clocksFor(profile: Retaining, at: Date, { role }: { readonly role: string }): OrderClocks {
  return desk.has(role) ? undefined : clocksOf(profile, at);
}

export function clocksOf({ retention }: Retaining, at: Date): NonNullable<OrderClocks> {
  return {
    now: at,
    customer: orderTermsOf(retention.order_shipping, 'customer'),
    recipient: orderTermsOf(retention.alternate_recipient, 'recipient'),
  };
}

/** What was invoiced before then has had its time. */
export const invoicesSince = ({ retention }: Retaining, at: Date): Date => booksClosed(retention.invoice_snapshot, at);

/** The end of the last fiscal year that has been over for so long: what was invoiced before is due. */
export function booksClosed({ keep }: RetentionRule, at: Date): Date {
  const never = new Date(0);
  if (durationOf(keep) === null) return never;
  // Back from now, a year at a time: a profile keeps books for tens of years at most.
  for (let year = 0, end = endOfIranianYear(at); year < 100; year += 1) {
    const due = addDuration(end, keep);
    if (due !== undefined && due <= at) return end;
    end = endOfIranianYear(new Date(end.getTime() - intoYearBefore));
  }
  return never;
}
