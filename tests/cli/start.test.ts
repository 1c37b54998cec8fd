import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { cp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { emptyDatabase, testDatabase, withClient, type EmptyDatabase } from '../support/postgres.ts';
import { login, type TestClient } from '../support/vault.ts';
import { amanat, launchService, refusedStart, startService, temporaryFolder, type Service } from './process.ts';

/** P15 and the life of the process, from outside: `dist/main.js` as an operator runs it. */
const people = synthetic(15);
const folder = temporaryFolder();
const keysDir = join(folder.path, 'keys');
const example = fileURLToPath(new URL('../../keys.example', import.meta.url));
let database: EmptyDatabase;
let env: Record<string, string>;
let customerId: string;

interface FirstRun {
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
}
const firstRunIn = (dataDir: string): FirstRun =>
  JSON.parse(readFileSync(join(dataDir, 'first-run.json'), 'utf8')) as FirstRun;

/** A shop's client, made by the administrator of the first run. */
async function shopOf(url: string, dataDir: string): Promise<TestClient> {
  const { clientId, clientSecret } = firstRunIn(dataDir);
  const admin = await login(url, clientId, clientSecret);
  const made = await admin.post('/v1/clients', { name: 'shop', role: 'shop_backend', authMethod: 'client_secret' });
  return login(url, made.body.id, made.body.secret);
}

async function started<T>(settings: Record<string, string>, work: (service: Service) => Promise<T>): Promise<T> {
  const service = await startService(settings);
  try {
    return await work(service);
  } finally {
    await service.stop();
  }
}

beforeAll(async () => {
  database = await emptyDatabase();
  env = { AMANAT_DATABASE_URL: database.ownerUrl, AMANAT_DATA_DIR: folder.path };
  customerId = await started(env, async ({ url }) => {
    const made = await (await shopOf(url, folder.path)).post('/v1/customers', people.naturalCustomer());
    return made.body.id as string;
  });
});
afterAll(async () => {
  await database.drop();
  folder.remove();
});

/** Every row of every table, as text. */
async function everything(): Promise<string> {
  return withClient(database.superuserUrl, async (client) => {
    const tables = await client.query<{ name: string }>(
      `select table_name as name from information_schema.tables where table_schema = 'amanat' order by 1`,
    );
    const dumps: string[] = [];
    for (const { name } of tables.rows) {
      const { rows } = await client.query<{ row: string }>(`select t::text as row from amanat.${name} t order by 1`);
      dumps.push(name, ...rows.map(({ row }) => row));
    }
    return dumps.join('\n');
  });
}

const listing = (path: string): string =>
  readdirSync(path)
    .map((name) => `${name} ${statSync(join(path, name)).mode.toString(8)} ${readFileSync(join(path, name), 'hex')}`)
    .join('\n');

describe('P15: keys that are not in order', () => {
  let bad: string;

  /** A copy of the right keys, spoilt. */
  async function spoilt(name: string, spoil: (path: string) => void | Promise<void>): Promise<void> {
    bad = join(folder.path, name);
    // The keys alone: what stands in place of a witness lies beside them.
    await cp(keysDir, bad, { recursive: true, filter: (path) => path !== join(keysDir, 'witness') });
    await spoil(bad);
  }

  /** Refused with these words; nothing in the database and nothing in the keys folder has changed. */
  async function expectRefusal(words: string, settings: Record<string, string> = {}): Promise<void> {
    const before = { data: await everything(), keys: statSync(bad, { throwIfNoEntry: false }) && listing(bad) };
    const { code, stderr, stdout } = await refusedStart({
      ...env,
      AMANAT_KEYS_DIR: bad,
      AMANAT_PORT: '0',
      ...settings,
    });
    expect({ code, stderr }).toEqual({ code: 78, stderr: expect.stringContaining(words) });
    expect(stderr).toMatch(/^amanat does not start: /);
    expect(stdout).not.toContain('listening');
    expect(await everything()).toBe(before.data);
    expect(statSync(bad, { throwIfNoEntry: false }) && listing(bad)).toBe(before.keys);
  }

  test('control: with the right keys it starts and finds the customer', async () => {
    await started(env, async ({ url }) => {
      expect((await (await shopOf(url, folder.path)).get(`/v1/customers/${customerId}`)).status).toBe(200);
    });
  });

  test('missing: none are made', async () => {
    bad = join(folder.path, 'missing');
    await expectRefusal('does not exist');
    expect(statSync(bad, { throwIfNoEntry: false })).toBeUndefined();
  });

  test('an empty folder: none are made', async () => {
    await spoilt('empty', async (path) => {
      for (const name of readdirSync(path)) await rm(join(path, name));
    });
    await expectRefusal('holds no keys');
  });

  test('an empty file', async () => {
    await spoilt('empty-file', (path) => writeFileSync(join(path, 'root-1.key'), ''));
    await expectRefusal('root-1.key is empty');
  });

  test('one missing of several', async () => {
    await spoilt('no-token', (path) => rm(join(path, 'token-1.pem')));
    await expectRefusal('token-1.pem is missing');
  });

  test('cut short, and altered', async () => {
    const root = readFileSync(join(keysDir, 'root-1.key'), 'utf8');
    await spoilt('cut', (path) => writeFileSync(join(path, 'root-1.key'), root.slice(0, 30)));
    await expectRefusal('is cut short');
    const other = root.replace(/ ([A-Za-z0-9+/])/, (_, c: string) => ` ${c === 'A' ? 'B' : 'A'}`);
    await spoilt('altered', (path) => writeFileSync(join(path, 'root-1.key'), other));
    await expectRefusal('was altered');
  });

  test('wrong: whole keys of another vault', async () => {
    const other = join(folder.path, 'stranger');
    expect((await amanat(['init'], { AMANAT_DATA_DIR: other })).code).toBe(0);
    bad = join(other, 'keys');
    await expectRefusal('not in the keys folder');
  });

  test('readable by others: a file, and the folder', async () => {
    await spoilt('loose-file', (path) => chmodSync(join(path, 'root-1.key'), 0o640));
    await expectRefusal('chmod 600');
    await spoilt('loose-folder', (path) => chmodSync(path, 0o755));
    await expectRefusal('chmod 700');
  });

  test('the example keys, with an external database', async () => {
    bad = example;
    await expectRefusal('keys.example');
  });
});

describe('on the embedded PostgreSQL', () => {
  const home = temporaryFolder();
  const own = { AMANAT_DATA_DIR: home.path };
  afterAll(() => home.remove());

  test('example keys: taken with a warning outside production, refused with NODE_ENV=production', async () => {
    const dataDir = join(home.path, 'example');
    await cp(example, join(dataDir, 'keys'), { recursive: true });
    const { code, stderr } = await refusedStart({ AMANAT_DATA_DIR: dataDir, NODE_ENV: 'production' });
    expect(code).toBe(78);
    expect(stderr).toContain('keys.example');
    const control = await startService({ AMANAT_DATA_DIR: dataDir });
    expect(await control.stop()).toBe(0);
  });

  test('a first start serves; a second on the same folder is 75 and harms nothing; a restart finds everything', async () => {
    const id = await started(own, async ({ url }) => {
      const file = statSync(join(home.path, 'first-run.json'));
      expect(file.mode & 0o777).toBe(0o600);
      expect(firstRunIn(home.path)).toMatchObject({ url, issuer: url });
      const shop = await shopOf(url, home.path);
      const made = await shop.post('/v1/customers', people.naturalCustomer());
      const second = await refusedStart({ ...own });
      expect(second.code).toBe(75);
      expect(second.stderr).toContain('is in use by process');
      expect((await shop.get(`/v1/customers/${made.body.id}`)).status).toBe(200);
      return made.body.id as string;
    });
    const kept = firstRunIn(home.path);
    await started(own, async ({ url }) => {
      const shop = await shopOf(url, home.path);
      expect((await shop.get(`/v1/customers/${id}`)).status).toBe(200);
      // The port was free for both; only the address has changed.
      expect(firstRunIn(home.path)).toEqual({ ...kept, url, issuer: url });
      // The operator's command attaches to the PostgreSQL that runs.
      const verified = await amanat(['audit', 'verify', '--json'], own);
      expect(verified.json, verified.stderr).toMatchObject({ holds: true, tenants: [{ records: 1 }] });
    });
    const stopped = await amanat(['audit', 'verify', '--json'], own);
    expect(stopped.json, stopped.stderr).toMatchObject({ holds: true, tenants: [{ records: 1 }] });
  });

  test('keys gone from beside data: refused, none made; put back, everything is there', async () => {
    const away = join(home.path, 'keys.away');
    await cp(join(home.path, 'keys'), away, { recursive: true });
    await rm(join(home.path, 'keys'), { recursive: true });
    const { code, stderr } = await refusedStart({ ...own });
    expect(code, stderr).toBe(78);
    expect(readdirSync(home.path)).not.toContain('keys');
    await cp(away, join(home.path, 'keys'), { recursive: true });
    await started(own, async ({ url }) => {
      expect((await (await shopOf(url, home.path)).get('/v1/customers')).body.items).toHaveLength(1);
    });
  });
});

describe('a stop', () => {
  test('finishes what is in flight, takes nothing new, and is 0', async () => {
    const service = await startService(env);
    const { token } = await shopOf(service.url, folder.path);
    const body = JSON.stringify(people.naturalCustomer());
    const sending = request(`${service.url}/v1/customers`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        expect: '100-continue',
      },
    });
    const answered = new Promise<number | undefined>((resolve, reject) => {
      sending.once('response', (answer) => resolve(answer.resume().statusCode)).once('error', reject);
    });
    // The service asks for the body: the request is in flight.
    await new Promise((resolve) => {
      sending.once('continue', resolve);
      sending.flushHeaders();
    });
    service.child.kill('SIGTERM');
    await service.logged((event) => event['event'] === 'stopping');
    await expect(fetch(`${service.url}/healthz`)).rejects.toThrow();
    sending.end(body);
    expect(await answered).toBe(201);
    expect(await service.exited).toBe(0);
  });

  test('while still starting is 0 as well, and leaves a folder that starts', async () => {
    const home = temporaryFolder();
    const launched = launchService({ AMANAT_DATA_DIR: home.path });
    await launched.logged((event) => event['event'] === 'starting');
    expect(await launched.stop()).toBe(0);
    const service = await startService({ AMANAT_DATA_DIR: home.path });
    expect(await service.stop()).toBe(0);
    home.remove();
  });
});

describe('AMANAT_WORKERS=2', () => {
  /** Children of the leading process (proc(5)). */
  const workersOf = (pid: number): number[] =>
    readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);

  test('serves, goes on when a worker is killed, and replaces it', async () => {
    const service = await startService({ ...env, AMANAT_WORKERS: '2' });
    try {
      const shop = await shopOf(service.url, folder.path);
      const ask = async () => (await shop.get(`/v1/customers/${customerId}`)).status;
      expect(await ask()).toBe(200);
      const [victim = 0, ...others] = workersOf(service.child.pid ?? 0);
      expect(others.length).toBeGreaterThan(0);
      process.kill(victim, 'SIGKILL');
      const died = await service.logged((event) => event['event'] === 'warning');
      expect(String(died['code'])).toMatch(/^worker_exit_/);
      // A request may have been on the killed worker's connection; the next one is served.
      await expect.poll(() => ask().catch(() => 0), { timeout: 10_000 }).toBe(200);
      await expect.poll(() => workersOf(service.child.pid ?? 0).length, { timeout: 10_000 }).toBe(others.length + 1);
    } finally {
      expect(await service.stop()).toBe(0);
    }
  });
});

describe('settings that cannot work', () => {
  test.each([
    ['a profile that does not ship', { AMANAT_PROFILE: 'nobodys' }, 'AMANAT_PROFILE', 78],
    [
      'TLS files that are not there',
      { AMANAT_TLS_CERT: '/nonexistent', AMANAT_TLS_KEY: '/nonexistent' },
      'AMANAT_TLS_KEY',
      78,
    ],
    [
      'TLS files that are none',
      { AMANAT_TLS_CERT: join(example, 'README.md'), AMANAT_TLS_KEY: join(example, 'README.md') },
      'in PEM',
      78,
    ],
    ['an address of another machine', { AMANAT_HOST: '192.0.2.7' }, 'AMANAT_HOST', 78],
    [
      'a database that is not there',
      { AMANAT_DATABASE_URL: 'postgres://u:secret@127.0.0.1:1/x' },
      'cannot be reached',
      69,
    ],
    ['a connection in clear', { AMANAT_DATABASE_URL: 'postgres://u:secret@192.0.2.1/x' }, 'not be encrypted', 78],
  ])('%s', async (_what, settings, words, expected) => {
    const { code, stderr } = await refusedStart({ ...env, ...settings });
    expect({ code, stderr }).toEqual({ code: expected, stderr: expect.stringContaining(words) });
    expect(stderr).not.toContain('secret');
  });

  test('a port that another program has, for one process and for workers', async () => {
    await started(env, async ({ url }) => {
      const { port } = new URL(url);
      for (const workers of ['1', '2']) {
        const { code, stderr } = await refusedStart({ ...env, AMANAT_PORT: port, AMANAT_WORKERS: workers });
        expect({ code, stderr }).toEqual({ code: 78, stderr: expect.stringContaining('AMANAT_PORT') });
      }
    });
  });
});

describe('whose login the service was given', () => {
  test('its own alone: it serves on the schema as it is, and brings none forward', async () => {
    const prepared = await testDatabase();
    const home = temporaryFolder();
    const own = { AMANAT_DATABASE_URL: prepared.serviceUrl, AMANAT_DATA_DIR: home.path };
    try {
      await started(own, async ({ url }) => {
        expect((await (await shopOf(url, home.path)).get('/v1/customers')).status).toBe(200);
      });
      const sql = (text: string) => withClient(prepared.superuserUrl, (client) => client.query(text));
      await sql(
        `delete from amanat.schema_migrations where version = (select max(version) from amanat.schema_migrations)`,
      );
      const older = await refusedStart(own);
      expect({ code: older.code, stderr: older.stderr }).toEqual({
        code: 78,
        stderr: expect.stringContaining('amanat migrate'),
      });
    } finally {
      await prepared.drop();
      home.remove();
    }
  });

  test('an older version refuses a newer schema', async () => {
    const sql = (text: string) => withClient(database.superuserUrl, (client) => client.query(text));
    await sql(`insert into amanat.schema_migrations (version, name, checksum, applied_at)
               select max(version) + 1, '000999_of_the_future.sql', 'x', now() from amanat.schema_migrations`);
    const newer = await refusedStart(env);
    expect({ code: newer.code, stderr: newer.stderr }).toEqual({
      code: 78,
      stderr: expect.stringContaining('000999_of_the_future.sql, which this version does not know'),
    });
    await sql(`delete from amanat.schema_migrations where name = '000999_of_the_future.sql'`);
  });

  test('an owner, or a superuser, in place of its own is refused', async () => {
    const settings = { AMANAT_DATABASE_OWNER_URL: database.ownerUrl, AMANAT_DATABASE_URL: database.superuserUrl };
    const { code, stderr } = await refusedStart({ ...env, ...settings });
    expect({ code, stderr }).toEqual({ code: 78, stderr: expect.stringContaining('owner or administrator') });
  });
});
