import type { FloorWork } from './floorWorks.ts';
import { load, median, type Measured, type Work } from './load.ts';
import type { Named } from './vaultWorks.ts';

export interface Terms {
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
  readonly processes: number;
}

export interface Row extends Pick<Terms, 'connections' | 'processes'> {
  readonly work: string;
  readonly goal: number;
  readonly least: number;
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

/** Interleaved rounds, turned about, so that drift of the machine hits both alike. */
export async function measure(
  { name, goal, least, against, work }: Named,
  floorWorks: Readonly<Record<FloorWork, Work>>,
  { rounds, seconds, connections, processes }: Terms,
): Promise<Row> {
  const floorWork = floorWorks[against];
  const seen: { floor: Measured; vault: Measured }[] = [];
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
  return { work: name, goal, least, connections, processes, ratio, spread, floor, vault };
}

const loaded = (work: Work, connections: number, seconds: number): Promise<Measured> =>
  load(work, connectionsOf(work, connections), seconds);

async function turned(vault: () => Promise<Measured>, floor: () => Promise<Measured>): Promise<[Measured, Measured]> {
  const second = await vault();
  return [await floor(), second];
}
