import { readdir, readFile, readlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Client } from 'pg';
import { makeFolder } from '../makeFolder.ts';
import { syncFolder } from '../syncFolder.ts';
import { copyDurably, putDurably, type CopiedFile } from './copiedFile.ts';
import { databaseName, superuser } from './embeddedCluster.ts';
import { EmbeddedFault } from './embeddedFault.ts';
import { connectFault, DbFault, dbFault } from './fault.ts';

/**
 * A consistent copy of the embedded cluster while it serves: PostgreSQL's low-level backup (PostgreSQL 18, section 25.3.4), as
 * the package brings no pg_basebackup. The copy holds the WAL it needs, so it is whole without an archive.
 */
export interface ClusterCopy {
  /** Names of the first and the last WAL segment that the copy needs. */
  readonly firstSegment: string;
  readonly lastSegment: string;
  /** By this machine's clock, which is PostgreSQL's: nobody in the database has a say in it. */
  readonly startedAt: Date;
  readonly endedAt: Date;
  /** The cluster's own number. */
  readonly systemId: string;
  readonly folders: readonly string[];
  readonly files: readonly CopiedFile[];
}

/** Their content is of the running server only (section 25.3.4.3); the folders themselves are needed. */
const emptied = new Set([
  'pg_wal',
  'pg_replslot',
  'pg_dynshmem',
  'pg_notify',
  'pg_serial',
  'pg_snapshots',
  'pg_stat_tmp',
  'pg_subtrans',
]);
/** And what PostgreSQL does not start with: recovery.conf. */
const leftOut =
  /^(?:postmaster\.(?:pid|opts)|pg_internal\.init|pgsql_tmp.*|(?:backup_label|tablespace_map).*|.*\.signal|recovery\.conf)$/;
/** Copied last: it says from where recovery begins. */
const control = 'global/pg_control';

/** The first row. Throws `DbFault`. */
type Ask = (text: string) => Promise<{ readonly segment?: string; readonly label?: string } | undefined>;

/** `to` must not be there yet. `onFile` hears of each file, and how many there are. */
export async function copyCluster(
  folder: string,
  port: number,
  to: string,
  onFile: (done: number, all: number) => void = () => undefined,
): Promise<ClusterCopy> {
  const secret = (await readFile(join(folder, 'superuser.secret'), 'utf8')).trim();
  const client = new Client({
    connectionString: `postgres://${superuser}:${secret}@127.0.0.1:${port}/${databaseName}`,
    application_name: 'amanat backup',
  });
  client.on('error', () => undefined);
  const ask: Ask = (text) =>
    client.query(text).then(
      ({ rows }) => rows[0],
      (error: unknown) => Promise.reject(dbFault(error)),
    );
  await client.connect().catch((error: unknown) => Promise.reject(connectFault(error)));
  try {
    // Names mean PostgreSQL's own, whatever else somebody made in the database.
    await ask(`set search_path = ''`);
    await reserveWal(ask);
    const startedAt = new Date();
    const first = await ask(`select pg_walfile_name(pg_backup_start('amanat', true)) as segment`);
    const cluster = join(folder, 'cluster');
    const { files, folders } = await copyFiles(cluster, to, onFile);
    const last = await ask(
      `select pg_walfile_name(b.lsn) as segment, b.labelfile as label from pg_backup_stop(false) b`,
    );
    const endedAt = new Date();
    await ask(`select pg_switch_wal()`);
    if (first?.segment === undefined || last?.segment === undefined || last.label === undefined)
      throw new Error('PostgreSQL did not begin or end the backup');
    const label = await putDurably(to, 'backup_label', last.label);
    const wal = await copySegments(cluster, to, first.segment, last.segment);
    await syncTree(to);
    await syncFolder(dirname(to));
    return {
      firstSegment: first.segment,
      lastSegment: last.segment,
      startedAt,
      endedAt,
      systemId: await systemIdOf(cluster),
      folders,
      files: [...files, label, ...wal],
    };
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Keeps the WAL from now on; goes with this connection, however it ends. Throws `EmbeddedFault` while another backup is made. */
async function reserveWal(ask: Ask): Promise<void> {
  await ask(`select pg_create_physical_replication_slot('amanat_backup', true, true)`).catch((error: unknown) => {
    // duplicate_object
    if (error instanceof DbFault && error.sqlstate === '42710')
      throw new EmbeddedFault('folder_in_use', 'Another backup of this database is being made.');
    throw error;
  });
}

async function copyFiles(
  cluster: string,
  to: string,
  onFile: (done: number, all: number) => void,
): Promise<{ readonly files: readonly CopiedFile[]; readonly folders: readonly string[] }> {
  const { files, folders } = await contentOf(cluster);
  for (const path of ['', ...folders]) await makeFolder(join(to, path));
  const copied: CopiedFile[] = [];
  for (const [i, path] of [...files.filter((file) => file !== control), control].entries()) {
    const file = await copyDurably(cluster, to, path);
    if (file !== undefined) copied.push(file);
    onFile(i + 1, files.length);
  }
  for (const path of ['PG_VERSION', control])
    if (!copied.some((file) => file.path === path)) throw new Error(`${path} of the cluster is gone`);
  return { files: copied, folders };
}

/** The first eight bytes of PostgreSQL's pg_control, little-endian on every machine that the package is made for. */
export async function systemIdOf(cluster: string): Promise<string> {
  const head = await readFile(join(cluster, control));
  return head.readBigUInt64LE(0).toString();
}

async function contentOf(cluster: string): Promise<{ readonly files: string[]; readonly folders: string[] }> {
  const files: string[] = [];
  const folders: string[] = [];
  const walk = async (below: string): Promise<void> => {
    for (const entry of await readdir(join(cluster, below), { withFileTypes: true })) {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      if (leftOut.test(entry.name)) continue;
      if (entry.isDirectory()) {
        folders.push(path);
        if (!emptied.has(path)) await walk(path);
      } else if (entry.isSymbolicLink()) throw linked(path, await readlink(join(cluster, path)).catch(() => ''));
      else if (entry.isFile()) files.push(path);
      else if (!entry.isSocket())
        throw new EmbeddedFault('part_elsewhere', `${path} of the cluster is no file: it would be in no backup.`);
    }
  };
  await walk('');
  return { files, folders };
}

/**
 * What a link leads to would be in no backup, and a tablespace of a backup is restored by nobody: better none than one that is
 * not whole.
 */
function linked(path: string, target: string): EmbeddedFault {
  return new EmbeddedFault(
    'part_elsewhere',
    path.startsWith('pg_tblspc/')
      ? `The database has a tablespace outside of its folder, in ${target}, which no backup of ours holds. Move what is in it and drop it.`
      : `${path} of the cluster is a link to ${target}, and what is behind it would be in no backup. Move it back into its place.`,
  );
}

/** Segments of one timeline are named in their order. */
async function copySegments(cluster: string, to: string, first: string, last: string): Promise<CopiedFile[]> {
  const copied: CopiedFile[] = [];
  for (const name of (await readdir(join(cluster, 'pg_wal'))).toSorted()) {
    const wanted = /^[0-9A-F]{24}$/.test(name) ? name >= first && name <= last : name.endsWith('.history');
    if (!wanted) continue;
    const file = await copyDurably(cluster, to, `pg_wal/${name}`);
    if (file !== undefined) copied.push(file);
  }
  if (!copied.some(({ path }) => path === `pg_wal/${first}`)) throw new Error('the WAL of the backup is gone already');
  return copied;
}

async function syncTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true }))
    if (entry.isDirectory()) await syncTree(join(folder, entry.name));
  await syncFolder(folder);
}
