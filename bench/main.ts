import { Client } from 'pg';
import { runningOwnerUrl } from '../src/db/embeddedAttach.ts';
import { freePort } from '../src/worker.ts';
import { latencies, mostMemory, sealing, sizes, startedAgain, type Figure } from './figures.ts';
import { floorWorks, seedFloor } from './floorWorks.ts';
import { measure, weighed, type Row, type Terms } from './measure.ts';
import { startFloor, startService, startUnaudited, type Service } from './processes.ts';
import { balancer } from './balancer.ts';
import { growth } from './growth.ts';
import { overload } from './overload.ts';
import { manyTenants } from './tenants.ts';
import { judgement, lineOf, machine, table, writeResults } from './report.ts';
import { seedVault } from './seed.ts';
import { vaultWorks, type VaultWork } from './vaultWorks.ts';

/**
 * `npm run bench`, or `npm run bench -- quick`: the service as shipped against the floor, real processes on one embedded
 * PostgreSQL, in interleaved rounds. Ratios within a run are what counts; rates alone mean nothing. `quick` runs what has a
 * figure to reach. Further words choose the works whose names hold them (`npm run bench -- quick create`); `publish` writes the
 * results into docs/ as well; `overload`, `growth`, `tenants` and `balancer` are other benchmarks, each in a file of its name.
 */
const words = new Set(process.argv.slice(2));
const quick = words.delete('quick');
const publish = words.delete('publish');
words.delete('profile');
const size = quick ? 1_000 : 10_000;
const base: Terms = {
  ...(quick ? { rounds: 3, seconds: 1, warm: 1 } : { rounds: 5, seconds: 2, warm: 2 }),
  connections: 32,
  processes: 1,
  judged: true,
};

const everything: readonly VaultWork[] = [
  'masked read',
  'granted read, 3 fields',
  'granted read, all fields',
  'courier read',
  'search',
  'create',
  'patch',
  'batch create of 100, records',
  'batch read of 100 in masks, records',
  'batch read of 100 in full, records',
  'import, records',
];
const ways: readonly VaultWork[] = ['masked read', 'granted read, 3 fields', 'create'];
const reads: readonly VaultWork[] = ['masked read', 'granted read, 3 fields', 'granted read, all fields'];

interface Part {
  readonly terms: Terms;
  readonly works: readonly VaultWork[];
}

const onOneProcess: readonly Part[] = [
  { terms: base, works: everything },
  ...(quick
    ? []
    : [1, 8].map((connections) => ({
        terms: { ...base, rounds: 3, warm: 1, connections, judged: false },
        works: ways,
      }))),
];
const onTwo: Part = { terms: { ...base, rounds: 3, processes: 2 }, works: [...reads, 'create'] };

interface Side {
  readonly service: Service;
  readonly ownerUrl: string;
  readonly postgres: string;
  readonly floor: ReturnType<typeof floorWorks>;
  readonly vault: ReturnType<typeof vaultWorks>;
  stop(): Promise<void>;
}

async function bothSides(processes: number, customers: number): Promise<Side> {
  const service = await startService(processes);
  const ownerUrl = await runningOwnerUrl(`${service.folder}/postgres`);
  if (ownerUrl === undefined) throw new Error('no embedded PostgreSQL');
  const { floorUrl, postgres } = await floorDatabase(ownerUrl);
  const floor = await startFloor(floorUrl, processes);
  console.log(`seeding ${customers} customers on both sides, ${processes} process(es) each …`);
  const vault = vaultWorks(service.url, await seedVault(service, customers));
  const plain = floorWorks(floor.url, await seedFloor(floorUrl, customers));
  // Both sides of one age: a planner without statistics is that of a vault's first seconds.
  await analyze(ownerUrl);
  return {
    service,
    ownerUrl,
    postgres,
    floor: plain,
    vault,
    async stop() {
      await floor.stop();
      await service.stop();
    },
  };
}

async function analyze(ownerUrl: string): Promise<void> {
  const client = new Client({ connectionString: ownerUrl });
  await client.connect();
  await client.query('analyze');
  await client.end();
}

/** Those asked for by a word of their name; without one all, in a hurry those alone that have something to reach. */
function chosen(works: readonly VaultWork[], vault: Side['vault']): VaultWork[] {
  if (words.size > 0) return works.filter((name) => [...words].some((word) => name.includes(word)));
  return works.filter((name) => !quick || vault[name].goals.least !== undefined);
}

/** The figures that are set for two processes: for reads alone. */
const goalsOfTwo = (name: VaultWork) => (reads.includes(name) ? { goal: 0.9, least: 0.65 } : {});

async function rowsOf(side: Side, { terms, works }: Part): Promise<Row[]> {
  const rows: Row[] = [];
  for (const name of chosen(works, side.vault)) {
    const named = side.vault[name];
    const goals = terms.processes === 1 ? named.goals : goalsOfTwo(name);
    const row = await measure({ ...named, goals }, side.floor, terms);
    rows.push(row);
    console.log(lineOf(row));
  }
  return rows;
}

async function main(): Promise<void> {
  const rows: Row[] = [];
  const figures: Figure[] = [];
  const first = await bothSides(1, size);
  const { service } = first;
  try {
    figures.push({ name: 'first start, to listening', value: Math.round(service.startMs), unit: 'ms' });
    const { result, megabytes } = await mostMemory(service, async () => {
      const found: Row[] = [];
      for (const part of onOneProcess) found.push(...(await rowsOf(first, part)));
      if (words.size === 0 && !quick) found.push(...(await auditWeighed(first)));
      return found;
    });
    rows.push(...result);
    figures.push(...latencies(rows), ...(quick ? [] : [sealing()]));
    figures.push({
      name: 'memory of the process, at most',
      value: Math.round(megabytes),
      unit: 'MB',
      goal: '250, at most 400',
    });
    if (!quick) figures.push(...(await sizes(first.ownerUrl)));
  } finally {
    await first.stop();
  }
  if (!quick) {
    const read = first.vault['masked read'].work;
    figures.push(...(await startedAgain(service, await freePort('127.0.0.1'), (url) => ({ ...read, url }))));
    const second = await bothSides(2, 2_000);
    try {
      rows.push(...(await rowsOf(second, onTwo)));
    } finally {
      await second.stop();
      await second.service.remove();
    }
  }
  await service.remove();
  const results = { machine: machine(first.postgres), customers: size, rows, figures };
  console.log(`\n${table(results)}\n\n${judgement(results)}`);
  await writeResults('dist-bench', results);
  if (publish) await writeResults('docs/bench', results);
}

/** What the audit costs a read: to the same reads of a process that leaves none. */
async function auditWeighed(side: Side): Promise<Row[]> {
  const without = await startUnaudited(side.service, side.ownerUrl);
  try {
    const rows: Row[] = [];
    for (const work of ['masked read', 'granted read, all fields'] as const) {
      const goals = work === 'masked read' ? { goal: 1.15, least: 1 } : {};
      rows.push(await weighed(side.vault[work], `${work}, to one without audit`, goals, without, base));
      console.log(lineOf(rows.at(-1)!));
    }
    return rows;
  } finally {
    await without.stop();
  }
}

/** A schema of the floor's own in the same PostgreSQL. */
async function floorDatabase(ownerUrl: string): Promise<{ readonly floorUrl: string; readonly postgres: string }> {
  const client = new Client({ connectionString: ownerUrl });
  await client.connect();
  const { rows } = await client.query<{ version: string }>(`select current_setting('server_version') as version`);
  await client.query('create schema floor');
  await client.query('create table floor.customers (id uuid primary key, national_id text, body jsonb not null)');
  await client.query('create unique index on floor.customers (national_id)');
  await client.end();
  const url = new URL(ownerUrl);
  url.searchParams.set('options', '-c search_path=floor');
  return { floorUrl: url.href, postgres: rows[0]?.version ?? 'unknown' };
}

if (words.delete('overload')) await overload();
else if (words.delete('growth')) await growth(words);
else if (words.delete('tenants')) await manyTenants();
else if (words.delete('balancer')) await balancer();
else await main();
process.exit(0);
