import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Of } from './embeddedArchive.ts';

/** How far a restored cluster is to be rolled forward when it is started. */
export interface Recovery {
  /** Where archived WAL is, and what of it is taken; undefined for nothing but what the backup holds itself. */
  readonly archive: { readonly folder: string; readonly files: readonly ArchivedFile[] } | undefined;
  /** To this moment; to the moment of the backup; or as far as there is WAL. */
  readonly until: Date | 'backup' | undefined;
}

export interface ArchivedFile {
  readonly name: string;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** Beside the cluster: the archived files that are taken, each with its digest. */
const listName = 'recovery.sha256';

/**
 * Copies a file that is in the list and no pipe, and holds the copy against its digest, whatever became of the archive meanwhile:
 * one that is not listed is not there (1); one that cannot be copied or is another ends recovery, and no start (126; PostgreSQL
 * 18, section 25.3.5): as an end of the archive it would silently cut off what comes after it.
 */
function restoreCommand(archive: string): string {
  const steps = [
    `test -r ../${listName} || exit 126`,
    `d=$(grep -F '  %f' ../${listName} | cut -c1-64)`,
    `test "$d" || exit 1`,
    `test -f '${archive}/%f' && cp '${archive}/%f' '%p' || exit 126`,
    `test "$(${sha256Of(`'%p'`)} | cut -c1-64)" = "$d" || exit 126`,
  ];
  return steps.join('; ');
}

/**
 * What PostgreSQL reads as its settings in the cluster's folder. They can name programs to run and libraries to load, so those of a
 * backup are never used: what a cluster of ours needs is given on the command line (embeddedSettings.ts).
 */
const ownConfiguration: Readonly<Record<string, string>> = {
  'postgresql.conf': '# Settings are given on the command line.\n',
  'pg_hba.conf': 'host all all 127.0.0.1/32 scram-sha-256\n',
  'pg_ident.conf': '',
};

export const isConfiguration = (path: string): boolean =>
  path === 'postgresql.auto.conf' || Object.hasOwn(ownConfiguration, path);

/**
 * Nobody connects before recovery is over (`hot_standby`). The cluster recovers at its next start, and goes on under a new timeline,
 * so that it overwrites nothing in an archive.
 */
export async function configureRestored(cluster: string, { archive, until }: Recovery): Promise<void> {
  const command = archive === undefined ? 'false' : restoreCommand(archive.folder).replaceAll(`'`, `''`);
  const target =
    until === undefined
      ? []
      : until === 'backup'
        ? [`recovery_target = 'immediate'`]
        : [`recovery_target_time = '${until.toISOString().replace('Z', '+00')}'`];
  const lines = [
    'hot_standby = off',
    `restore_command = '${command}'`,
    ...target,
    `recovery_target_action = 'promote'`,
    '',
  ];
  const files = { ...ownConfiguration, 'postgresql.auto.conf': lines.join('\n'), 'recovery.signal': '' };
  for (const [name, text] of Object.entries(files))
    await writeFile(join(cluster, name), text, { mode: 0o600, flush: true });
  const list = (archive?.files ?? []).map(({ name, sha256 }) => `${sha256}  ${name}\n`).join('');
  await writeFile(join(cluster, '..', listName), list, { mode: 0o600, flush: true });
}
