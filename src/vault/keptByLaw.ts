import type { LeftRecord } from '../db/erasure.ts';
import { addDuration } from '../policy/duration.ts';
import type { Profile } from '../policy/profile.ts';
import type { RetentionClass } from '../policy/vocabulary.ts';
import { endOfIranianYear } from './tehranDay.ts';

/** A record that outlives its customer: under which class, and until when. */
export interface Kept {
  readonly record: LeftRecord;
  readonly rule: RetentionClass;
  readonly until: Date;
}

/**
 * What of a customer's records outlives the customer, and until when; everything else goes with it. An invoice stays for the
 * years that the law keeps books; a delivered order for its own class, to answer for the sale that was made. What was never
 * delivered has nothing to answer for.
 */
export function keptOf({ retention }: Pick<Profile, 'retention'>, record: LeftRecord, at: Date): Kept | undefined {
  const rule = classOf(record);
  const { keep } = retention[rule];
  const from = clockOf(record);
  const until = from === undefined ? undefined : within(retention, record, addDuration(from, keep));
  return until === undefined || until <= at ? undefined : { record, rule, until };
}

function classOf({ kind, deliveryTo }: LeftRecord): RetentionClass {
  if (kind === 'invoices') return 'invoice_snapshot';
  return deliveryTo === 'recipient' ? 'alternate_recipient' : 'order_shipping';
}

/** When the record's time begins; never for an order that was not delivered. */
function clockOf({ kind, createdAt, deliveredAt, status }: LeftRecord): Date | undefined {
  if (kind === 'invoices') return endOfIranianYear(createdAt);
  return status === 'delivered' ? (deliveredAt ?? createdAt) : undefined;
}

/** Whatever began late: never longer than the class allows from the order itself. */
function within(
  retention: Profile['retention'],
  { kind, deliveryTo, createdAt }: LeftRecord,
  until: Date | undefined,
): Date | undefined {
  const { most } =
    retention[kind === 'orders' && deliveryTo === 'recipient' ? 'alternate_recipient' : 'order_shipping'];
  if (kind === 'invoices' || until === undefined || most === undefined || most.clock !== 'order') return until;
  const last = addDuration(createdAt, most.length);
  return last !== undefined && last < until ? last : until;
}
