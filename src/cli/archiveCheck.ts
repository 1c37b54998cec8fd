import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { amountOf } from '../amount.ts';
import { archiveName } from '../db/embeddedArchive.ts';
import type { DurabilityState } from '../db/backupState.ts';
import { archivedRun, isWaiting, mostWaiting, segmentsBetween, walTroubles } from './archivedWal.ts';
import type { Backup } from './backupFolder.ts';
import type { Roots } from './backupManifest.ts';
import { fail, ok, warn, type Finding } from './finding.ts';

/** What a server tells of its archiving. `folder`: where the embedded one archives; undefined for another, or where nothing is set. */
export function ofArchiver(state: DurabilityState, own: boolean, folder: string | undefined): Finding {
  if (state.archiveMode === 'off') {
    const how = own ? 'set AMANAT_BACKUP_DIR' : 'set archive_mode, or stream the WAL away';
    return warn('archive_mode', `off: what was written after the newest backup is lost with the disk; ${how}`);
  }
  const last = state.archivedAt === null ? 'nothing yet' : `${state.archivedWal} at ${state.archivedAt.toISOString()}`;
  if (state.archiveFailedAt !== null) {
    const { failedWal } = state;
    const taken = folder !== undefined && failedWal !== null && existsSync(join(folder, archiveName, failedWal));
    const why = taken
      ? `another file of that name is there: another database archives there, or one of an earlier restore did. ${mends}`
      : `what the command said is in ${own ? 'postgres.log' : 'the server’s log'}: a full disk, a folder that is gone or not writable`;
    const tried = `${failedWal}, last tried at ${state.archiveFailedAt.toISOString()}, archived last: ${last}`;
    return fail('archive', `archiving fails: ${tried}; ${why}`);
  }
  return state.archivedAt === null
    ? warn('archive', 'on, and nothing was archived yet')
    : ok('archive', `last ${last}`);
}

/** Does the archived WAL follow on the newest backup, to where the database is? With `whole`, every byte of it is looked at. */
export async function ofArchivedWal(
  folder: string,
  { manifest }: Backup,
  {
    roots,
    whole,
    current,
    onFile,
  }: {
    readonly roots: Roots;
    readonly whole: boolean;
    /** The segment that the database writes. */
    readonly current: string | null;
    readonly onFile: (done: number, all: number) => void;
  },
): Promise<Finding> {
  const archive = join(folder, archiveName);
  const search = { archive, manifest, roots, takeUnproven: false, whole, onFile };
  const run = await archivedRun(search);
  const { trouble, last, beyond, provenBeyond, newest } = run;
  if (newest !== undefined && current !== null && current.slice(0, 8) !== newest) {
    const says = `the archive goes on in timeline ${newest}, the database writes ${current.slice(0, 8)}: one of them is of another restore. ${mends}`;
    return fail('wal_timeline', says);
  }
  if (trouble === undefined || isWaiting(run)) {
    const behind = current === null ? 0 : segmentsBetween(last ?? manifest.lastSegment, current) - beyond;
    // A command that hangs has not failed, and what the server tells of failures somebody in the database can clear.
    if (behind > mostWaiting) {
      const says = `the database writes ${current}, and ${amountOf(behind, 'segment before it is', 'segments before it are')} not in the archive. Does its disk answer?`;
      return fail('wal_behind', says);
    }
    return ok(
      'wal',
      last === undefined ? 'none follows on the newest backup yet' : `follows on the newest backup to ${last}`,
    );
  }
  const { code, name } = trouble;
  if (code === 'unproven' && !provenBeyond)
    return warn(
      `wal_${code}`,
      `${amountOf(beyond, 'segment')} from ${name} on ${beyond === 1 ? 'waits' : 'wait'} for the service to vouch for them: is it sealed, or not running?`,
    );
  const mend = code === 'timeline' ? mends : 'Make another: amanat backup';
  return fail(
    `wal_${code}`,
    `${name} ${walTroubles[code]}: ${amountOf(beyond, 'segment is', 'segments are')} of no use to the newest backup. ${mend}`,
  );
}

/** A new backup alone would be followed by the same. */
const mends = 'Move wal away, start the service anew, then: amanat backup';
