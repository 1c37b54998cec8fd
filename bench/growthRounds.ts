import { difference, type Meter, type Spent } from './cost.ts';
import { load, median, type Measured, type Work } from './load.ts';

/** One side of a comparison: a vault of some size. */
export interface Side {
  readonly meter: Meter;
  readonly work: Work;
}

/** What a request cost, beside how long it took: CPU does not depend on who else is at work on the machine. */
export interface Cost extends Measured {
  readonly nodeMs: number;
  readonly postgresMs: number;
  readonly pages: number;
  readonly walBytes: number;
}

export interface Compared {
  readonly work: string;
  /** Medians of the rounds' ratios of the large side to the small one: of requests a second, and of CPU for each. */
  readonly ratio: number;
  readonly cpuRatio: number;
  readonly spread: number;
  readonly small: Cost;
  readonly large: Cost;
}

export interface Rounds {
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
}

/** Interleaved and turned about, so that drift of the machine hits both alike. */
export async function compare(name: string, small: Side, large: Side, terms: Rounds): Promise<Compared> {
  const seen: { small: Cost; large: Cost }[] = [];
  await costOf(small, { ...terms, seconds: 1 });
  await costOf(large, { ...terms, seconds: 1 });
  for (let round = 0; round < terms.rounds; round += 1) {
    if (round % 2 === 0) seen.push({ small: await costOf(small, terms), large: await costOf(large, terms) });
    else {
      const second = await costOf(large, terms);
      seen.push({ small: await costOf(small, terms), large: second });
    }
  }
  const ratios = seen.map((one) => one.large.rate / one.small.rate);
  const cpu = ({ nodeMs, postgresMs }: Cost): number => nodeMs + postgresMs;
  const ratio = median(ratios);
  return {
    work: name,
    ratio,
    cpuRatio: median(seen.map((one) => cpu(one.small) / cpu(one.large))),
    spread: (Math.max(...ratios) - Math.min(...ratios)) / ratio,
    small: middle(seen.map((one) => one.small)),
    large: middle(seen.map((one) => one.large)),
  };
}

export async function costOf({ meter, work }: Side, { connections, seconds }: Omit<Rounds, 'rounds'>): Promise<Cost> {
  const before = await meter.read();
  const measured = await load(work, connections, seconds);
  const spent = difference(before, await meter.read());
  const served = measured.rate * seconds;
  return { ...measured, ...each(spent, served) };
}

function each(spent: Spent, served: number): Omit<Cost, keyof Measured> {
  return {
    nodeMs: (spent.nodeCpu * 1000) / served,
    postgresMs: (spent.postgresCpu * 1000) / served,
    pages: spent.pages / served,
    walBytes: spent.walBytes / served,
  };
}

function middle(all: readonly Cost[]): Cost {
  const of = (pick: (one: Cost) => number): number => median(all.map(pick));
  return {
    rate: of((one) => one.rate),
    p50: of((one) => one.p50),
    p99: of((one) => one.p99),
    failures: all.reduce((sum, one) => sum + one.failures, 0),
    nodeMs: of((one) => one.nodeMs),
    postgresMs: of((one) => one.postgresMs),
    pages: of((one) => one.pages),
    walBytes: of((one) => one.walBytes),
  };
}

/** `small` and `large` of each figure; the ratios are the large one's to the small one. */
export function tableOf(rows: readonly Compared[], small: string): string {
  const pair = (of: (one: Cost) => number, row: Compared, digits: number): string =>
    `${of(row.small).toFixed(digits)} / ${of(row.large).toFixed(digits)}`;
  const lines = rows.map((row) =>
    [
      row.work,
      `**${row.ratio.toFixed(2)}**`,
      row.cpuRatio.toFixed(2),
      row.spread.toFixed(2),
      pair((one) => one.p99, row, 0),
      pair((one) => one.nodeMs, row, 3),
      pair((one) => one.postgresMs, row, 3),
      pair((one) => one.pages, row, 1),
      pair((one) => one.walBytes, row, 0),
    ].join(' | '),
  );
  const heads = [
    'work',
    `ratio to ${small}`,
    'by CPU',
    'spread',
    'p99 ms',
    'node ms',
    'PostgreSQL ms',
    'pages',
    'WAL bytes',
  ];
  return [`| ${heads.join(' | ')} |`, `|${' --- |'.repeat(heads.length)}`, ...lines.map((line) => `| ${line} |`)].join(
    '\n',
  );
}
