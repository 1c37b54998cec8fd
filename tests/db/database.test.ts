import { expect, test } from 'vitest';
import {
  checkDurability,
  checkRole,
  checkVersion,
  closeDatabase,
  DatabaseRefusal,
  openDatabase,
  transportOf,
} from '../../src/db/database.ts';
import { emptyDatabase, testDatabase, withClient } from '../support/postgres.ts';

async function refusalOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof DatabaseRefusal) return error.code;
    throw error;
  }
  return 'none';
}

test.each([
  ['postgres://u:p@localhost/d', 'local'],
  ['postgres://u:p@127.0.0.1:5433/d', 'local'],
  ['postgres://u:p@127.8.8.8/d', 'local'],
  ['postgres://u:p@[::1]:5432/d', 'local'],
  ['postgres://u:p@/d?host=/var/run/postgresql', 'local'],
  ['postgres://u:p@%2Fvar%2Frun%2Fpostgresql/d', 'local'],
  ['postgres://u:p@db.shop.example/d?sslmode=verify-full', 'verified'],
  ['postgres://u:p@db.shop.example/d?sslmode=require', 'verified'],
  ['postgres://u:p@db.shop.example/d?ssl=true', 'verified'],
  ['postgres://u:p@10.0.0.5/d?sslmode=no-verify', 'unverified'],
  ['postgres://u:p@10.0.0.5/d?sslmode=require&uselibpqcompat=true', 'unverified'],
])('%s is %s', (url, transport) => {
  expect(transportOf(url)).toBe(transport);
});

test.each([
  ['postgres://u:hush@db.shop.example/d', 'plain_connection'],
  ['postgres://u:hush@10.0.0.5/d?sslmode=disable', 'plain_connection'],
  ['postgres://u:hush@127.0.0.1.shop.example/d', 'plain_connection'],
  ['postgres://u:hush@localhost.shop.example/d', 'plain_connection'],
  ['postgres://u:hush@localhost/d?host=db.shop.example', 'plain_connection'],
  ['postgres://u:hush@[::2]/d', 'plain_connection'],
  ['postgres://u:hush@db.shop.example:port/d', 'connection_string'],
  ['postgres://u:hush@db.shop.example/d?sslmode=verify-full&sslrootcert=/nowhere.pem', 'connection_string'],
])('%s is refused: %s, without its password', (url, code) => {
  let refused: unknown;
  try {
    openDatabase({ connectionString: url });
  } catch (error) {
    refused = error;
  }
  expect(refused).toBeInstanceOf(DatabaseRefusal);
  expect(refused).toMatchObject({ code });
  expect(String(refused)).not.toContain('hush');
});

test('synchronous_commit=off is refused, its stronger levels are not', async () => {
  const place = await emptyDatabase();
  const durability = async (level: string): Promise<string> => {
    await withClient(place.superuserUrl, (client) =>
      client.query(`alter database ${place.name} set synchronous_commit to ${level}`),
    );
    const db = openDatabase({ connectionString: place.ownerUrl });
    const code = await refusalOf(checkDurability(db));
    await closeDatabase(db);
    return code;
  };
  expect(await durability('off')).toBe('not_durable');
  for (const level of ['local', 'remote_write', 'on', 'remote_apply']) expect(await durability(level)).toBe('none');
  await place.drop();
});

test('the service works as a login that owns nothing; owner and superuser are refused', async () => {
  const place = await testDatabase();
  const role = async (url: string): Promise<string> => {
    const db = openDatabase({ connectionString: url });
    const code = await refusalOf(checkRole(db));
    expect(await refusalOf(checkVersion(db))).toBe('none');
    await closeDatabase(db);
    return code;
  };
  expect(await role(place.serviceUrl)).toBe('none');
  expect(await role(place.ownerUrl)).toBe('role_too_strong');
  expect(await role(place.superuserUrl)).toBe('role_too_strong');
  await place.drop();
});

test('closing waits for nobody twice', async () => {
  const place = await emptyDatabase();
  const db = openDatabase({ connectionString: place.ownerUrl });
  await checkDurability(db);
  await closeDatabase(db);
  await closeDatabase(db);
  await place.drop();
});
