import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Client } from 'pg';
import { synthetic } from '../../src/cli/synthetic.ts';
import { leafHash } from '../../src/crypto/leaf.ts';
import { openIntegrator } from '../../src/vault/integration.ts';
import { vkeysOf } from '../support/logs.ts';
import { withClient } from '../support/postgres.ts';
import { startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { amanat } from './process.ts';

/** The command: a superuser's edits, each undone again, and the control that nothing is found. tests/attacks/p4.test.ts has the tree's. */
let vault: TestVault;
let vkeys: string[];
let shop: TestClient;
const people = synthetic(4);
const customerIds: string[] = [];
let orderId: string;

beforeAll(async () => {
  vault = await startVault();
  shop = await vault.client('shop_backend');
  const support = await vault.client('support', { actor: 'staff-1' });
  const courier = await vault.client('courier', { carrierProfile: 'post' }).catch(() => vault.client('courier'));
  for (let i = 0; i < 4; i += 1) {
    const made = await shop.post('/v1/customers', people.naturalCustomer());
    customerIds.push(made.body.id);
    await support.get(`/v1/customers/${made.body.id}`);
  }
  const [id = ''] = customerIds;
  expect((await shop.patch(`/v1/customers/${id}`, { fields: { givenName: 'مریم' } }, 1)).status).toBe(200);
  const { body } = await shop.get(`/v1/customers/${id}`);
  const delivery = { to: 'customer', addressId: body.addresses[0].id };
  const order = await shop.post('/v1/orders', { customerId: id, externalRef: 'O-1', delivery });
  expect(order.status, order.text).toBe(201);
  orderId = order.body.id;
  const parcel = await shop.post(`/v1/orders/${orderId}/shipments`, { courierClientId: courier.id });
  expect(parcel.status, parcel.text).toBe(201);
  expect((await shop.post(`/v1/orders/${orderId}/invoices`)).status).toBe(201);
  const second = await vault.secondTenant();
  vkeys = [...vkeysOf(vault), ...vkeysOf(vault, second.tenantId)];
  const stranger = await second.client('shop_backend');
  await stranger.post('/v1/customers', people.naturalCustomer());
});
afterAll(() => vault.stop());

const keyed = () => vkeys.flatMap((key) => ['--key', key]);
const verify = (...argv: string[]) =>
  amanat(['audit', 'verify', '--json', ...keyed(), ...argv], { AMANAT_DATABASE_URL: vault.db.serviceUrl });

/** Done as superuser behind every guard (constraints included), verified, and undone. */
async function after(change: string, values: unknown[] = []) {
  return withClient(vault.db.superuserUrl, async (client) => {
    const kept = await backup(client);
    await client.query(`set session_replication_role = replica`);
    const { rowCount } = await client.query(change, values);
    expect(rowCount, change).toBeGreaterThan(0);
    const found = await verify('--tenant', vault.tenantId);
    await restore(client, kept);
    return { code: found.code, breach: found.json?.tenants[0]?.breach, told: found.stderr };
  });
}

const tables = ['audit_leaves', 'audit_pending', 'customers', 'orders', 'invoices', 'shipments'];

async function backup(client: Client): Promise<string> {
  const name = `kept_${Date.now().toString(36)}`;
  await client.query(`create schema ${name}`);
  for (const table of tables) await client.query(`create table ${name}.${table} as select * from amanat.${table}`);
  return name;
}

async function restore(client: Client, kept: string): Promise<void> {
  for (const table of tables) {
    await client.query(`delete from amanat.${table}`);
    await client.query(`insert into amanat.${table} select * from ${kept}.${table}`);
  }
  await client.query(`drop schema ${kept} cascade`);
}

async function one<T>(sql: string, values: unknown[] = []): Promise<T> {
  return withClient(vault.db.superuserUrl, async (client) => (await client.query(sql, values)).rows[0] as T);
}

const nthLeaf = (n: number) =>
  one<{ id: string; leaf: Buffer }>(
    `select id, leaf from amanat.audit_leaves where tenant_id = $1 order by id offset ${n} limit 1`,
    [vault.tenantId],
  );

test('control: untouched, everything holds, for both tenants', async () => {
  const { code, json, stderr } = await verify();
  expect(code, stderr).toBe(0);
  expect(json.holds).toBe(true);
  expect(json.tenants).toHaveLength(2);
  expect(json.tenants.find((t: { tenantId: string }) => t.tenantId === vault.tenantId).records).toBe(6);
});

describe('a leaf that was changed is named', () => {
  test('one bit of it', async () => {
    const { id, leaf } = await nthLeaf(3);
    leaf.writeUInt8(leaf.readUInt8(40) ^ 1, 40);
    const { code, breach } = await after('update amanat.audit_leaves set leaf = $2 where id = $1', [id, leaf]);
    expect({ code, breach }).toMatchObject({ code: 1, breach: { kind: 'leaf', id } });
  });

  test('cut short, emptied', async () => {
    const { id } = await nthLeaf(2);
    for (const cut of [`substr(leaf, 1, length(leaf) - 1)`, `''::bytea`]) {
      const { breach } = await after(`update amanat.audit_leaves set leaf = ${cut} where id = $1`, [id]);
      expect(breach).toEqual({ code: 'leaf_malformed', kind: 'leaf', id });
    }
  });

  test('rewritten together with its hash: it no longer stands under its own id', async () => {
    const [victim, other] = [await nthLeaf(2), await nthLeaf(5)];
    const { breach } = await after('update amanat.audit_leaves set leaf = $2, leaf_hash = $3 where id = $1', [
      victim.id,
      other.leaf,
      leafHash(other.leaf),
    ]);
    expect(breach).toEqual({ code: 'leaf_id', kind: 'leaf', id: victim.id });
  });

  test('its hash alone', async () => {
    const { id } = await nthLeaf(1);
    const { breach } = await after(`update amanat.audit_leaves set leaf_hash = sha256('x') where id = $1`, [id]);
    expect(breach).toEqual({ code: 'leaf_hash', kind: 'leaf', id });
  });

  test.each(['client_id', 'subject_id', 'grant_id'])('its column %s, by which it is found', async (column) => {
    const { id } = await nthLeaf(4);
    const change = `update amanat.audit_leaves set ${column} = gen_random_uuid() where id = $1`;
    expect((await after(change, [id])).breach).toEqual({ code: 'leaf_columns', kind: 'leaf', id });
  });

  test('given to another tenant', async () => {
    const other = await one<{ id: string }>('select id from amanat.audit_leaves where tenant_id <> $1 limit 1', [
      vault.tenantId,
    ]);
    const { breach } = await after('update amanat.audit_leaves set tenant_id = $2 where id = $1', [
      other.id,
      vault.tenantId,
    ]);
    expect(breach).toEqual({ code: 'leaf_tenant', kind: 'leaf', id: other.id });
  });
});

describe('a record that is not what the log says is named', () => {
  const customer = () => customerIds[0] ?? '';
  const writeLeaf = `(get_byte(leaf, 1) & 36) = 32 and subject_id = $1`;

  test.each([
    ['customers', () => customer()],
    ['orders', () => orderId],
  ] as const)('what %s hold, changed by one bit', async (table, id) => {
    const { code, breach } = await after(
      `update amanat.${table} set sealed = set_byte(sealed, 60, get_byte(sealed, 60) # 1) where id = $1`,
      [id()],
    );
    expect({ code, breach }).toEqual({ code: 1, breach: { code: 'record_digest', kind: table, id: id() } });
  });

  test('an invoice, put in place of nothing', async () => {
    const { id } = await one<{ id: string }>('select id from amanat.invoices where tenant_id = $1', [vault.tenantId]);
    const { breach } = await after('update amanat.invoices set sealed = null where id = $1', [id]);
    expect(breach).toEqual({ code: 'record_emptied', kind: 'invoices', id });
  });

  test('rolled back to the version before', async () => {
    const { breach } = await after('update amanat.customers set version = version - 1 where id = $1', [customer()]);
    expect(breach).toEqual({ code: 'record_older', kind: 'customers', id: customer() });
  });

  test('written past the log', async () => {
    const { breach } = await after('update amanat.customers set version = version + 1 where id = $1', [customer()]);
    expect(breach).toEqual({ code: 'record_unrecorded', kind: 'customers', id: customer() });
  });

  test('deleted', async () => {
    const id = customerIds[2] ?? '';
    const { breach } = await after('delete from amanat.customers where id = $1', [id]);
    expect(breach).toEqual({ code: 'record_missing', kind: 'customers', id });
  });

  test('its last writing taken out of the log, and out of the queue with it', async () => {
    const last = `(select id from amanat.audit_leaves where ${writeLeaf} order by id desc limit 1)`;
    const change = `with queued as (delete from amanat.audit_pending where id = ${last})
      delete from amanat.audit_leaves where id = ${last}`;
    expect((await after(change, [customer()])).breach).toEqual({
      code: 'record_unrecorded',
      kind: 'customers',
      id: customer(),
    });
  });

  test('two customers’ sealed data exchanged', async () => {
    const [a = '', b = ''] = customerIds;
    const { breach } = await after(
      `update amanat.customers c set sealed = o.sealed from amanat.customers o
        where (c.id, o.id) in (($1::uuid, $2::uuid), ($2::uuid, $1::uuid))`,
      [a, b],
    );
    expect(breach).toEqual({ code: 'record_digest', kind: 'customers', id: a });
  });
});

test('all of it was undone: everything holds again, in words a person reads', async () => {
  const { code, stdout } = await amanat(['audit', 'verify', ...keyed()], { AMANAT_DATABASE_URL: vault.db.serviceUrl });
  expect(code).toBe(0);
  expect(stdout).toMatch(
    new RegExp(`tenant ${vault.tenantId}: \\d+ leaves, 0 checkpoints, 6 records hold; \\d+ leaves wait`),
  );
});

test('beside a service that writes, nothing is found wrong', async () => {
  const [until, integrate] = [new AbortController(), openIntegrator(vault.vault)];
  const writing = (async () => {
    const [, id = ''] = customerIds;
    for (let version = 1; !until.signal.aborted; version += 1) {
      const fields = { givenName: version % 2 === 0 ? 'سارا' : 'لیلا' };
      const patched = await shop.patch(`/v1/customers/${id}`, { fields }, version);
      expect(patched.status, patched.text).toBe(200);
      await integrate();
    }
  })();
  const looks = [await verify(), await verify()];
  until.abort();
  await writing;
  for (const { code, stdout, stderr } of looks) expect(code, stdout + stderr).toBe(0);
  expect(looks.at(-1)?.json.tenants.some(({ checkpoints }: { checkpoints: number }) => checkpoints > 0)).toBe(true);
});
