import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openVault } from '../../src/app.ts';
import { commit } from '../../src/db/commit.ts';
import { closeDatabase, openDatabase, type Database } from '../../src/db/database.ts';
import { createKeyFolder, loadKeyFolder } from '../../src/keys/folder.ts';
import { newHsmRootKey } from '../../src/keys/hsmRootKey.ts';
import { forgetKeys } from '../../src/keys/liveKeys.ts';
import { createLog } from '../../src/log.ts';
import { readProfile } from '../../src/prepare.ts';
import { newTenant } from '../../src/vault/tenants.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { softHsmToken, startSoftHsm, whyNoSoftHsm, type SoftHsm } from '../support/softHsm.ts';

const reason = whyNoSoftHsm();
if (reason !== undefined) process.stderr.write(`tests/db/hsmGone.test.ts has nothing to test: ${reason}\n`);

/** A tenant whose root key is in a hardware module, and the module goes away: SoftHSM2, its token taken from under it. */
describe.runIf(reason === undefined)('a hardware module that goes away', () => {
  const folder = mkdtempSync(join(tmpdir(), 'amanat-gone-'));
  const hourMs = 3_600_000;
  let hsm: SoftHsm;
  let database: TestDatabase;
  let db: Database;
  let vault: Vault;
  let tenantId: string;
  let offset = 0;

  beforeAll(async () => {
    hsm = startSoftHsm();
    Object.assign(process.env, hsm.env);
    const keys = join(folder, 'keys');
    const access = { module: hsm.module, pin: hsm.pin };
    const text = await newHsmRootKey('root-1.hsm', { token: softHsmToken, key: 'root-1' }, access);
    await createKeyFolder(keys, { name: 'root-1.hsm', content: text });
    const opening = { production: true, pkcs11Module: hsm.module, given: { pin: hsm.pin } };
    const loaded = await loadKeyFolder(keys, opening);
    database = await testDatabase();
    db = openDatabase({ connectionString: database.serviceUrl, max: 2 });
    const tenant = await newTenant(loaded.root.current, 'of the module', await readProfile('kalak'), Date.now());
    ({ tenantId } = tenant);
    await commit(db, { tenantIds: [tenantId] }, tenant.statements);
    const log = createLog({ level: 'info', destination: { write: () => undefined } });
    const now = () => Date.now() + offset;
    vault = openVault({ db, keys: loaded, issuer: 'https://x.example', now, log, keyLifetimeMs: hourMs });
  });
  afterAll(async () => {
    forgetKeys(vault.keys);
    await closeDatabase(db);
    await database.drop();
    hsm.remove();
    delete process.env['SOFTHSM2_CONF'];
    rmSync(folder, { recursive: true, force: true });
  });

  const works = async (): Promise<string> => {
    try {
      return (await vault.keyring.tenant(tenantId)).hash('x', 'y').toString('hex');
    } catch (error) {
      return (error as { code: string }).code;
    }
  };

  test('is not asked while a tenant’s keys have their time; then the tenant is sealed, and right again when it is back', async () => {
    const right = await works();
    expect(right).toMatch(/^[0-9a-f]{64}$/);
    hsm.unplug();
    try {
      for (let i = 0; i < 3; i += 1) expect(await works()).toBe(right);
      // Past the half of their time it is asked behind the requests, in vain.
      offset = 0.75 * hourMs;
      expect([await works(), await works()]).toEqual([right, right]);
      offset = hourMs + 60_000;
      expect(await works()).toBe('sealed');
      expect(await works()).toBe('sealed');
    } finally {
      hsm.plug();
    }
    expect(await works()).toBe(right);
  });

  test('control: back before their time is over, nobody notices', async () => {
    const right = await works();
    hsm.unplug();
    offset += 0.75 * hourMs;
    expect(await works()).toBe(right);
    hsm.plug();
    // The try that failed is over when the module has been asked again.
    await expect
      .poll(async () =>
        vault.keyring.renew(tenantId).then(
          () => 'renewed',
          () => 'not yet',
        ),
      )
      .toBe('renewed');
    expect(await works()).toBe(right);
    offset += 0.4 * hourMs;
    expect(await works()).toBe(right);
  });
});
