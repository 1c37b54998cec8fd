import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { emptyDatabase, withClient } from '../support/postgres.ts';
import { databaseUrl } from '../support/testCluster.ts';
import { login, startVault, type TestClient } from '../support/vault.ts';
import { made } from '../support/work.ts';
import { burst, findBy, lost, sendCreate, torn, type Known } from './burst.ts';
import { newFolder, ownCluster, until, type OwnCluster } from './ownCluster.ts';
import { startProcess, startService, type ShippedService } from './shippedService.ts';

/** Answered writes before the blow; eight more are on their way. */
const strikeAt = 40;
/** Starting a service a few times may take long on a busy machine. */
const patienceMs = 240_000;
const people = synthetic(201);

/** What was not answered is there or not, and the same request again gives the first result, twice over. */
async function expectRepeatable(shop: TestClient, known: readonly Known[]): Promise<void> {
  for (const customer of known) {
    const { sent, key, id, version, pending } = customer;
    if (id !== undefined && pending !== undefined) {
      const again = await shop.patch(`/v1/customers/${id}`, { fields: { email: pending } }, version);
      expect([200, 412]).toContain(again.status);
      expect(await findBy(shop, pending)).toEqual([id]);
    }
    if (key === undefined) continue;
    const first = made(await sendCreate(shop, customer));
    expect(made(await sendCreate(shop, customer)).id).toBe(first.id);
    if (id !== undefined) expect(first.id).toBe(id);
    const found = await shop.post('/v1/customers/search', { by: 'nationalId', value: sent.fields.nationalId });
    expect(found.body.matches.map((match: { id: string }) => match.id)).toEqual([first.id]);
  }
}

describe('P2: the service as shipped, creating and patching from eight connections', { timeout: patienceMs }, () => {
  const dataDir = newFolder();
  let service: ShippedService;
  let shopSecret: { readonly id: string; readonly secret: string };
  let shop: TestClient;

  const start = async (): Promise<void> => {
    service = await startService(dataDir);
    shopSecret ??= made(
      await service.admin.post('/v1/clients', { name: 'shop', role: 'shop_backend', authMethod: 'client_secret' }),
    );
    shop = await login(service.url, shopSecret.id, shopSecret.secret);
  };
  beforeAll(start, patienceMs);
  afterAll(async () => {
    await service.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  const blows: readonly (readonly [string, (service: ShippedService) => void, boolean])[] = [
    ['the service is killed', (s) => s.killService(), true],
    ['PostgreSQL is killed', (s) => s.killPostgres(), false],
    ['both are killed, and what watches over them', (s) => s.killAll(), true],
    ['PostgreSQL is killed once more', (s) => s.killPostgres(), false],
  ];
  test.each(blows)('%s: answered writes are there, the others whole or not at all', async (_, strike, ends) => {
    const known = await burst(shop, people, strikeAt, () => strike(service));
    if (ends) {
      await service.exited;
      await start();
    } else {
      await until(async () => (await shop.get('/v1/customers?limit=1')).status === 200);
    }
    const pending = known.filter((customer) => customer.pending !== undefined);
    expect(pending.length, 'the blow came between a request and its answer').toBeGreaterThan(0);
    expect(await lost(shop, known)).toEqual([]);
    expect(await torn(service.ownerUrl)).toEqual([]);
    await expectRepeatable(shop, known);
    expect(await torn(service.ownerUrl)).toEqual([]);
  });
});

describe('P2: control', { timeout: patienceMs }, () => {
  let cluster: OwnCluster;
  const dataDir = mkdtempSync(join(tmpdir(), 'amanat-refused-'));
  // Nothing but the commits themselves writes the log to the disk.
  const idle = {
    bgwriter_lru_maxpages: '0',
    autovacuum: 'off',
    wal_writer_delay: '10s',
    wal_writer_flush_after: '1GB',
  };

  beforeAll(async () => {
    cluster = await ownCluster({ ...idle, fsync: 'off' });
  });
  afterAll(async () => {
    await cluster.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  const asSuperuser = (sql: string) => withClient(cluster.database.superuserUrl, (superuser) => superuser.query(sql));
  const start = (url: string) => startProcess({ AMANAT_DATA_DIR: dataDir, AMANAT_DATABASE_URL: url });

  test('with synchronous_commit=off the same loop loses answered writes', async () => {
    await asSuperuser('alter database amanat set synchronous_commit to off');
    const vault = await startVault({ database: cluster.database });
    try {
      const shop = await vault.client('shop_backend');
      await asSuperuser('checkpoint');
      const known = await burst(shop, people, strikeAt, () => cluster.kill());
      await until(async () => (await shop.get('/v1/customers?limit=1')).status === 200);
      expect((await lost(shop, known)).length).toBeGreaterThan(0);
    } finally {
      await vault.stop();
    }
  });

  test('the service does not start on a PostgreSQL that forgets', async () => {
    const refusal = async (url: string): Promise<unknown> => (await start(url)).outcome;
    await asSuperuser('create database unsynced owner amanat_owner');
    const unsynced = databaseUrl(cluster.database.ownerUrl, 'unsynced');
    expect(await refusal(unsynced)).toMatchObject({ code: 78, stderr: expect.stringContaining('fsync=off') });
    const place = await emptyDatabase();
    try {
      const commits = (value: string) =>
        withClient(place.ownerUrl, (owner) =>
          owner.query(`alter database ${place.name} set synchronous_commit to ${value}`),
        );
      await commits('off');
      expect(await refusal(place.ownerUrl)).toMatchObject({
        code: 78,
        stderr: expect.stringContaining('synchronous_commit=off'),
      });
      await commits('on');
      const { child, outcome } = await start(place.ownerUrl);
      expect(outcome, 'on one that does not, it starts').toHaveProperty('url');
      child.kill('SIGTERM');
      await once(child, 'exit');
    } finally {
      await place.drop();
    }
  });
});
