import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setImmediate as setImmediately } from 'node:timers/promises';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { proveArchived, provenDigest } from '../../src/archiveProof.ts';
import { ofArchivedWal } from '../../src/cli/archiveCheck.ts';
import { archivedRun, isWaiting, type ArchivedRun } from '../../src/cli/archivedWal.ts';
import { backUp, backupsIn, damagedFiles } from '../../src/cli/backupFolder.ts';
import { readManifest, type Manifest } from '../../src/cli/backupManifest.ts';
import { exit } from '../../src/cli/command.ts';
import { exitOf, messageOf } from '../../src/cli/faults.ts';
import { putBack } from '../../src/cli/putBack.ts';
import { walMac, walSecret } from '../../src/crypto/backupMac.ts';
import { refuseInDatabase, refuseKeysBeside } from '../../src/keysApart.ts';
import { archiveSettings, isArchivable, makeArchive } from '../../src/db/embeddedArchive.ts';
import { EmbeddedFault } from '../../src/db/embeddedFault.ts';
import { lockFolder, lockMadeFolder } from '../../src/db/embeddedLock.ts';
import type { Recovery } from '../../src/db/embeddedRestore.ts';
import { createKeyFolder } from '../../src/keys/folder.ts';
import { makeFolder } from '../../src/makeFolder.ts';
import { newRootKeyText, parseRootKey } from '../../src/keys/rootKey.ts';
import { startEmbedded, type Embedded } from '../../src/db/embedded.ts';

const root = mkdtempSync(join(tmpdir(), 'amanat backup-'));
const [folder, backups] = [join(root, 'data', 'postgres'), join(root, 'backups')];
const wal = join(backups, 'wal');
const contents = { schema: 1, rootKeyIds: ['abc'] };
const root1 = parseRootKey('root-1.key', newRootKeyText());
const roots = { current: root1, byId: new Map([[root1.id, root1]]) };
let taken: string;
/** After the second row and before the third. */
let between: Date;
/** Changed in the copy while it was made, after it was copied. */
const overwritten = 'postgres/cluster/PG_VERSION';
let damagedMeanwhile: readonly string[];
/** By somebody in the database: a restored cluster would not start with them, or reach elsewhere. */
const harmful = ['recovery.conf', 'tablespace_map', 'standby.signal'];
/** Gone from the cluster before they were copied; and what became of a backup whose copy lost a folder meanwhile. */
let [dropped, cutMeanwhile, meanwhileAnother, throughLink] = ['', '', '', ''];
/** Of a cluster with a tablespace elsewhere, and of one with another link in it. */
const outsideCluster: string[] = [];

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

async function believed(backup: string): Promise<Manifest> {
  const manifest = await readManifest(backup, roots);
  if (typeof manifest === 'string') throw new Error(`${backup}: ${manifest}`);
  return manifest;
}

const place = join(root, 'restored', 'postgres');
const archiving = { dataDir: join(root, 'data'), backupDir: backups };
const segments = (): string[] =>
  readdirSync(wal)
    .filter((name) => /^[0-9A-F]{24}$/.test(name))
    .toSorted();

/** What of the archive follows on the backup. */
async function followed(archive = wal, given: { whole?: boolean; takeUnproven?: boolean } = {}): Promise<ArchivedRun> {
  const search = { archive, manifest: await believed(taken), roots, whole: true, takeUnproven: false, ...given };
  return archivedRun({ ...search, onFile: () => undefined });
}

/** The same folder each time; restored, started, looked at, taken away. */
async function restored(recovery: Recovery, from = taken): Promise<number[]> {
  expect(await putBack({ path: from, manifest: await believed(from) }, place, recovery)).toEqual([]);
  const embedded = await startEmbedded({ folder: place });
  try {
    // It takes writes again, under a timeline of its own.
    return await rowsOf(embedded, 'create table public.after_restore (n integer)');
  } finally {
    await embedded.stop();
    rmSync(place, { recursive: true });
  }
}

const superuserSecret = (): string => readFileSync(join(folder, 'superuser.secret'), 'utf8').trim();

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
  const source = { folder, port: embedded.port };
  const inDraft = (path: string): string =>
    join(backups, readdirSync(backups).find((name) => name.startsWith('.backup-')) ?? '', 'postgres/cluster', path);
  for (const name of ['99998', '99999']) writeFileSync(join(folder, 'cluster/global', name), 'of a table');
  for (const name of harmful) writeFileSync(join(folder, 'cluster', name), `16999 ${root}\n`);
  const meanwhile = (done: number, all: number): void => {
    if (done === 1) {
      // One of them at the most is copied already.
      dropped = existsSync(inDraft('global/99999')) ? 'global/99998' : 'global/99999';
      rmSync(join(folder, 'cluster', dropped));
    }
    if (done === all) writeFileSync(inDraft('PG_VERSION'), 'other');
  };
  const made = await backUp(source, backups, contents, root1, meanwhile);
  taken = made.path;
  damagedMeanwhile = await damagedFiles(taken, made.manifest, () => undefined);
  writeFileSync(join(taken, overwritten), readFileSync(join(folder, 'cluster/PG_VERSION')));
  work.on = false;
  await busy;
  const cut = (done: number): void => (done === 1 ? rmSync(inDraft('base'), { recursive: true }) : undefined);
  const attempt = (onFile: (done: number) => void = () => undefined): Promise<string> =>
    backUp(source, backups, contents, root1, onFile).then(({ path }) => path, String);
  cutMeanwhile = await attempt(cut);
  const other = new Client({ connectionString: embedded.ownerUrl.replace(/[^/]+@/, `postgres:${superuserSecret()}@`) });
  await other.connect();
  await other.query(`select pg_create_physical_replication_slot('amanat_backup', true, true)`);
  meanwhileAnother = await attempt();
  await other.end();
  const clock = vi.spyOn(Date, 'now').mockReturnValue(1_700_000_000_000);
  mkdirSync(join(root, 'led to'));
  symlinkSync(join(root, 'led to'), join(backups, `.backup-${Date.now()}-${process.pid}`));
  throughLink = await attempt();
  rmSync(join(backups, `.backup-${Date.now()}-${process.pid}`));
  clock.mockRestore();
  execFileSync('mkfifo', [join(folder, 'cluster', 'pg_xact/pipe')]);
  outsideCluster.push(await attempt());
  rmSync(join(folder, 'cluster', 'pg_xact/pipe'));
  for (const path of ['pg_tblspc/16999', 'pg_xact/0001']) {
    symlinkSync(root, join(folder, 'cluster', path));
    outsideCluster.push(await attempt());
    rmSync(join(folder, 'cluster', path));
  }
  await rowsOf(embedded, 'insert into public.marks values (2)');
  between = await moment(embedded);
  await rowsOf(embedded, 'insert into public.marks values (3)');
  await embedded.stop();
  // Nobody has vouched for anything yet, and what nobody vouched for is not taken.
  expect(await followed()).toMatchObject({ files: [], trouble: { code: 'unproven' }, provenBeyond: false });
  expect((await followed(wal, { takeUnproven: true })).unproven).toEqual(expect.arrayContaining(segments().slice(-1)));
  await proveArchived(archiving, () => root1);
  expect(readdirSync(join(folder, 'archived'))).toEqual([]);
}, 120_000);
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('a backup of the embedded database, taken while it is written to', () => {
  test('says what was read of the cluster, whatever somebody does to the copy meanwhile', async () => {
    const manifest = await believed(taken);
    expect(damagedMeanwhile).toEqual([overwritten]);
    // Control: put right, it is what was read of the cluster.
    expect(await damagedFiles(taken, manifest, () => undefined)).toEqual([]);
    expect(cutMeanwhile).toContain('ENOENT');
    expect(readdirSync(backups).filter((name) => name !== basename(taken))).toEqual(['wal']);
    // Control: what the cluster itself drops meanwhile is left out, and no fault.
    const listed = manifest.files.map(({ path }) => path);
    for (const name of [dropped, ...harmful]) expect(listed, name).not.toContain(`postgres/cluster/${name}`);
  });

  test('rolls forward to a moment, and as far as there is WAL', async () => {
    const { files, trouble, last } = await followed();
    expect({ trouble, last }).toEqual({ trouble: undefined, last: segments().at(-1) });
    expect(await restored({ archive: { folder: wal, files }, until: between })).toEqual([1, 2]);
    expect(await restored({ archive: { folder: wal, files }, until: undefined })).toEqual([1, 2, 3]);
  });

  test('is one at a time, and not written through a link', () => {
    // Control: the same call before, with nothing in its way, made `taken`.
    expect(meanwhileAnother).toContain('Another backup of this database is being made');
    expect([throughLink, readdirSync(join(root, 'led to'))]).toEqual([expect.stringContaining('EEXIST'), []]);
  });

  test('is none of a cluster of which a part lies elsewhere', () => {
    expect(outsideCluster).toEqual(
      ['pg_xact/pipe', `tablespace outside of its folder, in ${root}`, 'pg_xact/0001'].map((said) =>
        expect.stringContaining(said),
      ),
    );
  });

  test('lists every file', async () => {
    const manifest = await believed(taken);
    expect(manifest).toMatchObject(contents);
    const listed = new Set(manifest.files.map(({ path }) => path));
    const there = readdirSync(join(taken, 'postgres'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(taken.length + 1));
    expect(there.toSorted()).toEqual([...listed].toSorted());
  });

  test('nobody else may read it, and one that was cut short counts for nothing', async () => {
    expect(statSync(taken).mode & 0o077).toBe(0);
    expect(statSync(join(taken, 'postgres/cluster/PG_VERSION')).mode & 0o777).toBe(0o600);
    mkdirSync(join(backups, '.backup-1-1', 'postgres'), { recursive: true });
    const found = await backupsIn(backups, roots);
    expect(found.backups.map(({ path }) => path)).toEqual([taken]);
    expect(found.refused).toEqual([]);
    await expect(backupsIn(join(backups, 'nowhere'), roots)).rejects.toThrow('There is no folder');
  });

  test('is whole by itself: it starts without an archive, as of its moment; it is never put over something', async () => {
    const backup = { path: taken, manifest: await believed(taken) };
    await expect(putBack(backup, folder, { archive: undefined, until: undefined })).rejects.toThrow(
      'nothing is overwritten',
    );
    expect(existsSync(`${folder}.restoring`)).toBe(false);
    // Nor twice at once: what the one writes the other would take away.
    mkdirSync(`${place}.restoring`, { recursive: true });
    const lock = await lockFolder(`${place}.restoring`);
    const twice = putBack(backup, place, { archive: undefined, until: undefined });
    await expect(twice).rejects.toThrow('is in use by process');
    await lock.release();
    expect(await restored({ archive: undefined, until: undefined }), 'control').toEqual([1]);
    expect(readdirSync(join(place, '..'))).toEqual([]);
  });
});

describe('a folder that is made for one restore', () => {
  const at = join(root, 'made', 'postgres.restoring');
  const draft = join(at, 'postgres');

  test('is one’s own until it is gone, however many come while another ends', async () => {
    const inside = { now: 0, most: 0, done: 0 };
    const restoring = async (): Promise<void> => {
      const lock = await lockMadeFolder(at).catch((error: unknown) => {
        if (error instanceof EmbeddedFault && error.code === 'folder_in_use') return undefined;
        throw error;
      });
      if (lock === undefined) return setImmediately().then(restoring);
      inside.now += 1;
      inside.most = Math.max(inside.most, inside.now);
      await writeFile(draft, 'being written');
      await setImmediately();
      expect(await readFile(draft, 'utf8')).toBe('being written');
      await rm(draft);
      inside.now -= 1;
      inside.done += 1;
      await lock.remove();
    };
    await Promise.all(Array.from({ length: 24 }, restoring));
    expect(inside).toEqual({ now: 0, most: 1, done: 24 });
    expect(readdirSync(join(root, 'made'))).toEqual([]);
    // Control: let go first and taken away then, as anybody would, it is the next one's that goes.
    await (await lockMadeFolder(at)).release();
    const next = await lockMadeFolder(at);
    writeFileSync(draft, 'being written');
    await rm(at, { recursive: true });
    expect(existsSync(draft)).toBe(false);
    await next.remove();
  });

  test('is not taken by whoever looked at the one before it, however slow they are', async () => {
    mkdirSync(at, { recursive: true });
    execFileSync('mkfifo', [join(at, 'lock.1')]);
    const slow = lockFolder(at).catch((error: unknown) => error);
    // Opens when it is being read.
    const former = await open(join(at, 'lock.1'), 'w');
    await rm(at, { recursive: true });
    const next = await lockMadeFolder(at);
    await former.writeFile(JSON.stringify({ state: 'released' }));
    await former.close();
    expect(await slow).toMatchObject({ code: 'folder_in_use' });
    expect(readdirSync(at)).toEqual(['lock.1']);
    await next.remove();
  });

  test('is not made where nothing can be, and the words say so', async () => {
    const refused = await backUp({ folder, port: 1 }, '/proc/backups/of', contents, root1, () => undefined).catch(
      (error: unknown) => error,
    );
    expect([exitOf(refused), messageOf(refused)]).toEqual([exit.config, expect.stringContaining('cannot be made (EN')]);
    await expect(createKeyFolder('/proc/amanat/keys')).rejects.toMatchObject({ code: 'keys_not_writable' });
    writeFileSync(join(root, 'file'), '');
    for (const path of [join(root, 'file'), join(root, 'file', 'below')])
      await expect(makeFolder(path)).rejects.toThrow('cannot be made');
    // Control: where it can be it is, by many at once, for its owner alone.
    const deep = join(root, 'deep', 'er', 'still');
    await Promise.all(Array.from({ length: 8 }, () => makeFolder(deep)));
    expect([join(root, 'deep'), deep].map((path) => statSync(path).mode & 0o777)).toEqual([0o700, 0o700]);
  });
});

describe('whoever can write where the backups are, and has no key', () => {
  const copy = join(root, 'attacked');
  const cluster = join(copy, 'postgres/cluster');
  beforeAll(() => cpSync(taken, copy, { recursive: true }));
  const alone: Recovery = { archive: undefined, until: undefined };
  /** What a restore of the copy finds; nothing may be left where it would be put. */
  const attempt = async (manifest: Manifest): Promise<readonly string[]> => {
    const damaged = await putBack({ path: copy, manifest }, place, alone);
    if (damaged.length > 0)
      expect(readdirSync(join(place, '..')).filter((name) => name.startsWith('postgres'))).toEqual([]);
    else rmSync(place, { recursive: true });
    return damaged;
  };

  test('changes no byte of any kind of file, adds none and takes none away', async () => {
    const manifest = await believed(copy);
    const pages = manifest.files.find(({ path, bytes }) => path.includes('/base/') && bytes > 8192)?.path ?? '';
    const segment = manifest.files.find(({ path }) => path.includes('/pg_wal/'))?.path ?? '';
    const kinds = [
      pages,
      segment,
      ...[
        'global/pg_control',
        'backup_label',
        'PG_VERSION',
        'postgresql.conf',
        'postgresql.auto.conf',
        'pg_hba.conf',
      ].map((name) => `postgres/cluster/${name}`),
      'postgres/superuser.secret',
    ];
    for (const kind of kinds) {
      const bytes = readFileSync(join(copy, kind));
      bytes[Math.floor(bytes.length / 2)] = (bytes[Math.floor(bytes.length / 2)] ?? 0) ^ 1;
      writeFileSync(join(copy, kind), bytes);
    }
    const [longer, missing] = ['postgres/cluster/pg_multixact/offsets/0000', 'postgres/owner.secret'];
    appendFileSync(join(copy, longer), ' ');
    rmSync(join(copy, missing));
    kinds.push(longer, missing);
    expect((await attempt(manifest)).toSorted()).toEqual(kinds.toSorted());
    for (const kind of kinds) cpSync(join(taken, kind), join(copy, kind));
    expect(await attempt(manifest)).toEqual([]);
  });

  test('changes nothing that the manifest says, and brings none of another vault', async () => {
    const file = join(copy, 'manifest.json');
    const text = readFileSync(file, 'utf8');
    const manifest = JSON.parse(text) as Manifest;
    for (const member of Object.keys(manifest).filter((name) => name !== 'mac' && name !== 'format')) {
      const value = manifest[member as keyof Manifest];
      const other = typeof value === 'string' ? `${value}0` : typeof value === 'number' ? value + 1 : [];
      writeFileSync(file, JSON.stringify({ ...manifest, [member]: other }));
      expect(await readManifest(copy, roots), member).toBe('altered');
    }
    const root2 = parseRootKey('root-2.key', newRootKeyText());
    const both = { current: root2, byId: new Map([...roots.byId, [root2.id, root2]]) };
    expect(await readManifest(taken, { byId: new Map([[root2.id, root2]]) })).toBe('other_keys');
    writeFileSync(file, JSON.stringify({ ...manifest, mac: { ...manifest.mac, rootKeyId: root2.id } }));
    expect(await readManifest(copy, both)).toBe('altered');
    // As it was before there was a MAC.
    writeFileSync(file, JSON.stringify({ ...manifest, format: 1, mac: undefined, digest: '0' }));
    expect(await readManifest(copy, roots)).toBe('other_format');
    const found = await backupsIn(root, roots);
    expect(found.refused).toEqual([{ path: copy, code: 'other_format' }]);
    writeFileSync(file, text);
    expect(await readManifest(copy, roots)).toEqual(manifest);
  });

  test('keeps nobody waiting by a pipe, a link or a file without end in the place of a manifest', async () => {
    const file = join(copy, 'manifest.json');
    const text = readFileSync(file);
    const plants = [
      () => execFileSync('mkfifo', [file]),
      () => symlinkSync('/dev/zero', file),
      () => symlinkSync(join(taken, 'manifest.json'), file),
      () => [writeFileSync(file, ''), truncateSync(file, 2 ** 30)],
    ];
    for (const plant of plants) {
      rmSync(file);
      plant();
      expect(await readManifest(copy, roots)).toBe('unreadable');
    }
    rmSync(file);
    writeFileSync(file, text.subarray(0, text.length / 2));
    expect(await readManifest(copy, roots)).toBe('altered');
    writeFileSync(file, text);
    expect(await readManifest(copy, roots)).toEqual(await believed(taken));
  });

  test('puts no link, no pipe and no growing file in the place of one that is listed', async () => {
    const manifest = await believed(copy);
    const [version, label] = ['PG_VERSION', 'backup_label'].map((name) => join(cluster, name)) as [string, string];
    renameSync(version, join(root, 'elsewhere'));
    symlinkSync(join(root, 'elsewhere'), version);
    rmSync(label);
    symlinkSync('/dev/zero', label);
    const expected = ['postgres/cluster/PG_VERSION', 'postgres/cluster/backup_label'];
    expect((await attempt(manifest)).toSorted()).toEqual(expected);
    for (const path of [version, label]) rmSync(path);
    renameSync(join(root, 'elsewhere'), version);
    cpSync(join(taken, 'postgres/cluster/backup_label'), label);
  });

  test('has nothing run: settings, recovery commands and tablespaces of a backup are not used', async () => {
    const manifest = await believed(copy);
    const sign = join(root, 'ran');
    const settings = `restore_command = 'touch "${sign}"; false'\n`;
    writeFileSync(join(cluster, 'recovery.signal'), '');
    writeFileSync(join(cluster, 'standby.signal'), '');
    writeFileSync(join(cluster, 'tablespace_map'), `16999 ${root}\n`);
    symlinkSync(root, join(cluster, 'pg_tblspc/16999'));
    // Beside what is listed it is left where it is.
    await putBack({ path: copy, manifest }, place, alone);
    for (const name of ['standby.signal', 'tablespace_map', 'pg_tblspc/16999'])
      expect(existsSync(join(place, 'cluster', name)), name).toBe(false);
    expect(readFileSync(join(place, 'cluster/pg_hba.conf'), 'utf8')).toBe('host all all 127.0.0.1/32 scram-sha-256\n');
    rmSync(place, { recursive: true });
    for (const name of ['standby.signal', 'tablespace_map', 'pg_tblspc/16999']) rmSync(join(cluster, name));
    appendFileSync(join(cluster, 'postgresql.auto.conf'), settings);
    expect(await attempt(manifest)).toEqual(['postgres/cluster/postgresql.auto.conf']);
    expect(existsSync(sign)).toBe(false);
    // Control: copied as it is, PostgreSQL runs it at its next start.
    cpSync(join(copy, 'postgres'), place, { recursive: true });
    await (await startEmbedded({ folder: place })).stop();
    expect(existsSync(sign)).toBe(true);
    rmSync(place, { recursive: true });
  });
});

describe('whoever can write where the WAL is archived, and has no key', () => {
  const copy = join(root, 'attacked wal');
  beforeAll(() => cpSync(wal, copy, { recursive: true }));
  const last = (): string => segments().at(-1) ?? '';
  /** Where PostgreSQL has written nothing yet, so that it does not notice itself. */
  const change = (): void => {
    const bytes = readFileSync(join(copy, last()));
    bytes[bytes.length - 1] = 1;
    writeFileSync(join(copy, last()), bytes);
  };
  const repair = (name: string): void => {
    rmSync(join(copy, name), { force: true, recursive: true });
    for (const one of [name, `${name}.mac`]) cpSync(join(wal, one), join(copy, one));
  };

  test('changes no byte of a segment, moves none, and vouches for none', async () => {
    change();
    expect(await followed(copy)).toMatchObject({ trouble: { code: 'altered', name: last() }, beyond: 1 });
    // Taking what nobody vouched for takes nothing that somebody vouched for otherwise.
    expect((await followed(copy, { takeUnproven: true })).trouble).toEqual({ code: 'altered', name: last() });
    repair(last());
    const proof = JSON.parse(readFileSync(join(wal, `${last()}.mac`), 'utf8')) as Record<string, string>;
    const label = readdirSync(wal).find((name) => name.endsWith('.backup.mac')) ?? '';
    for (const forged of [
      readFileSync(join(wal, label), 'utf8'),
      JSON.stringify({ ...proof, sha256: '0'.repeat(64) }),
      JSON.stringify({ ...proof, rootKeyId: 'ffffffffffffffff' }),
      '{}',
    ]) {
      writeFileSync(join(copy, `${last()}.mac`), forged);
      expect((await followed(copy)).trouble).toEqual({ code: 'altered', name: last() });
    }
    repair(last());
    const { systemId, ...manifest } = await believed(taken);
    const other = { ...manifest, systemId: `${systemId}1` };
    const search = { archive: copy, roots, whole: false, takeUnproven: false, onFile: () => undefined };
    expect((await archivedRun({ ...search, manifest: other })).trouble?.code).toBe('altered');
    rmSync(join(copy, last()));
    symlinkSync(join(wal, last()), join(copy, last()));
    expect((await followed(copy)).trouble).toEqual({ code: 'altered', name: last() });
    repair(last());
    expect((await followed(copy)).trouble).toBeUndefined();
  });

  test('changes nothing after it was looked at: what PostgreSQL fetches is held against what was found', async () => {
    const archive = { folder: copy, files: (await followed(copy)).files };
    await putBack({ path: taken, manifest: await believed(taken) }, place, { archive, until: undefined });
    const cluster = join(place, 'cluster');
    const [, quoted = ''] =
      /restore_command = '(.*)'/.exec(readFileSync(join(cluster, 'postgresql.auto.conf'), 'utf8')) ?? [];
    const fetched = (name: string): number | null => {
      const command = quoted.replaceAll(`''`, `'`).replaceAll('%f', name).replaceAll('%p', 'pg_wal/RECOVERYXLOG');
      return spawnSync('sh', ['-c', command], { cwd: cluster }).status;
    };
    expect([fetched(last()), fetched('000000010000000F00000001')]).toEqual([0, 1]);
    change();
    // PostgreSQL 18, section 25.3.4: an exit code above 125 ends recovery, and is no start.
    expect(fetched(last())).toBe(126);
    rmSync(join(copy, last()));
    execFileSync('mkfifo', [join(copy, last())]);
    expect(fetched(last())).toBe(126);
    repair(last());
    writeFileSync(join(copy, '000000010000000F00000001'), 'planted');
    expect(fetched('000000010000000F00000001')).toBe(1);
    // Control: without the list, as the archive has it.
    expect(spawnSync('cp', [join(copy, last()), 'pg_wal/RECOVERYXLOG'], { cwd: cluster }).status).toBe(0);
    rmSync(join(copy, '000000010000000F00000001'));
    rmSync(place, { recursive: true });
    repair(last());
  });
});

describe('whoever plants links and pipes where WAL is archived', () => {
  const planted = join(root, 'planted');
  const [archive, cluster, precious] = [
    join(planted, 'wal'),
    join(planted, 'postgres/cluster'),
    join(planted, 'precious'),
  ];
  const [name, text] = ['000000010000000000000007', 'a segment of WAL'];
  const [target, draft] = [join(archive, name), join(archive, `.${name}.new`)];
  /** As PostgreSQL runs it. */
  const archived = (): number | null => {
    const command = (archiveSettings(planted)['archive_command'] ?? '')
      .replaceAll('%f', name)
      .replaceAll('%p', `pg_wal/${name}`);
    return spawnSync('sh', ['-c', command], { cwd: cluster, timeout: 20_000 }).status;
  };
  beforeEach(async () => {
    mkdirSync(join(cluster, 'pg_wal'), { recursive: true });
    writeFileSync(join(cluster, 'pg_wal', name), text);
    writeFileSync(precious, 'precious');
    await makeArchive(planted, join(planted, 'postgres'));
  });
  afterEach(() => rmSync(planted, { recursive: true }));

  test('has nothing written through them', () => {
    const links = [() => symlinkSync(precious, draft), () => execFileSync('mkfifo', [draft])];
    for (const plant of links) {
      plant();
      expect([archived(), readFileSync(target, 'utf8'), readFileSync(precious, 'utf8')]).toEqual([0, text, 'precious']);
      expect(lstatSync(target).isFile()).toBe(true);
      expect(archived(), 'the same once more').toBe(0);
      rmSync(target);
    }
    // Control: a plain copy goes through it.
    symlinkSync(precious, draft);
    execFileSync('cp', [join(cluster, 'pg_wal', name), draft]);
    expect(readFileSync(precious, 'utf8')).toBe(text);
  });

  test('has nothing taken for archived that is not there, and keeps nobody waiting', () => {
    const plants = [
      () => symlinkSync(join(planted, 'nowhere'), target),
      () => symlinkSync(precious, target),
      () => mkdirSync(target),
      () => execFileSync('mkfifo', [target]),
      () => writeFileSync(target, 'another segment'),
    ];
    for (const plant of plants) {
      plant();
      expect(archived()).toBe(1);
      rmSync(target, { recursive: true });
    }
    expect(readdirSync(planted).toSorted()).toEqual(['postgres', 'precious', 'wal']);
    rmSync(archive, { recursive: true });
    mkdirSync(join(planted, 'elsewhere'));
    symlinkSync(join(planted, 'elsewhere'), archive);
    expect([archived(), readdirSync(join(planted, 'elsewhere'))]).toEqual([1, []]);
  });

  test('is given no folder that a link leads to, and no vouching goes through one', async () => {
    writeFileSync(join(planted, 'pg_control'), Buffer.alloc(8));
    mkdirSync(join(cluster, 'global'));
    renameSync(join(planted, 'pg_control'), join(cluster, 'global/pg_control'));
    expect(archived()).toBe(0);
    for (const plant of [`${name}.mac`, `.${name}.mac.${process.pid}`]) symlinkSync(precious, join(archive, plant));
    await proveArchived({ dataDir: planted, backupDir: planted }, () => root1);
    expect(readFileSync(precious, 'utf8')).toBe('precious');
    expect(lstatSync(`${target}.mac`).isFile()).toBe(true);
    expect(await provenDigest(archive, { systemId: '0', name }, roots)).toHaveProperty('sha256');
    rmSync(archive, { recursive: true });
    const keys = join(planted, 'keys');
    mkdirSync(keys, { mode: 0o755 });
    symlinkSync(keys, archive);
    await expect(makeArchive(planted, join(planted, 'postgres'))).rejects.toThrow();
    expect(statSync(keys).mode & 0o777).toBe(0o755);
    await expect(refuseKeysBeside(keys, planted)).rejects.toThrow('must not lie in each other');
    await expect(refuseKeysBeside(keys, join(planted, 'postgres')), 'control').resolves.toBeUndefined();
    rmSync(archive);
    mkdirSync(archive, { mode: 0o755 });
    await makeArchive(planted, join(planted, 'postgres'));
    expect(statSync(archive).mode & 0o777, 'control').toBe(0o700);
  });
});

describe('an archive that does not follow', () => {
  const archive = join(root, 'made up', 'wal');
  const manifest = {
    systemId: '7',
    firstSegment: '0000000100000000000000FE',
    lastSegment: '0000000100000000000000FE',
  };
  const put = async (name: string, proven = true, text = name): Promise<void> => {
    mkdirSync(archive, { recursive: true });
    writeFileSync(join(archive, name), text);
    const sha256 = createHash('sha256').update(text).digest('hex');
    const mac = walMac(await root1.secret(walSecret), { systemId: '7', name, sha256 }).toString('base64');
    if (proven) writeFileSync(join(archive, `${name}.mac`), JSON.stringify({ rootKeyId: root1.id, sha256, mac }));
  };
  const look = (whole = true) =>
    archivedRun({ archive, manifest, roots, whole, takeUnproven: false, onFile: () => undefined });
  afterEach(() => rmSync(archive, { recursive: true, force: true }));

  test('a segment that is missing, and one that waits for its proof, are told apart', async () => {
    for (const name of ['0000000100000000000000FF', '000000010000000100000000']) await put(name);
    expect(await look()).toMatchObject({ last: '000000010000000100000000', trouble: undefined, beyond: 0 });
    await put('000000010000000100000002');
    expect(await look()).toMatchObject({
      last: '000000010000000100000000',
      trouble: { code: 'gap', name: '000000010000000100000001' },
      beyond: 1,
      provenBeyond: true,
    });
    await put('000000010000000100000001', false);
    expect(await look()).toMatchObject({ trouble: { code: 'unproven' }, beyond: 2, provenBeyond: true });
    expect(isWaiting(await look())).toBe(false);
    rmSync(join(archive, '000000010000000100000002.mac'));
    expect(await look()).toMatchObject({ trouble: { code: 'unproven' }, beyond: 2, provenBeyond: false });
  });

  test('so much as waits in two seconds may wait; whoever takes more proofs away is asked about', async () => {
    await put('0000000100000000000000FF');
    for (let n = 0; n < 16; n += 1) await put(`00000001000000010000000${n.toString(16).toUpperCase()}`, false);
    const waiting = await look();
    expect(waiting).toMatchObject({ trouble: { name: '000000010000000100000000' }, beyond: 16 });
    expect(isWaiting(waiting)).toBe(true);
    await put('000000010000000100000010', false);
    expect(isWaiting(await look())).toBe(false);
    // Of what is there and whole it is said by nobody that it waits.
    for (let n = 0; n < 17; n += 1) await put(`0000000100000001000000${n.toString(16).toUpperCase().padStart(2, '0')}`);
    expect(await look()).toMatchObject({ trouble: undefined, beyond: 0 });
  });

  test('an archive that falls behind is told, whatever the server says of its archiving', async () => {
    const backup = { path: '', manifest: { ...(await believed(taken)), ...manifest } };
    const code = async (current: string): Promise<string> => {
      const search = { roots, whole: true, current, onFile: () => undefined };
      return (await ofArchivedWal(join(archive, '..'), backup, search)).code;
    };
    mkdirSync(archive, { recursive: true });
    expect(await code('00000001000000010000000F')).toBe('wal');
    expect(await code('000000010000000100000010')).toBe('wal_behind');
    await put('0000000100000000000000FF');
    await put('000000010000000100000000', false);
    expect(await code('000000010000000100000011')).toBe('wal');
    expect(await code('000000010000000100000012')).toBe('wal_behind');
  });

  test('a later timeline is followed from where it left the one before, unless that was before the backup', async () => {
    for (const name of ['0000000100000000000000FF', '000000010000000100000000', '000000010000000100000001'])
      await put(name);
    for (const name of ['000000020000000100000000', '000000020000000100000001']) await put(name);
    await put('00000002.history', true, '1\t1/00A00000\tno recovery target specified\n');
    expect((await look()).files.map(({ name }) => name)).toEqual([
      '00000002.history',
      '0000000100000000000000FF',
      '000000020000000100000000',
      '000000020000000100000001',
    ]);
    await put('00000002.history', true, '1\t0/FD000028\tbefore the backup\n');
    expect((await look()).trouble).toEqual({ code: 'timeline', name: '00000002.history' });
    const proof = join(archive, '00000002.history.mac');
    rmSync(proof);
    expect((await look()).trouble).toEqual({ code: 'unproven', name: '00000002.history' });
    // A pipe in the place of either keeps nobody waiting.
    const altered = { code: 'altered', name: '00000002.history' };
    execFileSync('mkfifo', [proof]);
    expect((await look()).trouble).toEqual(altered);
    rmSync(proof);
    await put('00000002.history');
    rmSync(join(archive, '00000002.history'));
    execFileSync('mkfifo', [join(archive, '00000002.history')]);
    for (const whole of [true, false]) expect((await look(whole)).trouble).toEqual(altered);
  });
});

test('keys and backups lie apart, through links as well', async () => {
  await expect(refuseKeysBeside(join(backups, 'keys'), backups)).rejects.toThrow('must not lie in each other');
  await expect(refuseKeysBeside(backups, join(backups, '..', 'backups', 'daily'))).rejects.toThrow();
  await expect(refuseKeysBeside(backups, backups)).rejects.toThrow();
  symlinkSync(backups, join(root, 'link'));
  await expect(refuseKeysBeside(join(root, 'link', 'keys'), backups)).rejects.toThrow();
  await refuseKeysBeside(join(root, 'backups-keys'), backups);
  const own = 'must not lie in its own folder';
  await expect(refuseInDatabase(join(root, 'data'), join(folder, 'cluster', 'backups'))).rejects.toThrow(own);
  await expect(refuseInDatabase(join(root, 'data'), backups), 'control').resolves.toBeUndefined();
  expect(["/a'b", '/a%f', '/a"b', '/a$b', '/a`b', '/a\\b'].some(isArchivable)).toBe(false);
  expect(isArchivable('/srv/backups of amanat')).toBe(true);
});
