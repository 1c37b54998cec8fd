import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createKeyFolder, loadKeyFolder } from '../../../src/keys/folder.ts';
import { newKeyFiles } from '../../../src/keys/keyCreation.ts';
import { writeWholeFolder } from '../../../src/keys/wholeFolder.ts';
import { compiled } from './compiled.ts';
import { crashing } from './crashing.ts';

const names = ['checkpoint-1.pem', 'export-1.crt', 'export-1.pem', 'root-1.key', 'token-1.pem'];
let base = '';
let program = '';
let files: ReadonlyMap<string, string>;
let count = 0;

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'amanat-creation-'));
  files = await newKeyFiles();
  program = compiled('keys/wholeFolder.ts');
  writeFileSync(join(program, 'files.json'), JSON.stringify([...files]));
  const work = `const { writeWholeFolder } = await import('./keys/wholeFolder.js');
  await writeWholeFolder(folder, new Map(JSON.parse(readFileSync(new URL('files.json', import.meta.url), 'utf8'))));`;
  writeFileSync(join(program, 'create.js'), crashing(work));
});
afterAll(async () => {
  await rm(base, { recursive: true });
  await rm(program, { recursive: true });
});

const fresh = (): string => join(base, `${(count += 1)}`, 'keys');

describe('creating a keys folder', () => {
  test('makes its files, mode 0600 in 0700, whatever the umask', async () => {
    const before = process.umask(0);
    try {
      const folder = fresh();
      await createKeyFolder(folder);
      expect((await readdir(folder)).sort()).toEqual(names);
      expect((await stat(folder)).mode & 0o777).toBe(0o700);
      for (const name of names) expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
      expect(await readdir(join(folder, '..'))).toEqual(['keys']);
    } finally {
      process.umask(before);
    }
  });

  test('makes other keys each time', async () => {
    const other = await newKeyFiles();
    for (const name of names) expect(other.get(name)).not.toBe(files.get(name));
  });

  test('fills an empty folder, also through a symbolic link', async () => {
    const folder = fresh();
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o755);
    const link = `${folder}-link`;
    await symlink(folder, link);
    await createKeyFolder(link);
    expect((await loadKeyFolder(folder, { production: true })).example).toBe(false);
  });

  test('never touches a folder with anything in it', async () => {
    const folder = fresh();
    await writeWholeFolder(folder, files);
    const root = await readFile(join(folder, 'root-1.key'), 'latin1');
    await expect(createKeyFolder(folder)).rejects.toMatchObject({ code: 'keys_not_empty' });
    await expect(writeWholeFolder(folder, await newKeyFiles())).rejects.toMatchObject({ code: 'keys_not_empty' });
    expect(await readFile(join(folder, 'root-1.key'), 'latin1')).toBe(root);
    const other = fresh();
    await mkdir(other, { recursive: true });
    await writeFile(join(other, 'note'), 'x');
    await expect(createKeyFolder(other)).rejects.toMatchObject({ code: 'keys_not_empty' });
    expect(await readdir(other)).toEqual(['note']);
  });

  test('refuses a file in its place and leaves nothing beside it', async () => {
    const folder = fresh();
    await mkdir(join(folder, '..'), { recursive: true });
    await writeFile(folder, 'x');
    await expect(createKeyFolder(folder)).rejects.toMatchObject({ code: 'keys_not_a_folder' });
    await expect(writeWholeFolder(folder, files)).rejects.toMatchObject({ code: 'keys_not_a_folder' });
    await expect(createKeyFolder(join(folder, 'deeper'))).rejects.toMatchObject({ code: 'keys_not_a_folder' });
    expect(await readdir(join(folder, '..'))).toEqual(['keys']);
  });

  test('says so where it may not write', async () => {
    await expect(writeWholeFolder(join(base, 'x'.repeat(300)), files)).rejects.toMatchObject({
      code: 'keys_not_writable',
    });
  });

  test('of many at once, one wins and its folder is whole', async () => {
    const folder = fresh();
    const sets = await Promise.all(Array.from({ length: 4 }, newKeyFiles));
    const results = await Promise.allSettled(sets.map(async (set) => writeWholeFolder(folder, set)));
    const won = results.flatMap(({ status }, i) => (status === 'fulfilled' ? [i] : []));
    expect(won).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'keys_not_empty' });
    }
    for (const name of names) expect(await readFile(join(folder, name), 'latin1')).toBe(sets[won[0] ?? 0]?.get(name));
    expect(await readdir(join(folder, '..'))).toEqual(['keys']);
  });
});

function create(folder: string, ...crash: string[]): { readonly signal: string | null; readonly calls: string[] } {
  const { signal, stdout, stderr } = spawnSync(process.execPath, [join(program, 'create.js'), folder, ...crash], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  return { signal, calls: stdout.trim().split('\n') };
}

describe('a crash while a keys folder is created', () => {
  test('every file and the folder are on disk before the folder is moved, and the move is on disk at the end', () => {
    const folder = fresh();
    const { calls } = create(folder);
    const moved = calls.findIndex((call) => call.startsWith('rename '));
    const draft = calls[moved]?.slice('rename '.length) ?? '';
    for (const name of ['', ...names.map((file) => `/${file}`)]) {
      expect(calls.slice(0, moved)).toContain(`sync ${draft}${name}`);
    }
    expect(calls.slice(moved)).toContain(`sync ${join(folder, '..')}`);
  });

  test('leaves the folder whole or absent, at each step, and another attempt succeeds', async () => {
    const steps = create(fresh()).calls.length;
    expect(steps).toBeGreaterThan(20);
    const seen = { absent: 0, whole: 0 };
    // A crash after one call is a crash before the next.
    const crashes = [...Array.from({ length: steps }, (_, i) => ['before', `${i + 1}`]), ['after', `${steps}`]];
    for (const crash of crashes) {
      const folder = fresh();
      expect(create(folder, ...crash).signal, crash.join(' ')).toBe('SIGKILL');
      const present = await stat(folder).catch(() => undefined);
      seen[present === undefined ? 'absent' : 'whole'] += 1;
      if (present === undefined) await writeWholeFolder(folder, files);
      expect((await loadKeyFolder(folder, { production: true })).example).toBe(false);
    }
    // Control: crashes came on both sides of the move.
    expect(seen.absent).toBeGreaterThan(20);
    expect(seen.whole).toBeGreaterThan(3);
  });

  test('control: a folder that is half made would be noticed', async () => {
    for (const missing of names) {
      const folder = fresh();
      await mkdir(folder, { recursive: true, mode: 0o700 });
      for (const [name, content] of files) {
        if (name !== missing) await writeFile(join(folder, name), content, { mode: 0o600 });
      }
      await expect(loadKeyFolder(folder, { production: true })).rejects.toMatchObject({ code: 'keys_missing' });
    }
  });
});
