import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { closeDatabase, openDatabase } from '../../src/db/database.ts';
import { checkSchema, migrate } from '../../src/db/migrate.ts';
import { MigrationFault } from '../../src/db/migrationFault.ts';
import { ensureServiceLogin } from '../../src/db/roles.ts';
import { scramVerifier } from '../../src/db/scram.ts';
import { migrationsIn } from '../support/database.ts';
import { emptyDatabase, testDatabase, withClient, type EmptyDatabase } from '../support/postgres.ts';

const canary = 'CANARY-77d0';
const first = {
  '000001_things.sql': `create table amanat.things (id integer primary key);\ninsert into amanat.things values (1);\n`,
};
const second = { '000002_more.sql': `insert into amanat.things values (2);\n` };

let place: EmptyDatabase;
let dir: string;
let remove: () => void;

beforeEach(async () => {
  place = await emptyDatabase();
  ({ dir, remove } = migrationsIn({ ...first, ...second, 'README.md': 'not a migration' }));
});

afterEach(async () => {
  remove();
  await place.drop();
});

async function faultOf(promise: Promise<unknown>): Promise<MigrationFault> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(MigrationFault);
  return error as MigrationFault;
}

async function things(): Promise<number[]> {
  return withClient(place.ownerUrl, async (owner) => {
    const { rows } = await owner.query<{ id: number }>('select id from amanat.things order by id');
    return rows.map((row) => row.id);
  });
}

describe('migrate', () => {
  test('applies what is missing, in order, once', async () => {
    expect(await migrate(place.ownerUrl, { dir })).toEqual({
      applied: ['000001_things.sql', '000002_more.sql'],
      version: 2,
    });
    expect(await migrate(place.ownerUrl, { dir })).toEqual({ applied: [], version: 2 });
    writeFileSync(join(dir, '000003_last.sql'), 'insert into amanat.things values (3)');
    const seen: number[] = [];
    const again = await withClient(place.ownerUrl, (owner) =>
      migrate(owner, { dir, onMigration: ({ version }) => seen.push(version) }),
    );
    expect(again).toEqual({ applied: ['000003_last.sql'], version: 3 });
    expect(seen).toEqual([3]);
    expect(await things()).toEqual([1, 2, 3]);
  });

  test('twenty starters at once apply each file once', async () => {
    const results = await Promise.all(Array.from({ length: 20 }, () => migrate(place.ownerUrl, { dir })));
    expect(results.filter((result) => result.applied.length === 2)).toHaveLength(1);
    expect(results.filter((result) => result.applied.length === 0)).toHaveLength(19);
    expect(await things()).toEqual([1, 2]);
    // Control: the same files run by twenty without the runner's lock collide.
    await withClient(place.ownerUrl, (owner) => owner.query('drop table amanat.things'));
    const unlocked = await Promise.allSettled(
      Array.from({ length: 20 }, () => withClient(place.ownerUrl, (owner) => owner.query(first['000001_things.sql']))),
    );
    expect(unlocked.filter((result) => result.status === 'rejected')).toHaveLength(19);
  });

  test('a file changed after it was applied is refused; line ends do not count', async () => {
    await migrate(place.ownerUrl, { dir });
    writeFileSync(join(dir, '000001_things.sql'), first['000001_things.sql'].replaceAll('\n', '\r\n'));
    expect((await migrate(place.ownerUrl, { dir })).applied).toEqual([]);
    writeFileSync(join(dir, '000001_things.sql'), `${first['000001_things.sql']} `);
    expect((await faultOf(migrate(place.ownerUrl, { dir }))).code).toBe('checksum_changed');
  });

  test('a schema newer than the code is refused and left alone', async () => {
    await migrate(place.ownerUrl, { dir });
    rmSync(join(dir, '000002_more.sql'));
    const fault = await faultOf(migrate(place.ownerUrl, { dir }));
    expect(fault.code).toBe('schema_newer');
    expect(fault.message).toContain('000002_more.sql');
  });

  test('gaps and wrong names are refused, in the folder and in the database', async () => {
    writeFileSync(join(dir, '000004_late.sql'), 'select 1');
    expect((await faultOf(migrate(place.ownerUrl, { dir }))).code).toBe('gap');
    rmSync(join(dir, '000004_late.sql'));
    writeFileSync(join(dir, '3_short.sql'), 'select 1');
    expect((await faultOf(migrate(place.ownerUrl, { dir }))).code).toBe('misnamed');
    rmSync(join(dir, '3_short.sql'));
    await migrate(place.ownerUrl, { dir });
    await withClient(place.ownerUrl, (owner) => owner.query('delete from amanat.schema_migrations where version = 1'));
    expect((await faultOf(migrate(place.ownerUrl, { dir }))).code).toBe('gap');
    expect((await faultOf(migrate(place.ownerUrl, { dir: join(dir, 'nowhere') }))).code).toBe('folder_unreadable');
  });

  test('a failing file undoes the whole run, and its fault carries no data', async () => {
    writeFileSync(join(dir, '000003_bad.sql'), `insert into amanat.things values ('${canary}')`);
    const fault = await faultOf(migrate(place.ownerUrl, { dir }));
    expect(fault.code).toBe('statement_failed');
    expect(fault.message).toContain('000003_bad.sql');
    expect(fault.message).toContain('22P02');
    expect(fault.message).not.toContain(canary);
    await expect(things()).rejects.toMatchObject({ code: '42P01' });
    rmSync(join(dir, '000003_bad.sql'));
    expect((await migrate(place.ownerUrl, { dir })).applied).toHaveLength(2);
  });

  test('no server and no rights are said plainly', async () => {
    const nowhere = new URL(place.ownerUrl);
    nowhere.port = '1';
    expect((await faultOf(migrate(nowhere.href, { dir }))).code).toBe('unreachable');
    await withClient(place.superuserUrl, (client) => client.query(`alter database ${place.name} owner to postgres`));
    expect((await faultOf(migrate(place.ownerUrl, { dir }))).code).toBe('owner_lacks_rights');
  });
});

describe('the service role', () => {
  test('its login works by password, is stored as a verifier, and can be renewed', async () => {
    await migrate(place.ownerUrl, { dir });
    const login = async (password: string): Promise<string> => {
      const verifier = await scramVerifier(password);
      return withClient(place.ownerUrl, (owner) => ensureServiceLogin(owner, { verifier }));
    };
    const password = randomBytes(12).toString('hex');
    const role = await login('first');
    expect(await login(password)).toBe(role);
    expect(role).toMatch(/^amanat_service_[0-9a-f]{8}$/);
    const url = new URL(place.ownerUrl);
    url.username = role;
    url.password = 'first';
    await expect(withClient(url.href, (client) => client.query('select 1'))).rejects.toMatchObject({ code: '28P01' });
    url.password = password;
    const { rows } = await withClient(url.href, (client) => client.query<{ limit: string }>('show lock_timeout'));
    expect(rows).toEqual([{ lock_timeout: '4s' }]);
    const stored = await withClient(place.superuserUrl, (client) =>
      client.query<{ rolpassword: string }>('select rolpassword from pg_authid where rolname = $1', [role]),
    );
    expect(stored.rows[0]?.rolpassword).toMatch(/^SCRAM-SHA-256\$4096:/);
    await place.drop();
    await withClient(place.superuserUrl.replace(place.name, 'postgres'), (client) => client.query(`drop role ${role}`));
  });

  test('an owner that may not make roles is told what to do', async () => {
    await migrate(place.ownerUrl, { dir });
    const url = new URL(place.ownerUrl);
    url.username = `plain_${place.name}`;
    url.password = 'plain';
    await withClient(place.superuserUrl, (client) =>
      client.query(`create role ${url.username} login password 'plain'`),
    );
    const fault = await faultOf(
      withClient(url.href, (client) => ensureServiceLogin(client, { verifier: 'SCRAM-SHA-256$1' })),
    );
    expect(fault.code).toBe('owner_lacks_rights');
    expect(fault.message).toContain('AMANAT_DATABASE_OWNER_URL');
    await withClient(place.superuserUrl, (client) => client.query(`drop role ${url.username}`));
  });

  test('sees whether the schema fits this build, and cannot change it', async () => {
    const made = await testDatabase();
    const db = openDatabase({ connectionString: made.serviceUrl });
    await checkSchema(db);
    const known = migrationsIn({});
    expect((await faultOf(checkSchema(db, known.dir))).code).toBe('schema_newer');
    known.remove();
    await withClient(made.ownerUrl, (owner) =>
      owner.query(
        'delete from amanat.schema_migrations where version = (select max(version) from amanat.schema_migrations)',
      ),
    );
    expect((await faultOf(checkSchema(db))).code).toBe('schema_older');
    for (const text of [
      'delete from amanat.schema_migrations',
      'create table amanat.own (id integer)',
      'create table own (id integer)',
    ]) {
      await expect(withClient(made.serviceUrl, (client) => client.query(text))).rejects.toMatchObject({
        code: '42501',
      });
    }
    await closeDatabase(db);
    await made.drop();
  });
});
