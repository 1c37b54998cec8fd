import { rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ConfigFault } from '../config.ts';
import { isAsWritten } from '../db/copiedFile.ts';
import { lockMadeFolder } from '../db/embeddedLock.ts';
import { configureRestored, isConfiguration, type Recovery } from '../db/embeddedRestore.ts';
import type { Manifest } from './backupManifest.ts';
import { makeFolder } from '../makeFolder.ts';
import { syncFolder } from '../syncFolder.ts';

const clusterPath = 'postgres/cluster/';

/**
 * Puts a backup where the service finds it: what its manifest lists, each file held against its digest while it is copied, with a
 * configuration of ours. Returns the files that are not as they were written; then nothing was put anywhere. Throws `ConfigFault`
 * where something stands already, and `EmbeddedFault` folder_in_use where another restore is at work.
 */
export async function putBack(
  { path: backup, manifest }: { readonly path: string; readonly manifest: Manifest },
  folder: string,
  recovery: Recovery,
  onFile: (done: number, all: number) => void = () => undefined,
): Promise<readonly string[]> {
  const place = `${folder}.restoring`;
  const draft = join(place, 'postgres');
  const lock = await lockMadeFolder(place);
  try {
    if ((await stat(folder).catch(() => undefined)) !== undefined)
      throw new ConfigFault([`${folder} is there. Move it away first: nothing is overwritten.`]);
    // Of one that was stopped on the way.
    await rm(draft, { recursive: true, force: true });
    const damaged = await copyListed(backup, manifest, draft, onFile);
    if (damaged.length > 0) return damaged;
    await configureRestored(join(draft, 'cluster'), recovery);
    await rename(draft, folder);
    await syncFolder(dirname(folder));
    return [];
  } finally {
    await rm(draft, { recursive: true, force: true });
    // Not after it is let go: it would be the next one's.
    await lock.remove();
  }
}

async function copyListed(
  backup: string,
  { folders, files }: Manifest,
  draft: string,
  onFile: (done: number, all: number) => void,
): Promise<readonly string[]> {
  const placeOf = (path: string): string => join(draft, path.slice('postgres/'.length));
  for (const path of [clusterPath, ...folders, `${clusterPath}pg_wal`]) await makeFolder(placeOf(path));
  const damaged: string[] = [];
  for (const [i, file] of files.entries()) {
    const ours = file.path.startsWith(clusterPath) && isConfiguration(file.path.slice(clusterPath.length));
    const to = ours ? undefined : placeOf(file.path);
    if (!(await isAsWritten(file, join(backup, file.path), to))) damaged.push(file.path);
    onFile(i + 1, files.length);
  }
  return damaged;
}
