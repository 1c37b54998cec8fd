import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { wrapContext, type TenantKeyUse } from '../../src/crypto/wrap.ts';
import { synthetic } from '../../src/cli/synthetic.ts';
import { openEveryTenant } from '../../src/prepare.ts';
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
