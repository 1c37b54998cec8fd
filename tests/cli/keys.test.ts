/* oxlint-disable typescript/no-explicit-any */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Output } from '../../src/cli/command.ts';
import { makeNext } from '../../src/cli/keyFiles.ts';
import type { KeySession } from '../../src/cli/keyTurning.ts';
import { emptyDatabase, withClient, type EmptyDatabase } from '../support/postgres.ts';
import { amanat, temporaryFolder } from './process.ts';

/** `amanat keys status|rotate|retire` where no process serves: what the command itself does to files and rows. */
let database: EmptyDatabase;
const folder = temporaryFolder();
const keysDir = join(folder.path, 'keys');
let env: Record<string, string>;
let tenantId: string;

const run = (...argv: string[]) => amanat([...argv, '--json'], env);
const files = (family: string) =>
  readdirSync(keysDir)
    .filter((name) => name.startsWith(`${family}-`))
    .sort();
const announce = (keys: readonly string[]) =>
  withClient(database.superuserUrl, (client) =>
    client.query(
      `insert into amanat.processes (id, seen_at, keys) values ('01900000-0000-7000-8000-000000000001', now(), $1)
           on conflict (id) do update set seen_at = now(), keys = excluded.keys`,
      [keys],
    ),
  );
const gone = () => withClient(database.superuserUrl, (client) => client.query('delete from amanat.processes'));

beforeAll(async () => {
  database = await emptyDatabase();
  env = { AMANAT_DATABASE_URL: database.ownerUrl, AMANAT_DATA_DIR: folder.path };
  for (const argv of [['init'], ['migrate']]) expect((await run(...argv)).code).toBe(0);
  tenantId = (await run('tenants', 'create', '--name', 'one')).json.tenantId;
});
afterAll(async () => {
  await database.drop();
  folder.remove();
});

describe('keys', () => {
  test('status tells every version, its age and period; a key older than its period is told by the exit code', async () => {
    const { code, json } = await run('keys', 'status', '--count');
    expect(code).toBe(0);
    expect(json.versions.map((one: any) => [one.key, one.version, one.state, one.overdue])).toEqual(
      ['data', 'index', 'mac', 'hash'].map((key) => [key, 1, 'current', false]),
    );
    expect(json.versions.find((one: any) => one.key === 'mac').rests).toMatchObject({ clients: 1 });
    expect(json.files.map((one: any) => [one.key, one.newest, one.ageDays, one.overdue])).toEqual(
      ['root', 'token', 'export', 'checkpoint'].map((key) => [key, true, null, false]),
    );
    const token = json.files.find((one: any) => one.key === 'token').name;
    const seen = (days: number) =>
      withClient(database.superuserUrl, (client) =>
        client.query(
          `insert into amanat.file_keys (name, first_seen) values ($1, now() - $2::integer * interval '1 day')
               on conflict (name) do update set first_seen = excluded.first_seen`,
          [token, days],
        ),
      );
    await seen(370);
    const aged = await run('keys', 'status');
    expect([aged.code, aged.json.files.filter((one: any) => one.overdue)]).toMatchObject([
      1,
      [{ key: 'token', ageDays: 370, periodDays: 365 }],
    ]);
    await seen(1);
    await withClient(database.superuserUrl, (client) =>
      client.query(`update amanat.tenant_keys set created_at = now() - interval '3 years' where use = 'index'`),
    );
    const old = await run('keys', 'status');
    expect([old.code, old.json.versions.filter((one: any) => one.overdue).map((one: any) => one.key)]).toEqual([
      1,
      ['index'],
    ]);
    const longer = await amanat(['keys', 'status', '--json'], { ...env, AMANAT_KEY_PERIODS: 'index=2000' });
    expect(longer.code).toBe(0);
    expect((await amanat(['keys', 'status'], { ...env, AMANAT_KEY_PERIODS: 'hash=1' })).code).toBe(78);
  });

  test('the root key: made, waited for, moved to, and the one before taken away when nothing rests on it', async () => {
    const made = await run('keys', 'rotate', 'root');
    expect([made.code, made.json.made, files('root')]).toEqual([1, ['root-2.key'], ['root-1.key', 'root-2.key']]);
    const early = await run('keys', 'retire', 'root');
    expect([early.code, early.json.removed, files('root').length]).toEqual([1, [], 2]);
    await announce(['serves', 'root:0000000000000000']);
    const waiting = await run('keys', 'rotate', 'root');
    expect([waiting.code, waiting.json.lacking]).toEqual([1, ['01900000-0000-7000-8000-000000000001']]);
    await gone();
    const moved = await run('keys', 'rotate', 'root');
    expect([moved.code, moved.json.moved]).toEqual([0, 4]);
    expect((await run('keys', 'rotate', 'root')).json.moved).toBe(0);
    const retired = await run('keys', 'retire', 'root');
    expect([retired.code, retired.json.removed, files('root')]).toEqual([0, ['root-1.key'], ['root-2.key']]);
    expect((await run('tenants', 'list')).json.tenants).toMatchObject([{ id: tenantId, policy: 'kalak/1' }]);
  });

  test('a token key stays as long as a token that it signed may be valid', async () => {
    const { json: before } = await run('keys', 'check');
    const kid = before.keys.find((key: any) => key.file === 'token-1.pem').fingerprint;
    expect((await run('keys', 'rotate', 'token')).json.made).toEqual(['token-2.pem']);
    const { json: after } = await run('keys', 'check');
    const next = after.keys.find((key: any) => key.file === 'token-2.pem').fingerprint;
    await announce(['serves', `token:${kid}`]);
    expect((await run('keys', 'rotate', 'token')).json.lacking).toHaveLength(1);
    await announce(['serves', `token:${kid}`, `token:${next}`, `signed:${kid}`]);
    expect((await run('keys', 'rotate', 'token')).json.done).toBe(true);
    // A build that does not say when it last signed: as if now. No time is told while it signs more.
    const early = await run('keys', 'retire', 'token');
    expect([early.code, early.json.rests]).toEqual([1, [`tokens that ${kid} has signed may still be valid`]]);
    const [now, lifeMs] = [Date.now(), 16 * 60_000];
    expect(Date.parse(early.json.until) - now).toBeGreaterThan(lifeMs - 60_000);
    await announce(['serves', `token:${kid}`, `signed:${kid}`]);
    expect((await run('keys', 'retire', 'token')).json).not.toHaveProperty('until');
    const end = now + 5 * 60_000;
    await announce(['serves', `token:${kid}`, `token:${next}`, `signed:${kid}`, `until:${kid}:${end}`]);
    const until = new Date((Math.floor(end / 60_000) + 2) * 60_000);
    const { stdout } = await amanat(['keys', 'retire', 'token'], env);
    expect(stdout).toMatch(
      new RegExp(`Call this again after ${until.toISOString()} \\(\\d{4}/\\d\\d/\\d\\d \\d\\d:\\d\\d in Tehran\\)`),
    );
    await announce(['serves', `token:${kid}`, `token:${next}`, `signed:${kid}`, `until:${kid}:${now}`]);
    expect((await run('keys', 'retire', 'token')).json.removed).toEqual(['token-1.pem']);
    await gone();
  });

  test.each([
    ['export', ['export-2.crt', 'export-2.pem'], ['export-1.former']],
    ['checkpoint', ['checkpoint-2.pem'], ['checkpoint-1.former']],
  ])('a key that signs (%s) turns over, and the folder is whole at every step', async (family, made, kept) => {
    expect((await run('keys', 'rotate', family)).json.made.toSorted()).toEqual(made);
    expect((await run('keys', 'check')).code).toBe(0);
    expect((await run('keys', 'rotate', family)).json.done).toBe(true);
    expect((await run('keys', 'retire', family)).code).toBe(0);
    expect(files(family)).toEqual([...kept, ...made]);
    expect((await run('keys', 'check')).code).toBe(0);
    expect((await run('keys', 'retire', family)).json.removed).toEqual([]);
    expect(files(family)).toEqual([...kept, ...made]);
  });

  test.each(['root-1.p12', 'root-1.hsm'])('a root key in clear does not follow one in %s', async (file) => {
    const there = temporaryFolder();
    const out = { result: () => undefined } as unknown as Output;
    const session = (name: string) =>
      ({ keys: { files: [name], lock: undefined }, config: { keysDir: there.path } }) as unknown as KeySession;
    await expect(makeNext(session(file), 'root', out)).rejects.toThrow('root-2.p12 or .hsm');
    expect(readdirSync(there.path)).toEqual([]);
    // Control: it follows one in clear.
    expect(await makeNext(session('root-1.key'), 'root', out)).toBe(true);
    expect(readdirSync(there.path)).toEqual(['root-2.key']);
    there.remove();
  });

  test('the hash key and unknown words are refused, and nothing is made', async () => {
    for (const key of ['hash', 'salt', '']) expect((await run('keys', 'rotate', key)).code).toBe(64);
    expect((await run('keys', 'retire', 'data', '--incident', tenantId, '--tenant', tenantId)).code).toBe(64);
    expect(existsSync(join(keysDir, 'hash-1.key'))).toBe(false);
    const customer = ['--customer', tenantId];
    // One that is no id, and one of whom nothing is held.
    for (const whose of [['--customer', 'x'], customer])
      expect((await run('keys', 'rotate', 'record', '--tenant', tenantId, ...whose)).code).toBe(64);
    expect((await run('keys', 'rotate', 'data', ...customer)).code).toBe(64);
    expect((await run('keys', 'retire', 'record')).code).toBe(64);
  });
});
