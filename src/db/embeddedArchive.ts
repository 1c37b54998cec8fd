import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../makeFolder.ts';

/** Below the folder for backups: every WAL segment as it is full, or at the latest after a minute in which something was written. */
export const archiveName = 'wal';
const archiveEvery = '60s';

/** Paths stand in commands of a shell and in settings of PostgreSQL: what would need more than quotes is refused. */
export function isArchivable(path: string): boolean {
  return !/['"\\%\n$`]/.test(path);
}

/** Below the embedded database's folder: the digest of each archived file, until somebody with a key has vouched for it in the archive. */
export const queueName = 'archived';

/** A shell's words for the SHA-256 of a file, 64 hex digits and more: as GNU and busybox call it, or Perl. */
export const sha256Of = (file: string): string => `{ sha256sum < ${file} || shasum -a 256 < ${file}; } 2>/dev/null`;

/**
 * Settings that make the embedded PostgreSQL archive its WAL below `folder`. A segment that is there already is taken for
 * archived only when it is the same; a copy cut short is never taken for whole. Nothing is written through what somebody planted there: a
 * link in the archive's place or the segment's is no archive, and the draft is made anew (`set -C`: O_EXCL). The digest is of what
 * PostgreSQL wrote, not of what lies in the archive. PostgreSQL runs the command in the cluster's folder.
 */
export function archiveSettings(folder: string): Readonly<Record<string, string>> {
  const place = join(folder, archiveName);
  const [target, draft] = [`'${place}/%f'`, `'${place}/.%f.new'`];
  const [digest, newDigest] = [`'../${queueName}/%f'`, `'../${queueName}/.%f.new'`];
  const taken = `test -e ${target} || test -L ${target}`;
  const same = `test -f ${target} && cmp -s '%p' ${target}`;
  const copy = `rm -f ${draft} && (set -C; cat '%p' > ${draft}) && sync ${draft} && mv ${draft} ${target} && sync '${place}'`;
  const tell = `${sha256Of(`'%p'`)} > ${newDigest} && sync ${newDigest} && mv ${newDigest} ${digest} && sync '../${queueName}'`;
  const command = `test ! -L '${place}' && if ${taken}; then ${same}; else ${copy}; fi && ${tell}`;
  return { archive_mode: 'on', archive_command: command, archive_timeout: archiveEvery };
}

/** Made for whoever the cluster belongs to. Throws for a link in the place of a folder: nobody is given what it leads to. */
export async function makeArchive(folder: string, postgresFolder: string): Promise<void> {
  const owner = await stat(join(postgresFolder, 'cluster')).catch(() => undefined);
  for (const place of [join(folder, archiveName), join(postgresFolder, queueName)]) {
    await makeFolder(place);
    const handle = await open(place, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      await handle.chmod(0o700);
      if (owner !== undefined && process.getuid?.() === 0) await handle.chown(owner.uid, owner.gid);
    } finally {
      await handle.close();
    }
  }
}
