import { createHash } from 'node:crypto';
import { cp, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ConfigFault } from '../config.ts';
import { copiedOf, copyCluster, type CopiedFile } from '../db/embeddedBackup.ts';
import { askForRecovery, type Recovery } from '../db/embeddedArchive.ts';

/**
 * One backup of the embedded database, a folder named by its time: `postgres/` as it stands in the data folder, and
 * `manifest.json`, written last: a folder without it is a backup that was cut short.
 */
export interface Manifest {
  readonly format: 1;
  /** RFC 3339, by PostgreSQL's clock. What was committed before `startedAt` is in it. */
  readonly startedAt: string;
  readonly endedAt: string;
  readonly firstSegment: string;
  readonly lastSegment: string;
  /** The newest migration of the schema. */
  readonly schema: number;
  /** Root keys without which nothing in it opens. */
  readonly rootKeyIds: readonly string[];
  readonly files: readonly CopiedFile[];
  /** SHA-256 of all that is above, as JSON. */
  readonly digest: string;
}

export interface Contents {
  readonly schema: number;
  readonly rootKeyIds: readonly string[];
}

const manifestName = 'manifest.json';
const secrets = ['superuser.secret', 'owner.secret'];

/** Copies the running cluster to a new folder below `to`. Returns that folder. */
export async function backUp(
  source: { readonly folder: string; readonly port: number },
  to: string,
  contents: Contents,
  onFile: (done: number, all: number) => void,
): Promise<{ readonly path: string; readonly manifest: Manifest }> {
  await mkdir(to, { recursive: true, mode: 0o700 });
  const draft = join(to, `.backup-${Date.now()}-${process.pid}`);
  try {
    await mkdir(join(draft, 'postgres'), { recursive: true, mode: 0o700 });
    const copy = await copyCluster(source.folder, source.port, join(draft, 'postgres', 'cluster'), onFile);
    const files = copy.files.map((file) => ({ ...file, path: `postgres/cluster/${file.path}` }));
    for (const name of secrets) {
      const path = `postgres/${name}`;
      await writeFile(join(draft, path), await readFile(join(source.folder, name)), { mode: 0o600, flush: true });
      files.push(await copiedOf(draft, path));
    }
    const manifest = withDigest({
      format: 1,
      startedAt: copy.startedAt.toISOString(),
      endedAt: copy.endedAt.toISOString(),
      firstSegment: copy.firstSegment,
      lastSegment: copy.lastSegment,
      ...contents,
      files,
    });
    await writeFile(join(draft, manifestName), `${JSON.stringify(manifest)}\n`, { mode: 0o600, flush: true });
    const path = join(to, manifest.startedAt.replaceAll(':', '-'));
    await rename(draft, path);
    await syncFolder(to);
    return { path, manifest };
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
}

function withDigest(manifest: Omit<Manifest, 'digest'>): Manifest {
  return { ...manifest, digest: createHash('sha256').update(JSON.stringify(manifest)).digest('hex') };
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Undefined unless it is a whole manifest. */
export async function readManifest(backup: string): Promise<Manifest | undefined> {
  try {
    const { digest, ...manifest } = JSON.parse(await readFile(join(backup, manifestName), 'utf8')) as Manifest;
    const whole = withDigest(manifest);
    return whole.digest === digest && manifest.format === 1 ? whole : undefined;
  } catch {
    return undefined;
  }
}

/** Backups of a folder, the newest first. */
export async function backupsIn(folder: string): Promise<{ readonly path: string; readonly manifest: Manifest }[]> {
  const names = await readdir(folder).catch(() => []);
  const found = await Promise.all(
    names.map(async (name) => ({ path: join(folder, name), manifest: await readManifest(join(folder, name)) })),
  );
  return found
    .flatMap(({ path, manifest }) => (manifest === undefined ? [] : [{ path, manifest }]))
    .toSorted((a, b) => b.manifest.startedAt.localeCompare(a.manifest.startedAt));
}

/** The files that are not as they were written, or not there. */
export async function damagedFiles(
  backup: string,
  { files }: Manifest,
  onFile: (done: number, all: number) => void,
): Promise<readonly string[]> {
  const damaged: string[] = [];
  for (const [i, { path, bytes, sha256 }] of files.entries()) {
    const found = await copiedOf(backup, path).catch(() => undefined);
    if (found?.bytes !== bytes || found.sha256 !== sha256) damaged.push(path);
    onFile(i + 1, files.length);
  }
  return damaged;
}

/** Puts a backup where the service finds it. Throws `ConfigFault` where something stands already. */
export async function putBack(backup: string, folder: string, recovery: Recovery): Promise<void> {
  if ((await stat(folder).catch(() => undefined)) !== undefined)
    throw new ConfigFault([`${folder} is there. Move it away first: nothing is overwritten.`]);
  const draft = `${folder}.restoring`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(dirname(folder), { recursive: true, mode: 0o700 });
  await cp(join(backup, 'postgres'), draft, { recursive: true });
  await askForRecovery(join(draft, 'cluster'), recovery);
  await rename(draft, folder);
  await syncFolder(dirname(folder));
}
