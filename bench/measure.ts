import type { FloorWork } from './floorWorks.ts';
import { load, median, type Measured, type Work } from './load.ts';
import type { Started } from './processes.ts';
import type { Named } from './vaultWorks.ts';

export interface Terms {
  readonly rounds: number;
  readonly seconds: number;
  /** Seconds of load on each side before the first round, which count for nothing: V8 compiles what it has seen to be hot. */
  readonly warm: number;
  readonly connections: number;
  readonly processes: number;
  /** The goals are set for these terms. */
  readonly judged: boolean;
}

export interface Row extends Pick<Terms, 'connections' | 'processes'> {
  readonly work: string;
  /** Ratios; absent where none is set for this many connections. */
  readonly goal?: number;
  readonly least?: number;
  /** Median of the rounds' ratios of records a second, vault to floor. */
  readonly ratio: number;
  /** How far the rounds' ratios lie apart, as a share of the median. */
  readonly spread: number;
  /** Medians of the rounds. */
  readonly floor: Measured;
  readonly vault: Measured;
}

/** A ratio whose rounds lie further apart than this says nothing. */
export const noisy = 0.35;

/** A request of a hundred records is work for a hundred: an eighth of the connections. */
const connectionsOf = ({ records = 1 }: Work, connections: number): number =>
  records === 1 ? connections : Math.max(1, connections / 8);

/** The same work on two servers: `audited` to what it costs without its leaf. */
export function weighed(
  { work }: Named,
  name: string,
  goals: Named['goals'],
  without: Started,
  terms: Terms,
): Promise<Row> {
  return measure({ name, goals, against: 'read', work }, { read: { ...work, url: without.url } }, terms);
}

/** Interleaved rounds, turned about, so that drift of the machine hits both alike. */
export async function measure(
  { name, goals, against, work }: Named,
  floorWorks: Readonly<Partial<Record<FloorWork, Work>>>,
  { rounds, seconds, warm, connections, processes, judged }: Terms,
): Promise<Row> {
  const floorWork = floorWorks[against];
  if (floorWork === undefined) throw new Error(`the floor does not ${against}`);
  const seen: { floor: Measured; vault: Measured }[] = [];
  await loaded(floorWork, connections, warm);
  await loaded(work, connections, warm);
  for (let round = 0; round < rounds; round += 1) {
    const one = {
      floor: () => loaded(floorWork, connections, seconds),
      vault: () => loaded(work, connections, seconds),
    };
    const [floor, vault] =
      round % 2 === 0 ? [await one.floor(), await one.vault()] : await turned(one.vault, one.floor);
    if (floor.failures + vault.failures > 0)
      throw new Error(`${name}: ${floor.failures} and ${vault.failures} requests failed`);
    seen.push({ floor, vault });
  }
  const ratios = seen.map(({ floor, vault }) => vault.rate / floor.rate);
  const ratio = median(ratios);
  const spread = (Math.max(...ratios) - Math.min(...ratios)) / ratio;
  const middle = (of: (one: { floor: Measured; vault: Measured }) => Measured): Measured => ({
    rate: median(seen.map((one) => of(one).rate)),
    p50: median(seen.map((one) => of(one).p50)),
    p99: median(seen.map((one) => of(one).p99)),
    failures: 0,
  });
  const [floor, vault] = [middle((one) => one.floor), middle((one) => one.vault)];
  return { work: name, ...(judged ? goals : {}), connections, processes, ratio, spread, floor, vault };
}

const loaded = (work: Work, connections: number, seconds: number): Promise<Measured> =>
  load(work, connectionsOf(work, connections), seconds);

async function turned(vault: () => Promise<Measured>, floor: () => Promise<Measured>): Promise<[Measured, Measured]> {
  const second = await vault();
  return [await floor(), second];
}
