import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isAsWritten, putDurably } from '../db/copiedFile.ts';
import { copyCluster } from '../db/embeddedBackup.ts';
import type { RootKey } from '../keys/folder.ts';
import {
  folderName,
  manifestName,
  readManifest,
  signedManifest,
  type Manifest,
  type ManifestRefusal,
  type Roots,
} from './backupManifest.ts';
import { ConfigFault } from '../config.ts';
import { makeFolder, makeNewFolder } from '../makeFolder.ts';
import { isAbsent } from '../regularFile.ts';
import { syncFolder } from '../syncFolder.ts';

/**
 * One backup of the embedded database, a folder named by its time: `postgres/` as it stands in the data folder, and
 * `manifest.json`, written last: a folder without it is a backup that was cut short.
 */
export interface Contents {
  readonly schema: number;
  readonly rootKeyIds: readonly string[];
}

const secrets = ['superuser.secret', 'owner.secret'];

/** Copies the running cluster to a new folder below `to`. Returns that folder. */
export async function backUp(
  source: { readonly folder: string; readonly port: number },
  to: string,
  contents: Contents,
  root: RootKey,
  onFile: (done: number, all: number) => void,
): Promise<{ readonly path: string; readonly manifest: Manifest }> {
  await makeFolder(to);
  const draft = join(to, `.backup-${Date.now()}-${process.pid}`);
  // Not through a link that somebody put there before.
  await makeNewFolder(draft);
  try {
    await makeNewFolder(join(draft, 'postgres'));
    const copy = await copyCluster(source.folder, source.port, join(draft, 'postgres', 'cluster'), onFile);
    const files = copy.files.map((file) => ({ ...file, path: `postgres/cluster/${file.path}` }));
    for (const name of secrets) {
      files.push(await putDurably(draft, `postgres/${name}`, await readFile(join(source.folder, name))));
    }
    const manifest = await signedManifest(root, {
      format: 2,
      startedAt: copy.startedAt.toISOString(),
      endedAt: copy.endedAt.toISOString(),
      systemId: copy.systemId,
      firstSegment: copy.firstSegment,
      lastSegment: copy.lastSegment,
      ...contents,
      folders: copy.folders.map((path) => `postgres/cluster/${path}`),
      files,
    });
    await writeFile(join(draft, manifestName), `${JSON.stringify(manifest)}\n`, { mode: 0o600, flush: true });
    for (const folder of [join(draft, 'postgres'), draft]) await syncFolder(folder);
    const path = join(to, folderName(manifest));
    await rename(draft, path);
    await syncFolder(to);
    return { path, manifest };
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
}

export interface Backup {
  readonly path: string;
  readonly manifest: Manifest;
}

/** Backups of a folder, the newest first. Those that were cut short count for nothing; the others that are not believed are told. */
export async function backupsIn(
  folder: string,
  roots: Roots,
): Promise<{
  readonly backups: readonly Backup[];
  readonly refused: readonly { readonly path: string; readonly code: ManifestRefusal }[];
}> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (isAbsent(error)) throw new ConfigFault([`There is no folder ${folder}.`]);
    throw error;
  });
  const backups: Backup[] = [];
  const refused: { readonly path: string; readonly code: ManifestRefusal }[] = [];
  for (const path of names.map((name) => join(folder, name))) {
    const manifest = await readManifest(path, roots);
    if (typeof manifest !== 'string') backups.push({ path, manifest });
    else if (manifest !== 'cut_short') refused.push({ path, code: manifest });
  }
  return { backups: backups.toSorted((a, b) => b.manifest.startedAt.localeCompare(a.manifest.startedAt)), refused };
}

/** The files that are not as they were written, or not there. */
export async function damagedFiles(
  backup: string,
  { files }: Manifest,
  onFile: (done: number, all: number) => void,
): Promise<readonly string[]> {
  const damaged: string[] = [];
  for (const [i, file] of files.entries()) {
    if (!(await isAsWritten(file, join(backup, file.path)))) damaged.push(file.path);
    onFile(i + 1, files.length);
  }
  return damaged;
}
