import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { wrapContext } from '../../../src/crypto/wrap.ts';
import { readConfig } from '../../../src/config.ts';
import { unasked } from '../../../src/keyAccess.ts';
import { createKeyFolder, isPinRefused, KeyFault, loadKeyFolder } from '../../../src/keys/folder.ts';
import { hsmAt } from '../../../src/keys/hsm.ts';
import { hsmRootKey, newHsmRootKey } from '../../../src/keys/hsmRootKey.ts';
import type { RootKey } from '../../../src/keys/rootKey.ts';
import { softHsmToken, startSoftHsm, whyNoSoftHsm, type SoftHsm } from '../../support/softHsm.ts';

const reason = whyNoSoftHsm();
if (reason !== undefined) process.stderr.write(`tests/unit/keys/hsm.test.ts has nothing to test: ${reason}\n`);

/** A root key that never leaves a PKCS#11 module: SoftHSM2, through the process that talks to it. */
describe.runIf(reason === undefined)('a root key in a hardware module', () => {
  const folder = mkdtempSync(join(tmpdir(), 'amanat-hsm-'));
  const context = wrapContext.tenantKey('019aa001-0000-7000-8000-000000000001', 'data', 1);
  const material = Buffer.alloc(32, 5);
  const before = process.env['SOFTHSM2_CONF'];
  let hsm: SoftHsm;
  let text: string;
  let root: RootKey;
  const access = () => ({ module: hsm.module, pin: hsm.pin });

  beforeAll(async () => {
    hsm = startSoftHsm();
    Object.assign(process.env, hsm.env);
    text = await newHsmRootKey('root-1.hsm', { token: softHsmToken, key: 'root-1' }, access());
    root = await hsmRootKey('root-1.hsm', text, access());
  });
  afterAll(() => {
    root.forget();
    hsm.remove();
    rmSync(folder, { recursive: true, force: true });
    if (before === undefined) delete process.env['SOFTHSM2_CONF'];
    else process.env['SOFTHSM2_CONF'] = before;
  });

  async function fault(given: string, other: Partial<{ module: string; pin: string }> = {}): Promise<string> {
    try {
      (await hsmRootKey('root-1.hsm', given, { ...access(), ...other })).forget();
      return 'none';
    } catch (error) {
      if (!(error instanceof KeyFault)) throw error;
      expect(error.message).not.toContain(hsm.pin);
      return `${error.code}: ${error.message}`;
    }
  }

  test('wraps a tenant’s key for its place, and is the same when it is opened again', async () => {
    const wrapped = await root.wrap(context, material);
    expect(wrapped).toHaveLength(93);
    expect(wrapped[0]).toBe(2);
    const again = await hsmRootKey('root-1.hsm', text, access());
    expect(again.id).toBe(root.id);
    expect((await again.unwrap(context, wrapped)).equals(material)).toBe(true);
    expect((await again.secret('x')).equals(await root.secret('x'))).toBe(true);
    expect((await again.secret('y')).equals(await root.secret('x'))).toBe(false);
    again.forget();
    await expect(again.unwrap(context, wrapped)).rejects.toMatchObject({ code: 'sealed' });
  });

  test('P3: what was moved, changed by a bit, cut or wrapped by another does not open', async () => {
    const wrapped = await root.wrap(context, material);
    const refused = async (bytes: Buffer, place = context): Promise<void> =>
      expect(root.unwrap(place, bytes)).rejects.toMatchObject({ code: 'integrity_failure' });
    await refused(wrapped, wrapContext.tenantKey('019aa001-0000-7000-8000-000000000001', 'index', 1));
    for (const i of [0, 1, 32, 33, 44, 45, 76, 77, 92]) {
      const bent = Buffer.from(wrapped);
      bent[i] = (bent[i] ?? 0) ^ 1;
      await refused(bent);
    }
    await refused(wrapped.subarray(0, 92));
    await refused(Buffer.concat([wrapped, Buffer.alloc(1)]));
    const other = await newHsmRootKey('root-2.hsm', { token: softHsmToken, key: 'root-2' }, access());
    const second = await hsmRootKey('root-2.hsm', other, access());
    await refused(await second.wrap(context, material));
    second.forget();
    expect((await root.unwrap(context, wrapped)).equals(material), 'control').toBe(true);
  });

  test('the file beside it is no secret, and fits one key only', async () => {
    const wrapped = await root.wrap(context, material);
    expect(text).not.toContain(material.toString('base64'));
    expect(await fault(text.replace('"root-1"', '"root-2"'))).toContain(
      'keys_malformed: root-1.hsm was not made with this module',
    );
    const bent = text.replace(
      /"seed": "([^"]{100})(.)/,
      (_, head: string, c: string) => `"seed": "${head}${c === 'A' ? 'B' : 'A'}`,
    );
    expect(bent).not.toBe(text);
    expect(await fault(bent)).toContain('keys_malformed');
    expect(await fault('{}')).toContain('keys_malformed: root-1.hsm is not a root key file');
    expect(await fault(text), 'control').toBe('none');
    expect((await root.unwrap(context, wrapped)).equals(material)).toBe(true);
  });

  test('P15: a module, token, key or PIN that is not right, with what to do about it', async () => {
    expect(await fault(text, { pin: '000000' })).toMatch(/^keys_malformed: .*the PIN of token amanat is wrong/);
    expect(await fault(text.replace('"amanat"', '"elsewhere"'))).toMatch(/^keys_unavailable: .*NO_SUCH_TOKEN/);
    expect(await fault(text.replace('"root-1"', '"root-9"'))).toMatch(/^keys_malformed: .*has none of that name/);
    expect(await fault(text, { module: join(folder, 'none.so') })).toMatch(/^keys_unavailable: /);
    const without = { module: undefined, pin: undefined };
    await expect(hsmRootKey('root-1.hsm', text, without)).rejects.toMatchObject({ code: 'keys_unavailable' });
    await expect(hsmRootKey('root-1.hsm', text, { ...without, module: hsm.module })).rejects.toMatchObject({
      code: 'keys_locked',
    });
    const again = newHsmRootKey(
      'root-1.hsm',
      { token: softHsmToken, key: 'root-1' },
      { module: hsm.module, pin: hsm.pin },
    );
    await expect(again).rejects.toThrow('has a key named root-1 already');
  });

  test('a PIN that was refused is not tried again by itself: tokens lock after a few', async () => {
    const order = { module: hsm.module, token: softHsmToken, key: 'root-1', make: false };
    const wrong = hsmAt('root-1.hsm', { ...order, pin: '000000' });
    const ask = () => wrong.encrypt(Buffer.alloc(12), Buffer.alloc(0), material).catch((error: unknown) => error);
    const first = await ask();
    expect(isPinRefused(first)).toBe(true);
    expect(await ask(), 'the same fault, and no login behind it').toBe(first);
    wrong.close();

    const keysDir = join(folder, 'tried');
    await createKeyFolder(keysDir);
    await rm(join(keysDir, 'root-1.key'));
    writeFileSync(join(keysDir, 'root-1.hsm'), text, { mode: 0o600 });
    const pinFile = join(folder, 'pin');
    writeFileSync(pinFile, '000000\n', { mode: 0o600 });
    const tryAgain = unasked(
      readConfig({ AMANAT_KEYS_DIR: keysDir, AMANAT_KEYS_PIN_FILE: pinFile, AMANAT_PKCS11_MODULE: hsm.module }),
    );
    await expect(tryAgain()).rejects.toMatchObject({ code: 'keys_malformed', needs: 'pin' });
    await expect(tryAgain()).rejects.toMatchObject({ code: 'keys_locked', needs: 'pin' });
    // Control: another PIN is tried.
    writeFileSync(pinFile, `${hsm.pin}\n`, { mode: 0o600 });
    const { keys } = await tryAgain();
    expect(keys.root.current.id).toBe(root.id);
    keys.root.current.forget();
  });

  test('P15: a key that could be read out is refused', async () => {
    // Imported from a file: SoftHSM2 then says that it was once outside.
    const file = join(folder, 'open.key');
    writeFileSync(file, Buffer.alloc(32, 1));
    hsm.util('--import', file, '--aes', '--token', softHsmToken, '--pin', hsm.pin, '--label', 'imported', '--id', 'A1');
    expect(await fault(text.replace('"root-1"', '"imported"'))).toMatch(
      /^keys_malformed: .*can be read out of its token/,
    );
  });

  test('gone: sealed, and right again when it is back, without a restart', async () => {
    const wrapped = await root.wrap(context, material);
    hsm.unplug();
    try {
      await expect(root.unwrap(context, wrapped)).rejects.toMatchObject({ code: 'sealed' });
      await expect(root.wrap(context, material)).rejects.toMatchObject({ code: 'sealed' });
      expect(await fault(text)).toMatch(/^keys_unavailable: /);
    } finally {
      hsm.plug();
    }
    expect((await root.unwrap(context, wrapped)).equals(material)).toBe(true);
  });

  test('of many calls at once each gets its own answer', async () => {
    const materials = Array.from({ length: 20 }, (_, i) => Buffer.alloc(32, i));
    const wrapped = await Promise.all(materials.map((one, i) => root.wrap(`${context}${i}`, one)));
    const opened = await Promise.all(wrapped.map((one, i) => root.unwrap(`${context}${i}`, one)));
    expect(opened).toEqual(materials);
  });

  test('stands in a keys folder in the place of root-1.key', async () => {
    const keys = join(folder, 'keys');
    await createKeyFolder(keys);
    await rm(join(keys, 'root-1.key'));
    writeFileSync(join(keys, 'root-1.hsm'), text, { mode: 0o600 });
    const loaded = await loadKeyFolder(keys, { production: true, pkcs11Module: hsm.module, given: { pin: hsm.pin } });
    expect(loaded.root.current.id).toBe(root.id);
    loaded.root.current.forget();
    expect(readFileSync(join(keys, 'root-1.hsm'), 'utf8')).toBe(text);
  });
});
