import { chmod, chown, mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Below the folder for backups: every WAL segment as it is full, or at the latest after a minute in which something was written. */
export const archiveName = 'wal';
const archiveEvery = '60s';

/** Paths stand in commands of a shell and in settings of PostgreSQL: what would need more than quotes is refused. */
export function isArchivable(path: string): boolean {
  return !/['"\\%\n$`]/.test(path);
}

/**
 * Settings that make the embedded PostgreSQL archive its WAL below `folder`. A segment that is there already is taken for
 * archived only when it is the same; a copy cut short is never taken for whole.
 */
export function archiveSettings(folder: string): Readonly<Record<string, string>> {
  const place = join(folder, archiveName);
  const [target, draft] = [`'${place}/%f'`, `'${place}/.%f.new'`];
  return {
    archive_mode: 'on',
    archive_command: `if test -f ${target}; then cmp -s '%p' ${target}; else cp '%p' ${draft} && sync ${draft} && mv ${draft} ${target}; fi`,
    archive_timeout: archiveEvery,
  };
}

/** Made for whoever the cluster belongs to. */
export async function makeArchive(folder: string, postgresFolder: string): Promise<void> {
  const place = join(folder, archiveName);
  await mkdir(place, { recursive: true, mode: 0o700 });
  await chmod(place, 0o700);
  const owner = await stat(join(postgresFolder, 'cluster')).catch(() => undefined);
  if (owner !== undefined && process.getuid?.() === 0) await chown(place, owner.uid, owner.gid);
}
