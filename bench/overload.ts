import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { memoryOf, mostMemory } from './figures.ts';
import type { FloodNews, FloodOrder } from './flood.ts';
import { load, median, type Measured, type Work } from './load.ts';
import { startService, type Service } from './processes.ts';
import { seedVault } from './seed.ts';
import { vaultWorks } from './vaultWorks.ts';

/**
 * `npm run bench -- overload`: one tenant floods the vault by two clients while another goes on with its work. Three rounds, each:
 * the other tenant alone, the same during the flood, and again right after it. Bounded: loopback, 400 connections, eight seconds a round.
 */
const flood = { connections: 200, clients: 2, seconds: 8 };
const work = { connections: 16, seconds: 4 };
const rounds = 3;

interface Round {
  readonly alone: Measured;
  readonly during: Measured;
  readonly after: Measured;
  readonly flooding: readonly Measured[];
}

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));

async function secondTenant(service: Service): Promise<Service> {
  const args = [join(root, 'dist/cli/main.js'), 'tenants', 'create', '--name', 'another shop', '--json'];
  const env = { PATH: process.env['PATH'], AMANAT_DATA_DIR: service.folder };
  const { stdout } = await run(process.execPath, args, { cwd: root, env });
  const made = JSON.parse(stdout) as Service['firstRun'];
  // Every process learns of a tenant within a second.
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  return { ...service, firstRun: made };
}

interface Flood {
  readonly underway: Promise<void>;
  readonly over: Promise<Measured>;
}

function floodOf({ url, next }: Work): Flood {
  const { connections, seconds } = flood;
  const order: FloodOrder = { url, requests: Array.from({ length: 200 }, next), connections, seconds };
  const child = fork(new URL('./flood.js', import.meta.url));
  child.send(order);
  const ended = new AbortController();
  child.once('exit', () => setImmediate(() => ended.abort()));
  const heard = async (): Promise<FloodNews> => {
    const [news] = (await once(child, 'message', { signal: ended.signal })) as [FloodNews];
    return news;
  };
  const first = heard();
  const begin = async (): Promise<void> => {
    if ((await first) !== 'underway') throw new Error('the flood was over before it was one');
  };
  const finish = async (): Promise<Measured> => {
    await first;
    const last = await heard();
    if (last === 'underway') throw new Error('a flood begins once');
    return last;
  };
  return { underway: begin(), over: finish() };
}

export async function overload(): Promise<void> {
  const service = await startService(1);
  try {
    console.log('seeding two tenants …');
    const flooder = vaultWorks(service.url, await seedVault(service, 500))['granted read, 3 fields'].work;
    const other = vaultWorks(service.url, await seedVault(await secondTenant(service), 500))['granted read, 3 fields']
      .work;
    const before = await memoryOf(service);
    const { result, megabytes } = await mostMemory(service, async () => {
      const seen: Round[] = [];
      for (let round = 0; round < rounds; round += 1) {
        const alone = await load(other, work.connections, work.seconds);
        const flooded = Array.from({ length: flood.clients }, () => floodOf(flooder));
        await Promise.all(flooded.map(({ underway }) => underway));
        const during = await load(other, work.connections, work.seconds);
        const flooding = await Promise.all(flooded.map(({ over }) => over));
        seen.push({ alone, during, after: await load(other, work.connections, work.seconds), flooding });
      }
      return seen;
    });
    tell(result, before, megabytes);
  } finally {
    await service.remove();
  }
}

function tell(seen: readonly Round[], before: number, most: number): void {
  const of = (part: (round: Round) => Measured, what: 'p50' | 'p99' | 'rate' | 'failures') =>
    median(seen.map((round) => part(round)[what]));
  const lines = (['alone', 'during', 'after'] as const).map((when) => {
    const figure = (what: 'p50' | 'p99' | 'rate') => of((round) => round[when], what).toFixed(0);
    const refused = of((round) => round[when], 'failures').toFixed(0);
    return `| ${when} | ${figure('rate')} | ${figure('p50')} | ${figure('p99')} | ${refused} |`;
  });
  const served = median(seen.map(({ flooding }) => flooding.reduce((sum, one) => sum + one.rate, 0)));
  const refused = median(seen.map(({ flooding }) => flooding.reduce((sum, one) => sum + one.failures, 0)));
  const ratio = median(seen.map(({ alone, during }) => during.p99 / alone.p99));
  console.log(`
| the other tenant (${work.connections} connections) | reads/s | p50 ms | p99 ms | refused |
| --- | --- | --- | --- | --- |
${lines.join('\n')}

p99 during the flood to alone: ${ratio.toFixed(2)} (promised: at most 2).
The flood: ${flood.clients} clients of ${flood.connections} connections; ${served.toFixed(0)} reads/s served, ${refused.toFixed(0)} refused in ${flood.seconds} s.
Memory of the process: ${before.toFixed(0)} MB before, ${most.toFixed(0)} MB at most.`);
}
