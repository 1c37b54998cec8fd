/**
 * What may be published of a table of counts. Pure, so that the argument can be tried out on every small table there is.
 *
 * 1. A cell stands for at least k persons, and no one of them makes up more than half of it; any other is suppressed, an empty one
 *    too, and all suppressed cells look the same.
 * 2. What is published is rounded down to a multiple of five.
 * 3. Every table of a population that has more than one leaves a category out in every month, whatever its size (orders that have
 *    not ended, orders whose city is not told), and no total is published. So each equation between two tables holds a number that
 *    nobody is ever told: a suppressed cell can be anything from nothing to k - 1 persons, whatever else was published, and no
 *    further cell has to be hidden to protect it.
 * 4. A table is made once, of a month that is over, and never again (sql/000025_statistics.sql): there is no figure before and
 *    after somebody came, left or was erased.
 */
export const roundedTo = 5;

export interface Counted {
  readonly count: number;
  readonly persons: number;
  readonly most: number;
}

/** Undefined for what is not published. */
export function published({ count, persons, most }: Counted, k: number): number | undefined {
  if (persons < k || most * 2 > count) return undefined;
  return Math.floor(count / roundedTo) * roundedTo;
}
