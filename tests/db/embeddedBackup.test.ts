import { appendFileSync, cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backUp, backupsIn, damagedFiles, putBack, readManifest } from '../../src/cli/backupFolder.ts';
import { refuseKeysBeside } from '../../src/keysApart.ts';
import { isArchivable, type Recovery } from '../../src/db/embeddedArchive.ts';
import { startEmbedded, type Embedded } from '../../src/db/embedded.ts';

const root = mkdtempSync(join(tmpdir(), 'amanat backup-'));
const [folder, backups] = [join(root, 'data', 'postgres'), join(root, 'backups')];
const wal = join(backups, 'wal');
const contents = { schema: 1, rootKeyIds: ['abc'] };
let taken: string;
/** After the second row and before the third. */
let between: Date;

async function rowsOf({ ownerUrl }: Embedded, ...statements: readonly string[]): Promise<number[]> {
  const client = new Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    for (const text of statements) await client.query(text);
    const { rows } = await client.query<{ n: number }>('select n from public.marks order by n');
    return rows.map(({ n }) => n);
  } finally {
    await client.end();
  }
}

async function moment({ ownerUrl }: Embedded): Promise<Date> {
  const client = new Client({ connectionString: ownerUrl });
  await client.connect();
  const { rows } = await client.query<{ at: Date }>('select clock_timestamp() as at, pg_sleep(0.01)');
  await client.end();
  return rows[0]?.at ?? new Date(0);
}

/** The same folder each time; restored, started, looked at, taken away. */
async function restored(recovery: Recovery, from = taken): Promise<number[]> {
  const place = join(root, 'restored', 'postgres');
  await putBack(from, place, recovery);
  const embedded = await startEmbedded({ folder: place });
  try {
    // It takes writes again, under a timeline of its own.
    return await rowsOf(embedded, 'create table public.after_restore (n integer)');
  } finally {
    await embedded.stop();
    rmSync(place, { recursive: true });
  }
}

beforeAll(async () => {
  const embedded = await startEmbedded({ folder, archive: backups });
  await rowsOf(
    embedded,
    'create schema if not exists public',
    'create table public.marks (n integer)',
    'insert into public.marks values (1)',
  );
  // Writes go on while the files are copied.
  const work = { on: true };
  const busy = (async () => {
    const client = new Client({ connectionString: embedded.ownerUrl });
    await client.connect();
    await client.query('create table public.noise (n integer, t text)');
    for (let n = 0; work.on; n += 1) await client.query(`insert into public.noise select $1, repeat('x', 1000)`, [n]);
    await client.end();
  })();
  taken = (await backUp({ folder, port: embedded.port }, backups, contents, () => undefined)).path;
  work.on = false;
  await busy;
  await rowsOf(embedded, 'insert into public.marks values (2)');
  between = await moment(embedded);
  await rowsOf(embedded, 'insert into public.marks values (3)');
  await embedded.stop();
}, 120_000);
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('a backup of the embedded database, taken while it is written to', () => {
  test('is whole by itself: it starts without an archive, as of its moment', async () => {
    expect(await restored({ archive: undefined, until: undefined })).toEqual([1]);
  });

  test('rolls forward to a moment, and as far as there is WAL', async () => {
    expect(await restored({ archive: wal, until: between })).toEqual([1, 2]);
    expect(await restored({ archive: wal, until: undefined })).toEqual([1, 2, 3]);
  });

  test('lists every file with its checksum, and a changed, cut or missing one is found', async () => {
    const manifest = await readManifest(taken);
    expect(manifest).toMatchObject(contents);
    if (manifest === undefined) return;
    const listed = new Set(manifest.files.map(({ path }) => path));
    const there = readdirSync(join(taken, 'postgres'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(taken.length + 1));
    expect(there.toSorted()).toEqual([...listed].toSorted());
    expect(await damagedFiles(taken, manifest, () => undefined)).toEqual([]);
    const copy = join(root, 'damaged');
    cpSync(taken, copy, { recursive: true });
    appendFileSync(join(copy, 'postgres/cluster/PG_VERSION'), ' ');
    rmSync(join(copy, 'postgres/cluster/backup_label'));
    expect((await damagedFiles(copy, manifest, () => undefined)).toSorted()).toEqual([
      'postgres/cluster/PG_VERSION',
      'postgres/cluster/backup_label',
    ]);
    // The list itself is bound as well.
    appendFileSync(join(copy, 'manifest.json'), ' ');
    expect(await readManifest(copy)).toBeDefined();
    const text = readFileSync(join(copy, 'manifest.json'), 'utf8');
    rmSync(join(copy, 'manifest.json'));
    appendFileSync(join(copy, 'manifest.json'), text.replace('"schema":1', '"schema":2'));
    expect(await readManifest(copy)).toBeUndefined();
  });

  test('nobody else may read it, and one that was cut short counts for nothing', async () => {
    expect(statSync(taken).mode & 0o077).toBe(0);
    expect(statSync(join(taken, 'postgres/cluster/PG_VERSION')).mode & 0o777).toBe(0o600);
    cpSync(taken, join(backups, '.backup-1-1'), { recursive: true });
    rmSync(join(backups, '.backup-1-1', 'manifest.json'));
    expect((await backupsIn(backups)).map(({ path }) => path)).toEqual([taken]);
  });

  test('is never put over something', async () => {
    await expect(putBack(taken, folder, { archive: undefined, until: undefined })).rejects.toThrow(
      'nothing is overwritten',
    );
    expect(existsSync(`${folder}.restoring`)).toBe(false);
  });
});

test('keys and backups lie apart, through links as well', async () => {
  await expect(refuseKeysBeside(join(backups, 'keys'), backups)).rejects.toThrow('must not lie in each other');
  await expect(refuseKeysBeside(backups, join(backups, '..', 'backups', 'daily'))).rejects.toThrow();
  await expect(refuseKeysBeside(backups, backups)).rejects.toThrow();
  const { symlinkSync } = await import('node:fs');
  symlinkSync(backups, join(root, 'link'));
  await expect(refuseKeysBeside(join(root, 'link', 'keys'), backups)).rejects.toThrow();
  await refuseKeysBeside(join(root, 'backups-keys'), backups);
  expect(["/a'b", '/a%f', '/a"b', '/a$b', '/a`b', '/a\\b'].some(isArchivable)).toBe(false);
  expect(isArchivable('/srv/backups of amanat')).toBe(true);
});
