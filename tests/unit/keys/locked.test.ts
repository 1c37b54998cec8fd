import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { chmod, cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createKeyFolder, KeyFault, loadKeyFolder, type Credentials } from '../../../src/keys/folder.ts';
import { lockFolder as lockAnd, unlockFolder } from '../../../src/keys/lockFolder.ts';
import type { NewLock } from '../../../src/keys/lockedKeys.ts';
import { crashing } from './crashing.ts';

/** A keys folder that is locked by a passphrase, by shares, or by both. */
const passphrase = 'a passphrase of some length';
const shares = { needed: 3, of: 5 };
let base = '';
let made = '';
let folder = '';
let count = 0;
let names: string[];
/** Of keys: what must not stand in a locked folder or a message. */
let secrets: string[];

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'amanat-locked-'));
  made = join(base, 'made');
  await createKeyFolder(made);
  names = await readdir(made);
  const texts = await Promise.all(names.map((name) => readFile(join(made, name), 'latin1')));
  secrets = texts
    .join(' ')
    .split(/\s/)
    .filter((word) => /^[A-Za-z0-9+/=]{40,}$/.test(word));
  expect(secrets.length).toBeGreaterThan(30);
});
afterAll(async () => rm(base, { recursive: true }));
beforeEach(async () => {
  folder = join(base, `keys-${(count += 1)}`);
  await cp(made, folder, { recursive: true });
  await chmod(folder, 0o700);
});

/** Locks it, and has its shares. */
async function lockFolder(where: string, given: Credentials, lock: NewLock): Promise<readonly string[]> {
  let handed: readonly string[] = [];
  await lockAnd(where, given, lock, async (shown) => void (handed = shown));
  return handed;
}

const load = (given: Credentials) => loadKeyFolder(folder, { production: true, given });

async function fault(given: Credentials): Promise<string> {
  try {
    await load(given);
    return 'none';
  } catch (error) {
    if (!(error instanceof KeyFault)) throw error;
    for (const secret of [...secrets, ...(given.shares ?? []), ...(given.passphrase ? [given.passphrase] : [])])
      expect(error.message).not.toContain(secret);
    return `${error.code}: ${error.message}`;
  }
}

async function expectNothingInClear(): Promise<void> {
  expect(await readdir(folder)).toEqual(['keys.locked']);
  const text = await readFile(join(folder, 'keys.locked'), 'latin1');
  const bytes = Buffer.from(/"sealed": "([^"]+)"/.exec(text)?.[1] ?? '', 'base64').toString('latin1');
  for (const secret of secrets) {
    expect(text).not.toContain(secret);
    expect(bytes).not.toContain(secret);
  }
}

describe('a locked keys folder', () => {
  test('opens to the same keys with its passphrase, and unlocks to the same bytes', async () => {
    const before = await load({});
    expect(await lockFolder(folder, {}, { passphrase })).toEqual([]);
    await expectNothingInClear();
    const locked = await load({ passphrase });
    expect(locked.root.current.id).toBe(before.root.current.id);
    expect(locked.token[0]?.kid).toBe(before.token[0]?.kid);
    expect(locked.lock).toEqual({ open: [] });
    await unlockFolder(folder, { passphrase });
    expect((await readdir(folder)).toSorted()).toEqual(names.toSorted());
    for (const name of names) {
      expect(await readFile(join(folder, name))).toEqual(await readFile(join(made, name)));
    }
    expect((await load({})).lock).toBeUndefined();
  });

  test('without its passphrase, or with another, it says so and nothing more', async () => {
    await lockFolder(folder, {}, { passphrase });
    expect(await fault({})).toMatch(/^keys_locked: .*is locked. Give its passphrase/);
    expect(await fault({ passphrase: 'another' })).toMatch(/^keys_passphrase_wrong: /);
    expect(await fault({ passphrase: '' })).toMatch(/^keys_passphrase_wrong: /);
    expect(await fault({ shares: [], pin: '1' })).toMatch(/^keys_locked: /);
  });

  test('a passphrase in two spellings of Unicode is one', async () => {
    await lockFolder(folder, {}, { passphrase: 'آبان'.normalize('NFC') + ' and more of it' });
    expect(await fault({ passphrase: 'آبان'.normalize('NFD') + ' and more of it' })).toBe('none');
  });

  test('changes its passphrase: the old one opens it no more', async () => {
    await lockFolder(folder, {}, { passphrase });
    await lockFolder(folder, { passphrase }, { passphrase: 'the new passphrase' });
    await expectNothingInClear();
    expect(await fault({ passphrase })).toMatch(/^keys_passphrase_wrong: /);
    expect(await fault({ passphrase: 'the new passphrase' })).toBe('none');
  });

  test('P15: open to other users, empty, cut anywhere or altered', async () => {
    const path = join(folder, 'keys.locked');
    await lockFolder(folder, {}, { shares: { needed: 2, of: 2 } }).then((two) => (given = { shares: two }));
    const text = await readFile(path, 'utf8');
    await chmod(path, 0o640);
    expect(await fault(given)).toMatch(/^keys_world_readable: /);
    await chmod(path, 0o600);
    await writeFile(path, '');
    expect(await fault(given)).toMatch(/^keys_empty: /);
    for (let length = 1; length < text.length - 1; length += 400) {
      await writeFile(path, text.slice(0, length));
      expect(await fault(given), `${length}`).toMatch(/^keys_truncated: |^keys_malformed: /);
    }
    for (let i = 0; i < text.length; i += 97) {
      await writeFile(path, `${text.slice(0, i)}${text[i] === 'a' ? 'b' : 'a'}${text.slice(i + 1)}`);
      // A letter of a digest that is in no share that was given, or white space, may change nothing.
      expect(await fault(given), `${i}`).not.toMatch(/internal|undefined/);
      if ((await fault(given)) === 'none') expect(text.slice(i - 40, i + 40)).toMatch(/\s|digests/);
    }
    await writeFile(path, text);
    expect(await fault(given), 'control').toBe('none');
  });
  let given: Credentials = {};

  test('another key of the same name in clear beside it is refused; the same one is told of', async () => {
    await lockFolder(folder, {}, { passphrase });
    await cp(join(made, 'root-1.key'), join(folder, 'root-1.key'));
    expect((await load({ passphrase })).lock).toEqual({ open: ['root-1.key'] });
    await createKeyFolder(join(base, 'another'));
    await cp(join(base, 'another', 'root-1.key'), join(folder, 'root-1.key'));
    expect(await fault({ passphrase })).toMatch(/^keys_malformed: .*root-1.key is another than the one in/);
  });

  test('a key that was added in clear is used, and taken in when it is locked again', async () => {
    await lockFolder(folder, {}, { passphrase });
    await createKeyFolder(join(base, 'newer'));
    await cp(join(base, 'newer', 'root-1.key'), join(folder, 'root-2.key'));
    const keys = await load({ passphrase });
    expect([keys.root.byId.size, keys.lock]).toEqual([2, { open: ['root-2.key'] }]);
    await lockFolder(folder, { passphrase }, { passphrase });
    await expectNothingInClear();
    expect((await load({ passphrase })).root.current.id).toBe(keys.root.current.id);
  });
});

describe('shares', () => {
  test('any three of five open it, in any order; two do not', async () => {
    const five = await lockFolder(folder, {}, { shares });
    await expectNothingInClear();
    expect(new Set(five).size).toBe(5);
    const [a, b, c, d, e] = five as [string, string, string, string, string];
    for (const three of [
      [a, b, c],
      [e, c, a],
      [d, e, b],
      [a, b, c, d, e],
    ])
      expect(await fault({ shares: three })).toBe('none');
    expect(await fault({ shares: [a, b] })).toMatch(/^keys_locked: .*2 of 3 shares are here/);
    expect(await fault({ shares: [a, b, a, b] })).toMatch(/^keys_locked: .*2 of 3 shares are here/);
    expect(await fault({ passphrase })).toMatch(/^keys_locked: .*3 of its shares/);
    expect(await fault({ shares: [` ${a.toUpperCase()}\n`, b, c] }), 'as somebody types it').toBe('none');
  });

  test('each wrong one is named: mistyped, foreign, made up', async () => {
    const five = await lockFolder(folder, {}, { shares });
    const [a, b, c] = five as [string, string, string];
    const digit = c.at(40) === '0' ? '1' : '0';
    const mistyped = `${c.slice(0, 40)}${digit}${c.slice(41)}`;
    expect(await fault({ shares: [a, mistyped, b] })).toMatch(/^keys_share_wrong: Share 2 of those given was mistyped/);
    expect(await fault({ shares: [a, b, 'hello'] })).toMatch(/^keys_share_wrong: Share 3 of those given is no share/);
    const { createHash } = await import('node:crypto');
    const body = mistyped.slice(0, -9);
    const madeUp = `${body}:${createHash('sha256').update(body).digest('hex').slice(0, 8)}`;
    expect(await fault({ shares: [madeUp, a, b] })).toMatch(
      /^keys_share_wrong: Share 1 of those given \(number 3\) is not as it was made/,
    );
    const others = await lockFolder(folder, { shares: five }, { shares });
    expect(await fault({ shares: [...others.slice(0, 2), a] })).toMatch(
      /^keys_share_wrong: Share 3 of those given belongs to set/,
    );
    expect(await fault({ shares: five })).toMatch(/^keys_share_wrong: /);
    expect(await fault({ shares: others }), 'control').toBe('none');
  });

  test('beside a passphrase: either opens it', async () => {
    const five = await lockFolder(folder, {}, { passphrase, shares });
    expect(await fault({ passphrase })).toBe('none');
    expect(await fault({ shares: five.slice(2) })).toBe('none');
  });
});

describe('a crash while a folder is locked or unlocked', () => {
  const program = (work: string): string => {
    const file = join(base, `crash-${(count += 1)}.mjs`);
    const dist = pathToFileURL(join(import.meta.dirname, '../../../dist/keys/lockFolder.js')).href;
    writeFileSync(file, crashing(`const { lockFolder, unlockFolder } = await import('${dist}'); ${work}`));
    return file;
  };
  const run = (file: string, where: string, crash: readonly string[]) => {
    const { signal, stdout, stderr } = spawnSync(process.execPath, [file, where, ...crash], { encoding: 'utf8' });
    expect(stderr).toBe('');
    return { signal, calls: stdout.trim().split('\n') };
  };

  test('at each step of both it opens to the same keys, and can be run again', async () => {
    const two = await lockFolder(folder, {}, { shares: { needed: 2, of: 2 } });
    const given = { shares: two };
    const { id } = (await load(given)).root.current;
    const lockedSet = folder;
    const unlock = program(`await unlockFolder(folder, ${JSON.stringify(given)});`);
    // Says its shares before anything depends on them, on a line of their own.
    const lock = program(
      `await lockFolder(folder, {}, { shares: { needed: 2, of: 2 } }, async (shares) => void writeSync(1, JSON.stringify(shares) + '\\n'));`,
    );
    const seen = { clear: 0, both: 0, locked: 0 };
    for (const [file, from] of [
      [unlock, lockedSet],
      [lock, made],
    ] as const) {
      const copy = async (): Promise<void> => {
        folder = join(base, `keys-${(count += 1)}`);
        await cp(from, folder, { recursive: true });
        await chmod(folder, 0o700);
      };
      await copy();
      const steps = run(file, folder, []).calls.filter((line) => !line.startsWith('[')).length;
      expect(steps).toBeGreaterThan(15);
      for (let step = 1; step <= steps; step += 2) {
        await copy();
        const { signal, calls } = run(file, folder, ['before', `${step}`]);
        expect(signal).toBe('SIGKILL');
        const left = await readdir(folder);
        const isLocked = left.includes('keys.locked');
        seen[isLocked ? (left.some((n) => names.includes(n)) ? 'both' : 'locked') : 'clear'] += 1;
        const handed = calls.find((line) => line.startsWith('['));
        const opens = file === unlock ? given : { shares: JSON.parse(handed ?? '[]') as string[] };
        expect((await load(opens)).root.current.id, `${file === unlock ? 'un' : ''}lock, step ${step}`).toBe(id);
        if (isLocked) await unlockFolder(folder, opens);
        expect((await load({})).root.current.id).toBe(id);
      }
    }
    // Control: crashes came in every state.
    expect(seen.clear).toBeGreaterThan(2);
    expect(seen.both).toBeGreaterThan(5);
    expect(seen.locked).toBeGreaterThan(0);
  }, 120_000);
});
