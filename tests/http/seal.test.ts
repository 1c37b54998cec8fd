import { afterAll, beforeAll, expect, test } from 'vitest';
import { synthetic } from '../../src/cli/synthetic.ts';
import { openVault } from '../../src/app.ts';
import { createLog } from '../../src/log.ts';
import { verifyTenant } from '../../src/vault/auditVerification.ts';
import { loadKeyFolder } from '../../src/keys/folder.ts';
import { trustOf } from '../support/logs.ts';
import { withClient } from '../support/postgres.ts';
import { startVault, type TestVault } from '../support/vault.ts';

/** POST /v1/seal in the process that is asked, and in another one on the same database. */
const people = synthetic(33);
let vault: TestVault;
let beside: TestVault;
let issuer: string;

beforeAll(async () => {
  vault = await startVault();
  beside = await startVault({ beside: vault });
  issuer = vault.vault.issuer;
});
afterAll(async () => {
  await beside.stop();
  await vault.stop();
});

const codeOf = ({ status, body }: { status: number; body: { code?: string } }) => [status, body.code];
const sealedAnswer = [503, 'sealed'];
const reopened = async (which: TestVault): Promise<void> => {
  await which.vault.seal.open(await loadKeyFolder(vault.keysFolder, { production: true }));
  await which.vault.watch.look();
};
const rows = () =>
  withClient(vault.db.superuserUrl, async (db) => (await db.query('select * from amanat.seals order by id')).rows);

test('who may not seal seals nothing, nor does who means another vault', async () => {
  const shop = await vault.client('shop_backend');
  expect(codeOf(await shop.post('/v1/seal', { issuer }))).toEqual([403, 'not_permitted']);
  expect(codeOf(await vault.admin.post('/v1/seal', { issuer: 'https://elsewhere.example' }))).toEqual([
    422,
    'invalid_body',
  ]);
  expect(codeOf(await vault.admin.post('/v1/seal', {}))).toEqual([422, 'invalid_body']);
  expect(await rows()).toEqual([]);
  expect(vault.vault.seal.sealed()).toBe(false);
});

test('everything stops here at once, and everywhere else at the next look; the log tells who', async () => {
  const shop = await vault.client('shop_backend');
  const made = await shop.post('/v1/customers', people.naturalCustomer());
  expect(made.status).toBe(201);
  const path = `/v1/customers/${made.body.id}`;
  expect((await shop.get(path)).status).toBe(200);
  // Keys in the hand of a request in flight.
  const held = await vault.vault.keyring.tenant(vault.tenantId);
  expect(held.hash('x', 'y')).toHaveLength(32);

  const sealed = await vault.admin.post('/v1/seal', { issuer });
  expect([sealed.status, Object.keys(sealed.body).toSorted()]).toEqual([200, ['id', 'sealedAt', 'sealedAtJalali']]);
  for (const answer of [
    await shop.get(path),
    await shop.post('/v1/customers', people.naturalCustomer()),
    await vault.admin.get('/v1/clients'),
    await vault.request('GET', path),
    await vault.request('GET', '/.well-known/jwks.json'),
  ])
    expect(codeOf(answer)).toEqual(sealedAnswer);
  expect((await fetch(`${vault.url}/nowhere`)).status).toBe(503);
  const ready = await vault.request('GET', '/readyz');
  expect([ready.status, ready.body]).toEqual([
    503,
    { status: 'not_ready', code: 'sealed', checks: { database: 'ok', keys: 'failed', audit: 'unchecked' } },
  ]);
  expect((await vault.request('GET', '/healthz')).status).toBe(200);
  expect(() => held.hash('x', 'y')).toThrow('sealed');
  await expect(vault.vault.keyring.tenant(vault.tenantId)).rejects.toMatchObject({ code: 'sealed' });
  expect(() => vault.vault.keys.token).toThrow('sealed');

  // The other process has it within the time of a look, and a token it has verified before is no way in.
  await beside.vault.watch.look().catch(() => undefined);
  expect(beside.vault.seal.sealed()).toBe(true);
  expect(codeOf(await beside.request('GET', path, { token: shop.token }))).toEqual(sealedAnswer);

  const [row] = await rows();
  expect(row).toMatchObject({ client_id: vault.admin.id, lifted_at: null });
  expect(JSON.stringify(vault.logLines)).not.toContain('integrity_failure');

  await reopened(vault);
  expect((await shop.get(path)).status).toBe(200);
  const officer = await vault.client('dpo');
  const { items } = (await officer.get('/v1/audit?limit=100')).body;
  const told = items.filter((one: { action: string }) => one.action.startsWith('vault.'));
  // Before them come the refusals of the test above.
  expect(
    told.slice(0, 2).map(({ action, actor, clientId }: Record<string, string>) => [action, actor || clientId]),
  ).toEqual([
    ['vault.unseal', 'operator'],
    ['vault.seal', vault.admin.id],
  ]);
});

test('what was lifted lets another process open by itself only where its keys can be had without anybody', async () => {
  await beside.vault.watch.look().catch(() => undefined);
  expect(beside.vault.seal.sealed(), 'it has no way to load keys').toBe(true);
  await reopened(beside);
  expect(beside.vault.seal.sealed()).toBe(false);
});

test('a sealing that only says it was lifted stands; one that was edited in any member too', async () => {
  await vault.admin.post('/v1/seal', { issuer });
  const [, row] = await rows();
  await withClient(vault.db.superuserUrl, (db) =>
    db.query('update amanat.seals set lifted_at = now() where id = $1', [row.id]),
  );
  await beside.vault.watch.look().catch(() => undefined);
  expect(beside.vault.seal.sealed()).toBe(true);
  // Control: as the operator lifts it, it is lifted.
  await reopened(vault);
  await reopened(beside);
  await vault.vault.watch.look();
  expect([vault.vault.seal.sealed(), beside.vault.seal.sealed()]).toEqual([false, false]);
});

test('a sealing that was taken away was not lifted', async () => {
  const trust = trustOf(vault);
  await vault.admin.post('/v1/seal', { issuer });
  const row = (await rows()).at(-1);
  // This process can have its keys without anybody, as one whose folder lies open.
  const reload = () => loadKeyFolder(vault.keysFolder, { production: true });
  const { db, now } = beside.vault;
  const { seal } = openVault({ db, keys: await reload(), issuer, now, log: createLog({ level: 'silent' }), reload });
  await seal.look();
  expect(seal.sealed()).toBe(true);
  const without = (change: string) =>
    withClient(vault.db.superuserUrl, async (client) => {
      await client.query('create temporary table kept as select * from amanat.seals where id = $1', [row.id]);
      await client.query(change, [row.id]);
      await seal.look();
      const sealed = seal.sealed();
      const { breach } = await verifyTenant(db, trust, () => undefined);
      await client.query('delete from amanat.seals where id = $1', [row.id]);
      await client.query('insert into amanat.seals select * from kept');
      return { sealed, breach };
    });
  expect(await without('delete from amanat.seals where id = $1')).toEqual({
    sealed: true,
    breach: { code: 'record_missing', kind: 'seals', id: row.id },
  });
  expect(await without('update amanat.seals set lifted_at = now() where id = $1')).toEqual({ sealed: true });
  // Control: lifted elsewhere by the operator, this one opens by itself.
  await reopened(vault);
  await seal.look();
  expect(seal.sealed()).toBe(false);
  await reopened(beside);
});
