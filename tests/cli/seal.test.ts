import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { emptyDatabase, type EmptyDatabase } from '../support/postgres.ts';
import { login } from '../support/vault.ts';
import { amanat, launchService, refusedStart, temporaryFolder, type Launched } from './process.ts';

/** A service that waits, sealed, and how it is opened: `dist/main.js` and `amanat unseal` as an operator runs them. */
const folder = temporaryFolder();
const passphrase = 'six words drawn by lot are good';
const passphraseFile = join(folder.path, 'passphrase');
let database: EmptyDatabase;
let env: Record<string, string>;

beforeAll(async () => {
  database = await emptyDatabase();
  env = { AMANAT_DATABASE_URL: database.ownerUrl, AMANAT_DATA_DIR: join(folder.path, 'data'), AMANAT_PORT: '0' };
  writeFileSync(passphraseFile, `${passphrase}\n`, { mode: 0o600 });
});
afterAll(async () => {
  await database.drop();
  folder.remove();
});

const urlOf = async (service: Launched): Promise<string> =>
  String((await service.logged(({ event }) => event === 'listening'))['url']);
const open = (service: Launched) => service.logged(({ event }) => event === 'started');
const codeAt = async (url: string): Promise<unknown[]> => {
  const answer = await fetch(url);
  return [answer.status, ((await answer.json()) as { code?: string }).code];
};
const firstRun = () =>
  JSON.parse(readFileSync(join(folder.path, 'data', 'first-run.json'), 'utf8')) as Record<string, string>;

/** What the service keeps beside them in place of a witness is no key. */
const keyFilesIn = (dir: string): string[] => readdirSync(dir).filter((name) => name !== 'witness');

describe('a service that is started without what opens its keys', () => {
  test('starts in clear, and its folder is locked; without the passphrase it starts sealed, and is unsealed by command', async () => {
    const first = launchService(env);
    await open(first);
    expect(await first.stop()).toBe(0);
    const keysDir = join(folder.path, 'data', 'keys');
    const locked = await amanat(['keys', 'encrypt', '--passphrase-file', passphraseFile], env);
    expect([locked.code, keyFilesIn(keysDir)]).toEqual([0, ['keys.locked']]);

    const service = launchService(env);
    try {
      const url = await urlOf(service);
      expect((await fetch(`${url}/healthz`)).status).toBe(200);
      expect(await codeAt(`${url}/readyz`)).toEqual([503, 'sealed']);
      expect(await codeAt(`${url}/v1/customers`)).toEqual([503, 'sealed']);
      expect(statSync(join(folder.path, 'data', 'amanat.sock')).mode & 0o777).toBe(0o600);

      const without = await amanat(['unseal'], env);
      expect([without.code, without.stderr]).toEqual([78, expect.stringContaining('is locked')]);
      const wrong = join(folder.path, 'wrong');
      writeFileSync(wrong, 'another passphrase altogether\n', { mode: 0o600 });
      const refused = await amanat(['unseal'], { ...env, AMANAT_KEYS_PASSPHRASE_FILE: wrong });
      expect([refused.code, refused.stderr]).toEqual([78, expect.stringContaining('does not open')]);
      expect(await codeAt(`${url}/readyz`)).toEqual([503, 'sealed']);
      const opened = await amanat(['unseal'], { ...env, AMANAT_KEYS_PASSPHRASE: passphrase });
      expect(opened).toMatchObject({
        code: 0,
        stdout: 'The vault is open. It serves as soon as /readyz answers 200.\n',
      });
      await open(service);
      expect((await fetch(`${url}/readyz`)).status).toBe(200);
      for (const said of [without, refused, opened]) expect(said.stdout + said.stderr).not.toContain(passphrase);
    } finally {
      expect(await service.stop()).toBe(0);
    }
    expect(existsSync(join(folder.path, 'data', 'amanat.sock'))).toBe(false);
    expect((await amanat(['unseal'], env)).code).toBe(69);
  });

  test('P15: with a passphrase that is wrong, or that others may read, it does not start at all', async () => {
    const wrong = join(folder.path, 'wrong');
    const refused = await refusedStart({ ...env, AMANAT_KEYS_PASSPHRASE_FILE: wrong });
    expect([refused.code, refused.stderr]).toEqual([78, expect.stringContaining('The passphrase does not open')]);
    chmodSync(wrong, 0o644);
    const loose = await refusedStart({ ...env, AMANAT_KEYS_PASSPHRASE_FILE: wrong });
    expect([loose.code, loose.stderr]).toEqual([78, expect.stringContaining('is open to other users')]);
    const none = await refusedStart({ ...env, AMANAT_KEYS_PASSPHRASE_FILE: join(folder.path, 'none') });
    expect(none.code).toBe(78);
    expect(keyFilesIn(join(folder.path, 'data', 'keys')), 'none were made').toEqual(['keys.locked']);
  });

  test('sealed over HTTP, every worker is, across a restart too; one unseal opens all', async () => {
    const given = { ...env, AMANAT_WORKERS: '2', AMANAT_KEYS_PASSPHRASE_FILE: passphraseFile };
    let service = launchService(given);
    await open(service);
    const { clientId = '', clientSecret = '', issuer: kept = '' } = firstRun();
    let url = await urlOf(service);
    const admin = await login(url, clientId, clientSecret);
    const issuer = firstRun()['issuer'] ?? kept;
    expect((await admin.post('/v1/seal', { issuer })).status).toBe(200);
    const states = async (): Promise<Set<unknown>> => {
      // Each request on a connection of its own, so that the workers take turns.
      const ask = () => fetch(`${url}/readyz`, { headers: { connection: 'close' } });
      return new Set((await Promise.all(Array.from({ length: 12 }, ask))).map(({ status }) => status));
    };
    await service.logged(({ event, code }) => event === 'seal' && code === 'sealed');
    await expect.poll(states, { timeout: 5_000 }).toEqual(new Set([503]));
    expect(await service.stop()).toBe(0);

    service = launchService(given);
    try {
      await open(service);
      url = await urlOf(service);
      expect(await states()).toEqual(new Set([503]));
      expect((await amanat(['unseal'], given)).code).toBe(0);
      // What readyz says is a second old at most.
      await expect.poll(states, { timeout: 5_000 }).toEqual(new Set([200]));
    } finally {
      expect(await service.stop()).toBe(0);
    }
  });

  test('shares come together with a command each', async () => {
    const split = await amanat(['keys', 'split', '--shares', '3', '--needed', '2', '--json'], {
      ...env,
      AMANAT_KEYS_PASSPHRASE_FILE: passphraseFile,
    });
    expect([split.code, split.json.shares.length]).toEqual([0, 3]);
    const files = (split.json.shares as string[]).map((share, i) => {
      const file = join(folder.path, `share-${i}`);
      writeFileSync(file, `${share}\n`, { mode: 0o600 });
      return file;
    });
    const service = launchService(env);
    try {
      await urlOf(service);
      const one = await amanat(['unseal', '--share-file', files[2] ?? ''], env);
      expect([one.code, one.stderr]).toEqual([78, expect.stringContaining('1 of 2 shares are here')]);
      const wrong = join(folder.path, 'no-share');
      writeFileSync(wrong, 'amanat-share-1:00000000:1/3:2:00:00\n', { mode: 0o600 });
      expect((await amanat(['unseal', '--share-file', wrong], env)).stderr).toContain('is no share');
      expect((await amanat(['unseal', '--share-file', files[0] ?? ''], env)).code).toBe(0);
      await open(service);
    } finally {
      expect(await service.stop()).toBe(0);
    }
    const back = await amanat(['keys', 'decrypt', '--json'], { ...env });
    expect(back.code, 'a command cannot ask without a terminal').toBe(78);
  });
});
