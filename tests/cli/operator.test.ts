import { readFileSync, rmSync, statSync } from 'node:fs';
import { cp, rm } from 'node:fs/promises';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeLeaf } from '../../src/crypto/leaf.ts';
import { emptyDatabase, withClient, type EmptyDatabase } from '../support/postgres.ts';
import { login } from '../support/vault.ts';
import { edited } from '../unit/policy/kalak.ts';
import { amanat, startService, temporaryFolder, type Service } from './process.ts';
import { newKeyPair } from '../support/keyPair.ts';

/** The operator's way from nothing to a served tenant, on a PostgreSQL of one's own. */
let database: EmptyDatabase;
let service: Service | undefined;
const folder = temporaryFolder();
const keysDir = join(folder.path, 'keys');
let env: Record<string, string>;

beforeAll(async () => {
  database = await emptyDatabase();
  env = { AMANAT_DATABASE_URL: database.ownerUrl, AMANAT_DATA_DIR: folder.path };
});
afterAll(async () => {
  await service?.stop();
  await database.drop();
  folder.remove();
});

const run = (...argv: string[]) => amanat([...argv, '--json'], env);

async function countClients(): Promise<number> {
  return withClient(database.superuserUrl, async (client) => {
    const { rows } = await client.query<{ n: string }>('select count(*) as n from amanat.clients');
    return Number(rows[0]?.n);
  });
}

async function leavesOf(action: string) {
  const rows = await withClient(database.superuserUrl, async (client) => {
    const found = await client.query<{ leaf: Buffer }>('select leaf from amanat.audit_leaves order by id');
    return found.rows;
  });
  return rows.map((row) => decodeLeaf(row.leaf)).filter((leaf) => leaf.action === action);
}

describe('in this order', () => {
  test('before the schema, nothing answers', async () => {
    expect((await run('init')).code).toBe(0);
    const { code, stderr } = await run('tenants', 'list');
    expect(code).toBe(78);
    expect(stderr).toContain('amanat migrate');
  });

  test('init makes a whole folder that nobody else can read, and never a second time', async () => {
    expect(statSync(keysDir).mode & 0o777).toBe(0o700);
    const root = readFileSync(join(keysDir, 'root-1.key'), 'utf8');
    const { code, stderr } = await run('init');
    expect(code).toBe(78);
    expect(stderr).toContain('not empty');
    expect(readFileSync(join(keysDir, 'root-1.key'), 'utf8')).toBe(root);
  });

  test('keys check lists public names of the keys and no key', async () => {
    const { code, stdout, json } = await run('keys', 'check');
    expect(code).toBe(0);
    expect(json.keys.map((k: { file: string; mode: string }) => `${k.file} ${k.mode}`)).toEqual([
      'root-1.key 0600',
      'token-1.pem 0600',
      'export-1.crt 0600',
      'checkpoint-1.pem 0600',
    ]);
    expect(json.keys[0].fingerprint).toMatch(/^[0-9a-f]{16}$/);
    const secret = readFileSync(join(keysDir, 'root-1.key'), 'utf8').split(' ')[1] ?? 'none';
    expect(stdout).not.toContain(secret);
  });

  test('keys add makes the checkpoint key of an older folder, and never a second one', async () => {
    const path = join(keysDir, 'checkpoint-1.pem');
    const before = readFileSync(path, 'utf8');
    const second = await run('keys', 'add', 'checkpoint');
    expect([second.code, readFileSync(path, 'utf8')]).toEqual([78, before]);
    expect(second.stderr).toContain('is there already');
    rmSync(path);
    expect((await run('keys', 'check')).stderr).toContain('npx amanat keys add checkpoint');
    const { code, json } = await run('keys', 'add', 'checkpoint');
    expect(code).toBe(0);
    expect(json.fingerprint).toMatch(/^[\w-]{43}$/);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect((await run('keys', 'add', 'root')).code).toBe(64);
  });

  test('migrate tells what it applied, and then that there is nothing', async () => {
    const first = await run('migrate');
    expect(first.code, first.stderr).toBe(0);
    expect(first.json.applied[0]).toBe('000001_foundation.sql');
    expect(first.json.applied.length).toBe(first.json.version);
    expect((await run('migrate')).json).toEqual({ applied: [], version: first.json.version });
  });

  test('a profile with an error makes no tenant', async () => {
    const path = join(folder.path, 'broken.yaml');
    writeFileSync(path, stringify(edited({ '/masks/iban': undefined })));
    const { code, stderr } = await run('tenants', 'create', '--name', 'broken', '--profile', path);
    expect(code).toBe(1);
    expect(stderr).toContain('mask_missing');
    expect((await run('tenants', 'list')).json.tenants).toEqual([]);
  });

  test('tenants create gives an administrator, whose secret is stored nowhere, and leaves a leaf', async () => {
    const { code, json, stderr } = await run('tenants', 'create', '--name', 'فروشگاه نمونه', '--profile', 'kalak');
    expect(code, stderr).toBe(0);
    expect(json.clientSecret).toMatch(/^amanat_secret_/);
    expect((await run('tenants', 'list')).json.tenants).toEqual([
      { id: json.tenantId, name: 'فروشگاه نمونه', policy: 'kalak/1' },
    ]);
    const [leaf] = await leavesOf('tenants.create');
    expect(leaf).toMatchObject({ actor: 'operator', rule: 'operator', objectId: json.tenantId });
    service = await startService(env);
    const admin = await login(service.url, json.clientId, json.clientSecret);
    expect((await admin.get('/v1/clients')).status).toBe(200);
  });

  test('where data exist, init refuses though the keys are gone', async () => {
    await cp(keysDir, `${keysDir}.away`, { recursive: true });
    await rm(keysDir, { recursive: true });
    const { code, stderr } = await run('init');
    expect(code).toBe(78);
    expect(stderr).toContain('Data exist already');
    expect(() => statSync(keysDir)).toThrow();
    await cp(`${keysDir}.away`, keysDir, { recursive: true });
  });

  test('under keys that open nothing here, no tenant is made', async () => {
    const other = join(folder.path, 'other');
    expect((await amanat(['init'], { AMANAT_DATA_DIR: other })).code).toBe(0);
    const { code, stderr } = await amanat(['tenants', 'create', '--name', 'second'], {
      ...env,
      AMANAT_KEYS_DIR: join(other, 'keys'),
    });
    expect(code).toBe(78);
    expect(stderr).toContain('not in the keys folder');
    expect((await run('tenants', 'list')).json.tenants).toHaveLength(1);
  });

  test('the example keys are told of, and refused here: this database is one of the operator’s own', async () => {
    const example = fileURLToPath(new URL('../../keys.example', import.meta.url));
    const warned = await amanat(['keys', 'check'], { AMANAT_KEYS_DIR: example });
    expect(warned.code).toBe(0);
    expect(warned.stdout).toContain('WARNING: these are the example keys');
    expect((await amanat(['keys', 'check'], { ...env, AMANAT_KEYS_DIR: example })).code).toBe(78);
  });
});

describe('clients', () => {
  test('create: a secret that works at once at the running service, with a leaf of the operator', async () => {
    const { code, json, stderr } = await run('clients', 'create', '--name', 'shop', '--role', 'shop_backend');
    expect(code, stderr).toBe(0);
    const shop = await login(service?.url ?? '', json.id, json.secret);
    expect((await shop.get('/v1/customers')).status).toBe(200);
    const leaf = (await leavesOf('clients.create')).find((l) => l.objectId === json.id);
    expect(leaf).toMatchObject({ actor: 'operator', rule: 'operator', outcome: 'allowed', recordVersion: 1 });
    expect(leaf?.clientId).toBeUndefined();
    expect(leaf?.digest).toHaveLength(32);
  });

  test('disable: its tokens end, a second time changes nothing, and the leaf says who', async () => {
    const { json } = await run('clients', 'create', '--name', 'old shop', '--role', 'shop_backend');
    const shop = await login(service?.url ?? '', json.id, json.secret);
    expect((await shop.get('/v1/customers')).status).toBe(200);
    expect((await run('clients', 'disable', json.id)).json).toEqual({ id: json.id, disabled: true, changed: true });
    expect((await run('clients', 'disable', json.id)).json.changed).toBe(false);
    await expect(login(service?.url ?? '', json.id, json.secret)).rejects.toThrow('401');
    await expect.poll(async () => (await shop.get('/v1/customers')).status, { timeout: 5_000 }).toBe(401);
    const leaves = (await leavesOf('clients.patch')).filter((l) => l.objectId === json.id);
    expect(leaves).toMatchObject([{ actor: 'operator', recordVersion: 2 }]);
    const listed = await run('clients', 'list');
    expect(listed.json.clients.find((c: { id: string }) => c.id === json.id).disabled).toBe(true);
    expect(listed.stdout).not.toContain('secret_');
  });

  test('a public key in place of a secret; a private one is not taken', async () => {
    const { publicKey, privateKey } = newKeyPair('ec', 'P-256');
    const file = (name: string, pem: string | Buffer): string => {
      writeFileSync(join(folder.path, name), pem);
      return join(folder.path, name);
    };
    const open = file('public.pem', publicKey.export({ type: 'spki', format: 'pem' }));
    const closed = file('private.pem', privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const create = (key: string) =>
      run('clients', 'create', '--name', 'keyed', '--role', 'support', '--public-key', key);
    const made = await create(open);
    expect(made.code, made.stderr).toBe(0);
    expect(made.json.secret).toBeUndefined();
    expect((await create(closed)).code).toBe(64);
    expect((await create(join(folder.path, 'none.pem'))).code).toBe(64);
  });

  test.each([
    ['a department without its name', ['--name', 'x', '--role', 'department'], '--department'],
    [
      'a department nobody declared',
      ['--name', 'x', '--role', 'department', '--department', 'nobodys'],
      '--department',
    ],
    [
      'a carrier nobody declared',
      ['--name', 'x', '--role', 'courier', '--carrier-profile', 'nobodys'],
      '--carrier-profile',
    ],
    ['a name of nothing', ['--name', '\u200c', '--role', 'support'], '--name'],
    [
      'a tenant that is not there',
      ['--name', 'x', '--role', 'support', '--tenant', '01890000-0000-7000-8000-000000000000'],
      'no such tenant',
    ],
  ])('%s is a wrong call', async (_what, argv, told) => {
    const before = await countClients();
    const { code, stderr } = await run('clients', 'create', ...argv);
    expect({ code, stderr }).toEqual({ code: 64, stderr: expect.stringContaining(told) });
    expect(await countClients()).toBe(before);
  });

  test('with several tenants, the tenant has to be named', async () => {
    const second = await run('tenants', 'create', '--name', 'second');
    expect((await run('clients', 'list')).code).toBe(64);
    const { json } = await run('clients', 'list', '--tenant', second.json.tenantId);
    expect(json.clients).toMatchObject([{ id: second.json.clientId, role: 'system_admin' }]);
    const first = await amanat(['audit', 'verify', '--tenant', second.json.tenantId, '--json'], env);
    expect(first.json).toMatchObject({ holds: true, tenants: [{ tenantId: second.json.tenantId, leaves: 1 }] });
  });
});
