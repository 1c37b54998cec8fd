import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { mkdir, writeFile } from 'node:fs/promises';
import { Client } from 'pg';
import { freePort } from '../src/worker.ts';
import { openMeter } from './cost.ts';
import { bytesUnder, memoryOf, sizes, startedAgain, type Figure } from './figures.ts';
import { openGrowing, type Growing } from './grow.ts';
import { passesOf, type Passed } from './growthPlans.ts';
import { compare, tableOf, type Compared, type Rounds } from './growthRounds.ts';
import { startService } from './processes.ts';
import { machine } from './report.ts';
import { vaultWorks, type VaultWork } from './vaultWorks.ts';

/**
 * `npm run bench -- growth`, or `npm run bench -- growth 100000` to stop there: the same work with more and more customers and
 * leaves, against a vault that stays at ten thousand, each with a PostgreSQL of its own, in interleaved rounds. Half an hour and
 * 20 GB of the temporary folder up to a million customers and ten million leaves. `folder=…` is grown further and
 * left as it is, `leaves=…` is enough of them.
 */
const smallest = 10_000;
const stages = [
  { customers: smallest, leaves: 0 },
  { customers: 100_000, leaves: 1_000_000 },
  { customers: 1_000_000, leaves: 10_000_000 },
] as const satisfies readonly Stage[];
interface Stage {
  readonly customers: number;
  readonly leaves: number;
}
const terms: Rounds = { rounds: 5, seconds: 3, connections: 32 };
const works: readonly VaultWork[] = ['masked read', 'granted read, 3 fields', 'courier read', 'search', 'create'];
/** Opening every value of more would take longer than everything else. */
const mostVerified = 100_000;

interface Measured {
  readonly stage: Stage;
  readonly compared: readonly Compared[];
  readonly passed: readonly Passed[];
  readonly figures: readonly Figure[];
}

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));

export async function growth(words: ReadonlySet<string>): Promise<void> {
  const most = Math.max(...[...words].filter((word) => /^\d+$/.test(word)).map(Number), 0) || Number.POSITIVE_INFINITY;
  const folder = valueOf(words, 'folder');
  const mostLeaves = Number(valueOf(words, 'leaves') ?? Number.POSITIVE_INFINITY);
  const small = await startService(1);
  let large = await startService(1, folder);
  const measured: Measured[] = [];
  try {
    const stays = await openGrowing(small);
    await stays.customersTo(smallest);
    for (const { customers, leaves } of stages.filter((stage) => stage.customers <= most)) {
      const grows = await openGrowing(large);
      if (grows.seed.ids.length > customers * 1.2) continue;
      const stage = { customers, leaves: Math.min(leaves, mostLeaves) };
      const figures = await grow(grows, stage);
      const one = await measureOne(stays, grows, stage, figures);
      measured.push(one);
      console.log(readable(one));
      large = await startService(1, large.folder);
    }
    const results = { machine: machine(await versionOf(stays.ownerUrl)), terms, measured };
    await mkdir('dist-bench', { recursive: true });
    await writeFile('dist-bench/growth.json', `${JSON.stringify(results, undefined, 2)}\n`);
  } finally {
    await small.remove();
    await (folder === undefined ? large.remove() : large.stop());
  }
}

const valueOf = (words: ReadonlySet<string>, name: string): string | undefined =>
  [...words].find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);

async function grow(grows: Growing, { customers, leaves }: Stage): Promise<readonly Figure[]> {
  const had = grows.seed.ids.length;
  const began = performance.now();
  await grows.customersTo(customers);
  const stored = performance.now();
  const added = await grows.leavesTo(leaves);
  const filled = performance.now();
  await grows.integrated();
  const integrated = performance.now();
  await grows.vacuumed();
  const rate = (count: number, ms: number): number => (count <= 0 ? Number.NaN : Math.round((count * 1000) / ms));
  return [
    { name: 'customers imported', value: rate(customers - had, stored - began), unit: 'a second' },
    { name: 'leaves stored', value: rate(added, filled - stored), unit: 'a second' },
    { name: 'stored leaves in the tree after', value: Math.round((integrated - filled) / 1000), unit: 's' },
    { name: 'vacuumed after', value: Math.round((performance.now() - integrated) / 1000), unit: 's' },
  ].filter(({ value }) => !Number.isNaN(value));
}

/** Leaves the service of the grown vault stopped. */
async function measureOne(stays: Growing, grows: Growing, stage: Stage, grown: readonly Figure[]): Promise<Measured> {
  const onDisk = await sizes(grows.ownerUrl);
  const small = { ...stays, meter: await openMeter(stays.service, stays.ownerUrl) };
  const large = { ...grows, meter: await openMeter(grows.service, grows.ownerUrl) };
  const compared: Compared[] = [];
  for (const name of works) {
    const side = ({ service, seed, meter }: typeof small) => ({
      meter,
      work: vaultWorks(service.url, seed)[name].work,
    });
    compared.push(await compare(name, side(small), side(large), terms));
  }
  const memory = { name: 'memory of the process', value: Math.round(await memoryOf(grows.service)), unit: 'MB' };
  const passed = await passesOf(grows);
  const verified = stage.customers <= mostVerified ? await verifiedIn(grows.service.folder) : [];
  await Promise.all([small.meter.close(), large.meter.close()]);
  await grows.service.stop();
  const onDiskInAll = {
    name: 'on disk, all of it',
    value: Math.round((await bytesUnder(grows.service.folder)) / 1e6),
    unit: 'MB',
  };
  const read = vaultWorks('', grows.seed)['masked read'].work;
  const again = await startedAgain(grows.service, await freePort('127.0.0.1'), (url) => ({ ...read, url }));
  return { stage, compared, passed, figures: [...grown, ...onDisk, onDiskInAll, memory, ...again, ...verified] };
}

/** How long the operator's own commands take. */
async function verifiedIn(folder: string): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const words of [['audit', 'verify'], ['verify']]) {
    const began = performance.now();
    await run(process.execPath, [join(root, 'dist/cli/main.js'), ...words], {
      env: { PATH: process.env['PATH'], AMANAT_DATA_DIR: folder },
      maxBuffer: 2 ** 26,
    });
    figures.push({
      name: `amanat ${words.join(' ')}`,
      value: Math.round((performance.now() - began) / 100) / 10,
      unit: 's',
    });
  }
  return figures;
}

async function versionOf(ownerUrl: string): Promise<string> {
  const client = new Client({ connectionString: ownerUrl });
  await client.connect();
  const { rows } = await client.query<{ version: string }>(`select current_setting('server_version') as version`);
  await client.end();
  return rows[0]?.version ?? 'unknown';
}

function readable({ stage, compared, passed, figures }: Measured): string {
  const passes = passed.map(
    ({ work, ms, statements, pages, heavy }) =>
      `| ${work} | ${ms.toFixed(0)} | ${statements} | ${pages} | ${heavy.map((one) => `${one.node}: ${one.rows}`).join('; ')} |`,
  );
  return [
    `\n## ${stage.customers} customers, at least ${stage.leaves} leaves\n`,
    tableOf(compared, String(smallest)),
    '\n| work, once | ms | statements | pages | looked at more rows than a page holds |',
    `|${' --- |'.repeat(5)}`,
    ...passes,
    '\n| figure | value |',
    `|${' --- |'.repeat(2)}`,
    ...figures.map(({ name, value, unit }) => `| ${name} | ${value} ${unit} |`),
  ].join('\n');
}
