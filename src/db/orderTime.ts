/**
 * When what an order holds has had its time. One condition for the sweep that lets it go and for whoever looks at it: what a hold
 * keeps beyond is there for nobody else, so that nothing tells that it is kept.
 */

/** ISO 8601 durations; null where the profile sets none, and then nothing is over by it. */
export interface OrderTerms {
  readonly deliveryTo: 'customer' | 'recipient';
  /** From delivery, return or cancellation. */
  readonly keep: string | null;
  readonly cancelled: string | null;
  /** From the order, whatever became of it. */
  readonly most: string | null;
}

/** The terms of both kinds of order, and by when; undefined for the legal desk, for which nothing is over. */
export type OrderClocks =
  { readonly now: Date; readonly customer: OrderTerms; readonly recipient: OrderTerms } | undefined;

/** Of `amanat.orders o`, by these expressions. A null term makes nothing over. */
export const overBy = (at: {
  readonly keep: string;
  readonly cancelled: string;
  readonly most: string;
  readonly now: string;
}): string => `(case o.status
               when 'delivered' then coalesce(
                 (select max(s.closed_at) from amanat.shipments s
                   where s.tenant_id = $1::uuid and s.order_id = o.id and s.status = 'delivered'), o.updated_at)
                 <= ${at.now} - ${at.keep}
               when 'returned' then o.updated_at <= ${at.now} - ${at.keep}
               when 'cancelled' then o.updated_at <= ${at.now} - coalesce(${at.cancelled}, ${at.keep})
             end is true
             or (o.created_at <= ${at.now} - ${at.most}) is true)`;

/** The same by `clockValues`, which stand from parameter `first` on. */
export const overFrom = (first: number): string => overBy({ ...termsFrom(first), now: `$${first}::timestamptz` });

/** Their terms, for whom the parcel is. */
export function termsFrom(first: number) {
  const term = (n: number): string =>
    `(case o.delivery_to when 'recipient' then $${first + n + 3}::interval else $${first + n}::interval end)`;
  return { keep: term(1), cancelled: term(2), most: term(3) };
}

/** Seven parameters. */
export const clockValues = (clocks: OrderClocks): readonly (Date | string | null)[] => [
  clocks?.now ?? null,
  ...[clocks?.customer, clocks?.recipient].flatMap((terms) => [
    terms?.keep ?? null,
    terms?.cancelled ?? null,
    terms?.most ?? null,
  ]),
];
