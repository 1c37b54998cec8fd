import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { Client } from 'pg';
import { runningOwnerUrl } from '../src/db/embeddedAttach.ts';
import { seedFloor, floorWorks } from './floorWorks.ts';
import { load, median, type Measured, type Work } from './load.ts';
import { startFloor, startService } from './processes.ts';
import { seedVault, vaultWorks } from './vaultWorks.ts';

/** `npm run bench`, or `npm run bench -- quick`. Ratios to the floor of the same run are what counts; rates alone mean nothing. */
const quick = process.argv.includes('quick');
/** Further words choose the works whose names hold them: `npm run bench -- quick create`. */
const chosen = process.argv.slice(2).filter((word) => word !== 'quick');
const customers = quick ? 1_000 : 10_000;
const rounds = quick ? 3 : 5;
const seconds = quick ? 1 : 3;
const connections = 32;
/** A ratio whose rounds lie further apart than this says nothing. */
const noisy = 0.35;

interface Row {
  readonly work: string;
  readonly goal: number;
  readonly ratio: number;
  readonly spread: number;
  readonly floor: Measured;
  readonly vault: Measured;
}

async function measure(name: string, goal: number, floor: Work, vault: Work): Promise<Row> {
  // A request of a hundred records is work for a hundred.
  const open = vault.records === undefined || vault.records === 1 ? connections : connections / 8;
  const ratios: number[] = [];
  let last: { floor: Measured; vault: Measured } | undefined;
  for (let round = 0; round < rounds; round += 1) {
    // Interleaved, and turned about, so that drift of the machine hits both alike.
    const order = round % 2 === 0 ? ['floor', 'vault'] : ['vault', 'floor'];
    const seen: Record<string, Measured> = {};
    for (const who of order) seen[who] = await load(who === 'floor' ? floor : vault, open, seconds);
    const [f, v] = [seen['floor'], seen['vault']];
    if (f === undefined || v === undefined) throw new Error('no measurement');
    if (f.failures + v.failures > 0) throw new Error(`${name}: ${f.failures} and ${v.failures} requests failed`);
    ratios.push(v.rate / f.rate);
    last = { floor: f, vault: v };
  }
  if (last === undefined) throw new Error('no rounds');
  const ratio = median(ratios);
  return { work: name, goal, ratio, spread: (Math.max(...ratios) - Math.min(...ratios)) / ratio, ...last };
}

function table(rows: readonly Row[]): string {
  const number = (value: number, digits = 2) => value.toFixed(digits);
  return [
    '| work | ratio to floor | at least | spread | floor /s | vault /s | p50 ms floor/vault | p99 ms floor/vault |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows.map(
      (r) =>
        `| ${r.work} | ${number(r.ratio)} | ${number(r.goal)} | ${number(r.spread)}${r.spread > noisy ? ' (noisy)' : ''} | ${number(r.floor.rate, 0)} | ${number(r.vault.rate, 0)} | ${r.floor.p50}/${r.vault.p50} | ${r.floor.p99}/${r.vault.p99} |`,
    ),
  ].join('\n');
}

async function main(): Promise<void> {
  const service = await startService(1);
  const ownerUrl = await runningOwnerUrl(`${service.folder}/postgres`);
  if (ownerUrl === undefined) throw new Error('no embedded PostgreSQL');
  const floorUrl = await floorDatabase(ownerUrl);
  const floor = await startFloor(floorUrl);
  try {
    console.log(`seeding ${customers} customers on both sides …`);
    const floorSide = floorWorks(floor.url, await seedFloor(floorUrl, customers));
    const vaultSide = vaultWorks(service.url, await seedVault(service, customers));
    const rows: Row[] = [];
    for (const { name, goal, against } of vaultSide.works) {
      if (chosen.length > 0 && !chosen.some((word) => name.includes(word))) continue;
      rows.push(await measure(name, goal, floorSide[against], vaultSide.of(name)));
      console.log(table(rows.slice(-1)).split('\n')[2]);
    }
    const machine = {
      cpu: cpus()[0]?.model,
      cores: cpus().length,
      node: process.version,
      date: new Date().toISOString(),
    };
    console.log(
      `\n${table(rows)}\n\n${connections} connections (${connections / 8} for batches), one process, ${rounds} interleaved rounds of ${seconds} s, medians; ${machine.cores} cores, Node ${machine.node}.`,
    );
    if (rows.some((r) => r.spread > noisy))
      console.log('The machine was too noisy to judge the rows marked so: run again.');
    await writeFile(
      'dist-bench/results.json',
      `${JSON.stringify({ machine, customers, connections, rounds, seconds, rows }, null, 2)}\n`,
    );
  } finally {
    await floor.stop();
    await service.stop();
  }
}

/** A database of the floor's own in the same PostgreSQL. */
async function floorDatabase(ownerUrl: string): Promise<string> {
  const client = new Client({ connectionString: ownerUrl });
  await client.connect();
  await client.query('create schema floor');
  await client.query('create table floor.customers (id uuid primary key, national_id text, body jsonb not null)');
  await client.query('create unique index on floor.customers (national_id)');
  await client.end();
  const url = new URL(ownerUrl);
  url.searchParams.set('options', '-c search_path=floor');
  return url.href;
}

await main();
