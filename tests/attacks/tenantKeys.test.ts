import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { wrapContext, type TenantKeyUse } from '../../src/crypto/wrap.ts';
import { synthetic } from '../../src/cli/synthetic.ts';
import { openEveryTenant } from '../../src/prepare.ts';
import { retire } from '../../src/vault/keyRetirement.ts';
import type { Turning } from '../../src/vault/keyTurn.ts';
import { rotateMac } from '../../src/vault/resign.ts';
import { verifyLog } from '../support/logs.ts';
import { withClient } from '../support/postgres.ts';
import { login, startVault, type TestClient, type TestVault } from '../support/vault.ts';
import { atDatabase, made } from '../support/work.ts';

let vault: TestVault;
let shop: TestClient;
const people = synthetic(4301);

beforeAll(async () => {
  vault = await startVault();
  shop = await vault.client('shop_backend');
});
afterAll(() => vault.stop());

interface Row {
  readonly use: TenantKeyUse;
  readonly version: number;
  readonly state: string;
  readonly wrapped: Buffer;
}

const rowsOf = (tenantId: string): Promise<Row[]> =>
  atDatabase<Row>(
    vault,
    'select use, version, state, wrapped from amanat.tenant_keys where tenant_id = $1 order by use',
    [tenantId],
  );

const context = (tenantId: string, { use, version }: Pick<Row, 'use' | 'version'>): string =>
  wrapContext.tenantKey(tenantId, use, version);

const root = () => vault.vault.keys.root.current;

const materialOf = async (tenantId: string, row: Row): Promise<Buffer> =>
  root().unwrap(context(tenantId, row), row.wrapped);

describe('the keys of a tenant', () => {
  test('are four, and none is another', async () => {
    const rows = await rowsOf(vault.tenantId);
    expect(rows.map(({ use, version, state }) => [use, version, state])).toEqual(
      ['data', 'hash', 'index', 'mac'].map((use) => [use, 1, 'current']),
    );
    const materials = await Promise.all(rows.map((row) => materialOf(vault.tenantId, row)));
    expect(new Set(materials.map((material) => material.toString('hex'))).size).toBe(4);
  });

  test('of one that an older version made, get what they lack, and all that was made stays valid', async () => {
    const second = await vault.secondTenant();
    const { id, secret } = second.admin;
    const rows = await rowsOf(second.tenantId);
    const mac = rows.find(({ use }) => use === 'mac');
    if (mac === undefined) throw new Error('no mac key');
    // As it was: one key for tags, hashes and MACs.
    const index = context(second.tenantId, { use: 'index', version: 1 });
    const wrapped = await root().wrap(index, await materialOf(second.tenantId, mac));
    await atDatabase(vault, `delete from amanat.tenant_keys where tenant_id = $1 and use in ('mac', 'hash')`, [
      second.tenantId,
    ]);
    await atDatabase(vault, `update amanat.tenant_keys set wrapped = $2 where tenant_id = $1 and use = 'index'`, [
      second.tenantId,
      wrapped,
    ]);
    vault.vault.keyring.forget();
    await expect(vault.vault.keyring.tenant(second.tenantId)).rejects.toMatchObject({ code: 'sealed' });
    await Promise.all([1, 2].map(() => openEveryTenant(vault.vault.db, vault.vault.keys)));
    vault.vault.keyring.forget();
    expect((await rowsOf(second.tenantId)).map(({ use }) => use)).toEqual(['data', 'hash', 'index', 'mac']);
    const admin = await login(vault.url, id, secret);
    made(await admin.get('/v1/clients'), 200);
  });

  test('control: another mac key, and nobody is let in', async () => {
    const second = await vault.secondTenant();
    const { id, secret } = second.admin;
    const other = context(second.tenantId, { use: 'mac', version: 1 });
    await atDatabase(vault, `update amanat.tenant_keys set wrapped = $2 where tenant_id = $1 and use = 'mac'`, [
      second.tenantId,
      await root().wrap(other, Buffer.alloc(32, 7)),
    ]);
    vault.vault.keyring.forget();
    await expect(login(vault.url, id, secret)).rejects.toThrow('401');
  });

  test('a state that was edited opens nothing', async () => {
    const second = await vault.secondTenant();
    await atDatabase(vault, `update amanat.tenant_keys set state = 'former' where tenant_id = $1 and use = 'data'`, [
      second.tenantId,
    ]);
    vault.vault.keyring.forget();
    await expect(vault.vault.keyring.tenant(second.tenantId)).rejects.toMatchObject({ code: 'integrity_failure' });
    made(await shop.post('/v1/customers', people.naturalCustomer()), 201);
  });
});

describe('a version of a key that a superuser puts back', () => {
  /** What `audit verify` says, without any key, after changes that are then undone. */
  const verifiedAfter = (...changes: readonly string[]) =>
    withClient(vault.db.superuserUrl, async (client) => {
      await client.query('set session_replication_role = replica');
      await client.query('create temporary table kept as select * from amanat.tenant_keys');
      try {
        for (const change of changes) expect((await client.query(change)).rowCount, change).toBe(1);
        vault.vault.keyring.forget();
        const versions = await vault.vault.keyring.tenant(vault.tenantId).then((keys) => keys.versions('mac'));
        return { versions, breach: (await verifyLog(vault)).breach };
      } finally {
        await client.query('delete from amanat.tenant_keys');
        await client.query('insert into amanat.tenant_keys select * from kept');
        vault.vault.keyring.forget();
      }
    });
  const bytes = (wrapped: Buffer): string => `'\\x${wrapped.toString('hex')}'::bytea`;

  test('after it was retired, or after another was put into use, is told by the log', async () => {
    const { db, keyring, keys, now, watch } = vault.vault;
    const turning: Turning = {
      db,
      keyring,
      roots: keys.root.byId,
      tenantId: vault.tenantId,
      policyVersion: watch.policy(vault.tenantId).label,
      now,
      settle: () => watch.lookAnew(),
      rest: () => Promise.resolve(),
      onBroken: (place, id) => expect.unreachable(`${place} ${id} does not open`),
      onProgress: () => undefined,
    };
    const macRows = async () => (await rowsOf(vault.tenantId)).filter(({ use }) => use === 'mac');
    const [inUse] = await macRows();
    await rotateMac(turning);
    const former = (await macRows()).find(({ version }) => version === 1);
    await retire(turning, 'mac');
    const next = (await macRows()).find(({ version }) => version === 2);
    if (inUse === undefined || former === undefined || next === undefined) throw new Error('no mac key');
    const own = `tenant_id = '${vault.tenantId}' and use = 'mac'`;
    const first = (state: string, wrapped: Buffer) =>
      `update amanat.tenant_keys set state = '${state}', wrapped = ${bytes(wrapped)} where ${own} and version = 1`;

    // Control: with what is there, the log agrees.
    expect(await verifiedAfter()).toEqual({ versions: [{ version: 2, state: 'current' }], breach: undefined });
    // It is no made-up key: it opens, and what was made with it would be believed.
    expect(await verifiedAfter(first('former', former.wrapped))).toEqual({
      versions: expect.arrayContaining([{ version: 1, state: 'former' }]),
      breach: { code: 'record_older', kind: 'tenant_keys', id: 'mac/1' },
    });
    const taken = `delete from amanat.tenant_keys where ${own} and version = 2`;
    expect(await verifiedAfter(taken, first('current', inUse.wrapped))).toEqual({
      versions: [{ version: 1, state: 'current' }],
      breach: { code: 'record_missing', kind: 'tenant_keys', id: 'mac/2' },
    });
    const wrapped = await root().wrap(wrapContext.tenantKey(vault.tenantId, 'mac', 2, 'former'), Buffer.alloc(32, 9));
    const back = `update amanat.tenant_keys set state = 'former', wrapped = ${bytes(wrapped)} where ${own} and version = 2`;
    expect((await verifiedAfter(back, first('current', inUse.wrapped))).breach).toEqual({
      code: 'record_older',
      kind: 'tenant_keys',
      id: 'mac/2',
    });
  });
});
