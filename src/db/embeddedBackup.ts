import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Client } from 'pg';
import { bytesOf, isAbsent, openRegular } from '../regularFile.ts';
import { syncFolder } from '../syncFolder.ts';
import { databaseName, superuser } from './embeddedCluster.ts';
import { EmbeddedFault } from './embeddedFault.ts';

/**
 * A consistent copy of the embedded cluster while it serves: PostgreSQL's low-level backup (PostgreSQL 18, section 25.3.4), as
 * the package brings no pg_basebackup. The copy holds the WAL it needs, so it is whole without an archive.
 */
export interface ClusterCopy {
  /** Names of the first and the last WAL segment that the copy needs. */
  readonly firstSegment: string;
  readonly lastSegment: string;
  /** By PostgreSQL's clock. */
  readonly startedAt: Date;
  readonly endedAt: Date;
  /** The cluster's own number. */
  readonly systemId: string;
  readonly folders: readonly string[];
  readonly files: readonly CopiedFile[];
}

export interface CopiedFile {
  /** Below the copy, with slashes. */
  readonly path: string;
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
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
const leftOut = /^(?:postmaster\.(?:pid|opts)|pg_internal\.init|pgsql_tmp.*|backup_label.*|.*\.signal)$/;
/** Copied last: it says from where recovery begins. */
const control = 'global/pg_control';

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
  await client.connect();
  try {
    // Keeps the WAL from now on; goes with this connection, however it ends.
    await client.query(`select pg_create_physical_replication_slot('amanat_backup', true, true)`);
    const begun = await client.query<{ segment: string; at: Date }>(
      `select pg_walfile_name(pg_backup_start('amanat', true)) as segment, clock_timestamp() as at`,
    );
    const cluster = join(folder, 'cluster');
    const { files, folders } = await copyFiles(cluster, to, onFile);
    const ended = await client.query<{ segment: string; label: string; at: Date }>(
      `select pg_walfile_name(b.lsn) as segment, b.labelfile as label, clock_timestamp() as at
         from pg_backup_stop(false) b`,
    );
    await client.query(`select pg_switch_wal()`);
    const [first, last] = [begun.rows[0], ended.rows[0]];
    if (first === undefined || last === undefined) throw new Error('PostgreSQL did not begin or end the backup');
    const label = await putDurably(to, 'backup_label', last.label);
    const wal = await copySegments(cluster, to, first.segment, last.segment);
    await syncTree(to);
    await syncFolder(dirname(to));
    return {
      firstSegment: first.segment,
      lastSegment: last.segment,
      startedAt: first.at,
      endedAt: last.at,
      systemId: await systemIdOf(cluster),
      folders,
      files: [...files, label, ...wal],
    };
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function copyFiles(
  cluster: string,
  to: string,
  onFile: (done: number, all: number) => void,
): Promise<{ readonly files: readonly CopiedFile[]; readonly folders: readonly string[] }> {
  const { files, folders } = await contentOf(cluster);
  for (const path of ['', ...folders]) await mkdir(join(to, path), { recursive: true, mode: 0o700 });
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
    }
  };
  await walk('');
  return { files, folders };
}

/** What a link leads to would be in no backup, and a tablespace of a backup is restored by nobody: better none than one that is not whole. */
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

/**
 * Says what was read of the cluster, not what is in the copy by then: whoever can write where backups are may have put something else
 * there. Undefined for a file that was dropped meanwhile: the WAL knows of it.
 */
async function copyDurably(cluster: string, to: string, path: string): Promise<CopiedFile | undefined> {
  const target = await open(join(to, path), 'wx', 0o600);
  try {
    const read = await digestOfFile(join(cluster, path), Infinity, (chunk) => target.writeFile(chunk));
    await target.sync();
    return { path, ...read };
  } catch (error) {
    // Of the cluster's file: the copy is open.
    if (!isAbsent(error)) throw error;
    await rm(join(to, path), { force: true });
    return undefined;
  } finally {
    await target.close();
  }
}

/** The same of what is not copied but written. */
export async function putDurably(folder: string, path: string, content: string | Buffer): Promise<CopiedFile> {
  await writeFile(join(folder, path), content, { mode: 0o600, flag: 'wx', flush: true });
  return { path, bytes: Buffer.byteLength(content), sha256: createHash('sha256').update(content).digest('hex') };
}

/**
 * A regular file of this size and digest? With `to`, what is read goes there as well, so that what was looked at is what is
 * there then, whoever changes the file meanwhile. A link is none of ours, and a pipe would never end.
 */
export async function isAsWritten(
  { bytes, sha256 }: Omit<CopiedFile, 'path'>,
  from: string,
  to?: string,
): Promise<boolean> {
  const target = to === undefined ? undefined : await open(to, 'wx', 0o600);
  let unwritable: unknown;
  const keep = async (chunk: Buffer): Promise<void> => {
    await target?.writeFile(chunk).catch((error: unknown) => {
      unwritable = error;
      throw error;
    });
  };
  try {
    // Not forced to the disk: PostgreSQL does so with the whole cluster before it recovers (recovery_init_sync_method).
    const found = await digestOfFile(from, bytes, keep);
    return found.bytes === bytes && found.sha256 === sha256;
  } catch {
    if (unwritable !== undefined) throw unwritable;
    return false;
  } finally {
    await target?.close();
  }
}

/** Of a regular file of at most so many bytes. Throws for a link, a pipe, or a larger one. */
export async function digestOfFile(
  path: string,
  most = Infinity,
  onChunk: (chunk: Buffer) => Promise<void> = () => Promise.resolve(),
): Promise<Omit<CopiedFile, 'path'>> {
  const source = await openRegular(path, most);
  try {
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of bytesOf(source, most)) {
      hash.update(chunk);
      bytes += chunk.length;
      await onChunk(chunk);
    }
    return { bytes, sha256: hash.digest('hex') };
  } finally {
    await source.close();
  }
}

async function syncTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true }))
    if (entry.isDirectory()) await syncTree(join(folder, entry.name));
  await syncFolder(folder);
}
