import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commit } from '../src/db/commit.ts';
import { closeDatabase, openDatabase } from '../src/db/database.ts';
import { runningOwnerUrl } from '../src/db/embeddedAttach.ts';
import { loadKeyFolder } from '../src/keys/folder.ts';
import { newTenant } from '../src/vault/tenants.ts';
import { difference, openMeter, type Meter } from './cost.ts';
import { memoryOf } from './figures.ts';
import { any } from './floorWorks.ts';
import { compare, tableOf, type Rounds } from './growthRounds.ts';
import type { Work } from './load.ts';
import { startService, type Service } from './processes.ts';
import { seedVault } from './seed.ts';
import { vaultWorks, type VaultWork } from './vaultWorks.ts';

/**
 * `npm run bench -- tenants`: the same customers in one tenant and in two hundred, each with its own keys, policy, clients and
 * log, in interleaved rounds; and what a process does with them while nobody asks anything.
 */
const tenants = 200;
const customersEach = 50;
const terms: Rounds = { rounds: 5, seconds: 3, connections: 32 };
const idleSeconds = 20;
const works: readonly VaultWork[] = ['masked read', 'granted read, 3 fields', 'search', 'create'];
const root = fileURLToPath(new URL('../../', import.meta.url));

interface Side {
  readonly service: Service;
  readonly meter: Meter;
  readonly work: (name: VaultWork) => Work;
}

export async function manyTenants(): Promise<void> {
  const [alone, crowded] = [await startService(1), await startService(1)];
  try {
    console.log(`seeding one tenant of ${tenants * customersEach} customers, and ${tenants} of ${customersEach} …`);
    const one = await sideOf(alone, [alone.firstRun], tenants * customersEach);
    const many = await sideOf(crowded, await makeTenants(crowded), customersEach);
    const rows = [];
    for (const name of works) {
      const side = ({ meter, work }: Side) => ({ meter, work: work(name) });
      rows.push(await compare(name, side(one), side(many), terms));
    }
    console.log(tableOf(rows, 'one tenant'));
    for (const [name, side] of [
      ['one tenant', one],
      [`${tenants} tenants`, many],
    ] as const)
      console.log(await idle(name, side));
    await Promise.all([one.meter.close(), many.meter.close()]);
    await crowded.stop();
    const again = await startService(1, crowded.folder);
    console.log(`start with ${tenants} tenants, to listening: ${again.startMs.toFixed(0)} ms`);
    await again.stop();
  } finally {
    await alone.remove();
    await crowded.remove();
  }
}

/** Made as `amanat tenants create` makes them. Every process learns of them within a second. */
async function makeTenants(service: Service): Promise<readonly Service['firstRun'][]> {
  const keys = await loadKeyFolder(join(service.folder, 'keys'), { production: false });
  const profile = await readFile(join(root, 'policies/kalak.yaml'), 'utf8');
  const db = openDatabase({ connectionString: await ownerOf(service), max: 2 });
  const made: Service['firstRun'][] = [];
  for (let n = 0; n < tenants; n += 1) {
    const { statements, ...tenant } = await newTenant(keys.root.current, `shop ${n}`, profile, Date.now());
    await commit(db, { tenantIds: [tenant.tenantId] }, statements);
    made.push(tenant);
  }
  await closeDatabase(db);
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  return made;
}

/** Each request is of another tenant. */
async function sideOf(service: Service, firstRuns: readonly Service['firstRun'][], customers: number): Promise<Side> {
  const seeds: ReturnType<typeof vaultWorks>[] = [];
  for (const firstRun of firstRuns) {
    const seed = await seedVault({ ...service, firstRun }, customers, Math.ceil(300 / firstRuns.length));
    seeds.push(vaultWorks(service.url, seed));
  }
  return {
    service,
    meter: await openMeter(service, await ownerOf(service)),
    work: (name) => ({ url: service.url, next: () => any(seeds)[name].work.next() }),
  };
}

async function ownerOf({ folder }: Service): Promise<string> {
  const url = await runningOwnerUrl(join(folder, 'postgres'));
  if (url === undefined) throw new Error('no embedded PostgreSQL');
  return url;
}

async function idle(name: string, { service, meter }: Side): Promise<string> {
  // What the load has left is done first.
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  const before = await meter.read();
  await new Promise((resolve) => setTimeout(resolve, idleSeconds * 1000));
  const { nodeCpu, postgresCpu, pages } = difference(before, await meter.read());
  const each = (spent: number, digits: number): string => (spent / idleSeconds).toFixed(digits);
  return (
    `${name}, nobody asks: ${each(nodeCpu * 1000, 1)} ms of CPU a second in the service, ${each(postgresCpu * 1000, 1)} in PostgreSQL, ` +
    `${each(pages, 0)} pages; memory of the process ${(await memoryOf(service)).toFixed(0)} MB`
  );
}
