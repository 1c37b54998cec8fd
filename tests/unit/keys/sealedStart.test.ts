import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { readConfig } from '../../../src/config.ts';
import type { Credentials } from '../../../src/keys/folder.ts';
import { createKeyFolder } from '../../../src/keys/folder.ts';
import { lockFolder, unlockFolder } from '../../../src/keys/lockFolder.ts';
import { createLog } from '../../../src/log.ts';
import { startKeys } from '../../../src/sealedStart.ts';
import { unsealing } from '../../../src/unsealing.ts';
import { freePort } from '../../../src/worker.ts';

/** A start that waits for its keys: who opened it, and shares that come at once. */
const folder = mkdtempSync(join(tmpdir(), 'amanat-sealed-'));
const config = readConfig({ AMANAT_KEYS_DIR: folder, AMANAT_DATA_DIR: join(folder, '..', 'nothing-here') });
const passphrase = 'six words drawn by lot are good';
let shares: readonly string[];

beforeAll(async () => {
  await createKeyFolder(folder);
  await lockFolder(folder, {}, { passphrase, shares: { needed: 2, of: 3 } }, async (made) => void (shares = made));
});
afterEach(() => void vi.useRealTimers());
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function waiting() {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const port = await freePort('127.0.0.1');
  let start: ReturnType<typeof startKeys> | undefined;
  const attempt = await new Promise<(given: Credentials) => Promise<void>>((resolve, reject) => {
    start = startKeys(config, createLog({ level: 'silent' }), port, resolve);
    start.catch(reject);
  });
  return { start: start!, attempt, port };
}

describe('a start without what opens its keys', () => {
  test('two who give a share each at once are two; a passphrase opens beside shares that are too few', async () => {
    const tried: Credentials[] = [];
    const { start, attempt } = await waiting();
    const { answer, by } = unsealing(config);
    by(async (given) => {
      tried.push(given);
      await attempt(given);
    });
    const ask = (given: Credentials) => answer({ op: 'unseal', given });
    expect(await ask({ shares: shares.slice(0, 1) })).toMatchObject({ fault: { code: 'keys_locked' } });
    expect(await ask({ shares: shares.slice(0, 1) })).toMatchObject({ fault: { code: 'keys_locked' } });
    expect(tried.at(-1)?.shares, 'the same one twice is one').toHaveLength(1);
    expect(await ask({ passphrase })).toEqual({ open: true });
    const found = await Promise.all(shares.slice(1).map((share) => ask({ shares: [share] })));
    expect(found.map(({ open }) => open)).toEqual([false, true]);
    expect(await start).toMatchObject({ unsealed: true });
  });

  test('is unsealed by whoever opens it, and not by keys that are back by themselves', async () => {
    const { start, port } = await waiting();
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([
      503,
      // What it needs a key to find out nobody has looked at.
      { status: 'not_ready', code: 'sealed', checks: { database: 'unchecked', keys: 'failed', audit: 'unchecked' } },
    ]);
    await unlockFolder(folder, { passphrase });
    await vi.advanceTimersByTimeAsync(5_000);
    const { opened, unsealed } = await start;
    expect(unsealed, 'what was sealed by POST /v1/seal stays so').toBe(false);
    expect(opened?.keys.root.current.id).toMatch(/^[0-9a-f]{16}$/);
  });
});
