import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { runningOwnerUrl } from '../src/db/embeddedAttach.ts';
import { ensureServiceLogin } from '../src/db/roles.ts';
import { scramVerifier } from '../src/db/scram.ts';
import { startPgbouncer } from '../tests/support/pgbouncer.ts';
import { openMeter } from './cost.ts';
import { compare, tableOf, type Rounds } from './growthRounds.ts';
import { load } from './load.ts';
import { firstLine, shipped, startService } from './processes.ts';
import { seedVault } from './seed.ts';
import { vaultWorks, type VaultWork } from './vaultWorks.ts';

/**
 * `npm run bench -- balancer`: two services of one vault, each a machine of its own as it were, behind a balancer that deals out
 * connections in turn; with connections of their own, and through PgBouncer in transaction mode. Then one of them is killed.
 */
const terms: Rounds = { rounds: 5, seconds: 3, connections: 32 };
const works: readonly VaultWork[] = ['masked read', 'granted read, 3 fields', 'create'];
const poolSize = 10;
const root = fileURLToPath(new URL('../../', import.meta.url));

interface Pair {
  readonly url: string;
  readonly children: readonly ChildProcess[];
  stop(): Promise<void>;
}

export async function balancer(): Promise<void> {
  const first = await startService(1);
  const ownerUrl = await runningOwnerUrl(join(first.folder, 'postgres'));
  if (ownerUrl === undefined) throw new Error('no embedded PostgreSQL');
  const loginUrl = await newLogin(ownerUrl);
  const pooler = await startPgbouncer([loginUrl], poolSize);
  const beside = { AMANAT_KEYS_DIR: join(first.folder, 'keys'), AMANAT_DATABASE_OWNER_URL: ownerUrl };
  const direct = await startPair({ ...beside, AMANAT_DATABASE_URL: loginUrl });
  const pooled = await startPair({
    ...beside,
    AMANAT_DATABASE_URL: pooler.through(loginUrl, 'transaction'),
    AMANAT_DATABASE_POOLER: 'transaction',
  });
  try {
    const seed = await seedVault(first, 10_000);
    // All of them are children of this process: what stands as PostgreSQL's is the services', PostgreSQL's and PgBouncer's.
    const meter = await openMeter({ ...first, pid: process.pid }, ownerUrl);
    const rows = [];
    for (const name of works) {
      const side = ({ url }: Pair) => ({ meter, work: vaultWorks(url, seed)[name].work });
      rows.push(await compare(name, side(direct), side(pooled), terms));
    }
    console.log(tableOf(rows, 'two without PgBouncer'));
    console.log('node: the load itself; PostgreSQL: all that serves, PgBouncer too');
    await meter.close();
    const read = vaultWorks(pooled.url, seed)['masked read'].work;
    const during = load(read, 16, 4);
    setTimeout(() => pooled.children[0]?.kill('SIGKILL'), 1_500);
    const [broken, after] = [await during, await load(read, 16, 2)];
    console.log(
      `one of two killed under ${broken.rate.toFixed(0)} reads a second: ${broken.failures} requests failed, and ` +
        `${after.failures} of those that came later (${after.rate.toFixed(0)} a second)`,
    );
  } finally {
    await Promise.all([direct.stop(), pooled.stop()]);
    await pooler.stop();
    await first.remove();
  }
}

async function newLogin(ownerUrl: string): Promise<string> {
  const password = randomBytes(16).toString('hex');
  const owner = new Client({ connectionString: ownerUrl });
  await owner.connect();
  const url = new URL(ownerUrl);
  url.username = await ensureServiceLogin(owner, { verifier: await scramVerifier(password), suffix: 'balanced' });
  url.password = password;
  await owner.end();
  return url.href;
}

async function startPair(env: Readonly<Record<string, string>>): Promise<Pair> {
  const folders: string[] = [];
  const children: ChildProcess[] = [];
  const ports: number[] = [];
  for (let n = 0; n < 2; n += 1) {
    const folder = await mkdtemp(join(tmpdir(), 'amanat-balanced-'));
    const settings = { AMANAT_PORT: '0', AMANAT_DATA_DIR: folder, AMANAT_RATE_LIMIT: '10000000' };
    const child = spawn(process.execPath, [...shipped], {
      cwd: root,
      env: { PATH: process.env['PATH'], AMANAT_ISSUER: 'http://127.0.0.1', ...settings, ...env },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const url = await firstLine(child, (line) => (JSON.parse(line) as { url?: string }).url);
    folders.push(folder);
    children.push(child);
    ports.push(Number(new URL(url).port));
  }
  const door = await dealOut(ports);
  return {
    url: `http://127.0.0.1:${(door.address() as AddressInfo).port}`,
    children,
    async stop() {
      door.close();
      for (const child of children) child.kill('SIGTERM');
      await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
    },
  };
}

/** Connections in turn; where nobody listens the next one is asked. */
async function dealOut(ports: readonly number[]): Promise<Server> {
  let turn = 0;
  const door = createServer((client) => {
    const ask = (left: number): void => {
      const server = connect(ports[(turn += 1) % ports.length] ?? 0, '127.0.0.1');
      server.once('connect', () => {
        server.off('error', again).on('error', () => client.destroy());
        client.pipe(server).pipe(client);
      });
      const again = (): void => (left > 0 ? ask(left - 1) : void client.destroy());
      server.once('error', again);
      client.on('error', () => server.destroy()).on('close', () => server.destroy());
    };
    ask(ports.length);
  });
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
  return door;
}
