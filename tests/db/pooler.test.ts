import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { commit } from '../../src/db/commit.ts';
import { checkNoPooler, closeDatabase, DatabaseRefusal, openDatabase, type Database } from '../../src/db/database.ts';
import { statement } from '../../src/db/statement.ts';
import { openIntegrator } from '../../src/vault/integration.ts';
import { watchReaders } from '../../src/vault/readerWatch.ts';
import { treeProgress } from '../../src/vault/tree.ts';
import { refusedStart, startService, temporaryFolder } from '../cli/process.ts';
import { servers, startPgbouncer, type Pgbouncer } from '../support/pgbouncer.ts';
import { testDatabase, withClient, type TestDatabase } from '../support/postgres.ts';
import { clientOf, login, startVault, type Answer, type TestClient, type TestVault } from '../support/vault.ts';
import { made, statuses } from '../support/work.ts';

/** Two processes of one vault behind a real PgBouncer in transaction mode, which has two connections for everybody. */
let place: TestDatabase;
let pooler: Pgbouncer;
let shared: string;
let vault: TestVault;
let second: TestVault;
const people = synthetic(61);

beforeAll(async () => {
  place = await testDatabase();
  pooler = await startPgbouncer([place.serviceUrl, place.ownerUrl]);
  shared = pooler.through(place.serviceUrl, 'transaction');
  const wrapDatabase = (db: Database): Database => ({ ...db, prepare: false });
  vault = await startVault({ clock: 'machine', database: { ...place, serviceUrl: shared }, wrapDatabase });
  second = await startVault({ beside: vault, wrapDatabase });
});
afterAll(async () => {
  await second.stop();
  await vault.stop();
  await pooler.stop();
});

/** A tenant's shop, on both processes. */
async function openShop(tenant: Pick<TestVault, 'client'>): Promise<readonly TestClient[]> {
  const shop = await tenant.client('shop_backend');
  await second.vault.watch.lookAnew();
  return [shop, clientOf(second.url, shop.id, shop.secret, shop.token)];
}

const several = <T>(count: number, one: (n: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, n) => one(n)));

/** What stands on a connection to PostgreSQL before whoever is lent it has done anything. */
interface Lent {
  readonly pid: number;
  /** Customers that are seen without a word. */
  readonly seen: number;
  readonly tenants: string | null;
  readonly prepared: number;
  readonly locks: number;
  readonly channels: number;
}
const lookAround = `
  select pg_backend_pid() as pid, (select count(*)::integer from amanat.customers) as seen,
         nullif(current_setting('amanat.tenants', true), '') as tenants,
         (select count(*)::integer from pg_prepared_statements) as prepared,
         (select count(*)::integer from pg_locks l where l.locktype = 'advisory' and l.pid = pg_backend_pid()) as locks,
         (select count(*)::integer from pg_listening_channels()) as channels`;

/** Each of the pooler's connections, lent at one moment to a client that sets nothing. */
async function connections(doing = lookAround): Promise<Lent[]> {
  const clients = await several(servers, async () => {
    const client = new Client({ connectionString: shared });
    client.on('error', () => undefined);
    await client.connect();
    await client.query('begin');
    return client;
  });
  const found = await Promise.all(clients.map((client) => client.query<Lent>(doing)));
  for (const client of clients) await client.query('commit').then(() => client.end());
  return found.flatMap(({ rows }) => rows);
}

const clean = { seen: 0, tenants: null, prepared: 0, locks: 0, channels: 0 };

async function refusal(db: Database): Promise<string> {
  const code = await checkNoPooler(db).then(
    () => 'none',
    (error: unknown) => (error instanceof DatabaseRefusal ? error.code : String(error)),
  );
  await closeDatabase(db);
  return code;
}

test('tenants at work on two processes share two connections, and leave nothing on them', async () => {
  const shops = [await openShop(vault), await openShop(await vault.secondTenant())];
  const ids: string[][] = [];
  for (const shop of shops) {
    const stored = await several(16, (n) => shop[n % 2]!.post('/v1/customers', people.naturalCustomer()));
    ids.push(stored.map((answer) => made(answer).id as string));
  }
  const delivery = { to: 'recipient', recipient: people.recipient() };
  const order = (shop: TestClient, customerId: string): Promise<Answer> =>
    shop.post('/v1/orders', { customerId, externalRef: 'O-61', delivery }, { 'idempotency-key': customerId });
  // Everybody at once: one's own customers on one process, the other tenant's on the other.
  const work = shops.flatMap((shop, which) =>
    ids[which]!.flatMap((id, n) => [
      shop[n % 2]!.get(`/v1/customers/${id}`),
      shop[(n + 1) % 2]!.get(`/v1/customers/${ids[1 - which]![n]}`),
      shop[n % 2]!.patch(`/v1/customers/${id}`, { fields: { email: people.email() } }, 1),
      shop[(n + 1) % 2]!.post('/v1/customers/search', { by: 'nationalId', value: people.nationalId() }),
      order(shop[n % 2]!, id),
    ]),
  );
  expect(statuses(await Promise.all(work))).toEqual({ 200: 96, 201: 32, 404: 32 });
  const [again, first] = [await order(shops[0]![1]!, ids[0]![0]!), await order(shops[0]![0]!, ids[0]![0]!)];
  expect(made(again).id).toBe(made(first).id);
  await Promise.all([vault, second].flatMap(({ vault: one }) => [openIntegrator(one)(), watchReaders(one, new Map())]));
  await openIntegrator(vault.vault)();
  expect((await treeProgress(vault.vault)).waiting).toBe(0);
  const lent = await connections();
  expect(new Set(lent.map(({ pid }) => pid)).size).toBe(servers);
  for (const one of lent) expect(one).toMatchObject(clean);
  const { rows } = await withClient(place.superuserUrl, (client) =>
    client.query<{ count: number }>(
      'select count(*)::integer as count from pg_stat_activity where usename = $1::name and datname = $2::name',
      [new URL(place.serviceUrl).username, place.name],
    ),
  );
  expect(rows[0]?.count).toBe(servers);
});

test('a pooler that nobody told of is noticed; told of it, a service starts and serves through it', async () => {
  const open = (url: string): Database => openDatabase({ connectionString: url, max: 1 });
  expect(await refusal(open(shared))).toBe('pooler');
  expect(await refusal(open(pooler.through(place.serviceUrl, 'session')))).toBe('pooler');
  expect(await refusal(open(place.serviceUrl))).toBe('none');
  const folder = temporaryFolder();
  const env = {
    AMANAT_DATA_DIR: folder.path,
    AMANAT_KEYS_DIR: vault.keysFolder,
    AMANAT_DATABASE_OWNER_URL: pooler.through(place.ownerUrl, 'transaction'),
    AMANAT_DATABASE_URL: shared,
  };
  const refused = await refusedStart(env);
  expect(refused).toMatchObject({ code: 78 });
  expect(refused.stderr).toContain('AMANAT_DATABASE_POOLER');
  const [shop] = await openShop(vault);
  const id = made(await shop!.post('/v1/customers', people.naturalCustomer())).id as string;
  const service = await startService({ ...env, AMANAT_DATABASE_POOLER: 'transaction' });
  const there = await login(service.url, shop!.id, shop!.secret);
  expect(statuses(await several(8, () => there.get(`/v1/customers/${id}`)))).toEqual({ 200: 8 });
  expect(await service.stop()).toBe(0);
  folder.remove();
});

test('what a careless client leaves is seen by the same look, and opens no other tenant to the vault', async () => {
  const [shop] = await openShop(vault);
  const [stranger] = await openShop(await vault.secondTenant());
  const id = made(await shop!.post('/v1/customers', people.naturalCustomer())).id as string;
  // Not for its transaction but for the session: what the vault never does.
  await connections(
    `select set_config('amanat.tenants', '{${vault.tenantId}}', false), set_config('amanat.directory', 'on', false),
            pg_advisory_lock(pg_backend_pid())`,
  );
  await withClient(shared, (client) => client.query({ name: 'left_behind', text: 'select 1' }));
  const lent = await connections();
  expect(lent.every(({ seen, tenants }) => seen > 0 && tenants === `{${vault.tenantId}}`)).toBe(true);
  expect(lent.some(({ prepared }) => prepared > 0)).toBe(true);
  expect(lent.some(({ locks }) => locks > 0)).toBe(true);
  const answers = await several(8, () => stranger!.get(`/v1/customers/${id}`));
  expect(statuses(answers)).toEqual({ 404: 8 });
  expect((await shop!.get(`/v1/customers/${id}`)).status).toBe(200);
});

test('in session mode a connection keeps what was prepared on it', async () => {
  const db = openDatabase({ connectionString: pooler.through(place.serviceUrl, 'session'), max: 1 });
  const count = statement<{ prepared: number }>(
    'count_prepared',
    'select count(*)::integer as prepared from pg_prepared_statements',
    [],
  );
  const counts = [await commit(db, 'directory', [count]), await commit(db, 'directory', [count])];
  // This one and the one that names the tenants.
  expect(counts.map(([[row]]) => row?.prepared)).toEqual([2, 2]);
  await closeDatabase(db);
});
