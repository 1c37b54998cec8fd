/**
 * A small solver: what can be known of the cells of several tables that count the same population. Every table adds up to the same
 * total, which nobody was told. Intervals are narrowed until nothing narrows any more; as each cell stands in one equation and
 * the total is all that the tables share, what is left is exactly what is possible.
 */
export interface Interval {
  readonly least: number;
  readonly most: number;
}

export interface Cell {
  readonly name: string;
  readonly count: number;
  readonly suppressed: boolean;
  readonly known: Interval;
}

const sum = (intervals: readonly Interval[]): Interval => ({
  least: intervals.reduce((total, { least }) => total + least, 0),
  most: intervals.reduce((total, { most }) => total + most, 0),
});

const within = (one: Interval, other: Interval): Interval => ({
  least: Math.max(one.least, other.least),
  most: Math.min(one.most, other.most),
});

export function bounds(tables: readonly (readonly Cell[])[]): readonly (readonly Cell[])[] {
  let solved = tables;
  for (;;) {
    const total = solved.map((cells) => sum(cells.map(({ known }) => known))).reduce(within);
    const next = solved.map((cells) =>
      cells.map((cell) => {
        const others = sum(cells.filter((other) => other !== cell).map(({ known }) => known));
        const left = { least: total.least - others.most, most: total.most - others.least };
        return { ...cell, known: within(cell.known, left) };
      }),
    );
    const same = next.every((cells, t) =>
      cells.every(({ known }, i) => {
        const before = solved[t]?.[i]?.known;
        return known.least === before?.least && known.most === before.most;
      }),
    );
    if (same) return next;
    solved = next;
  }
}
