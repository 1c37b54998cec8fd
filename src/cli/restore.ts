import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readConfig } from '../config.ts';
import { archiveName, isArchivable, type Recovery } from '../db/embeddedArchive.ts';
import { keysOf } from '../keyAccess.ts';
import { KeyFault } from '../keys/keyFault.ts';
import { damagedFiles, putBack, readManifest } from './backupFolder.ts';
import { refuseOwn } from './backup.ts';
import { exit, noWords, required, UsageFault, type Arguments, type Command } from './command.ts';
import { progress } from './progress.ts';

export const restore: Command = {
  words: '',
  options: { from: { type: 'string' }, wal: { type: 'string' }, until: { type: 'string' } },
  help: {
    from: 'one backup, as `amanat backup` made it',
    wal: `folder of archived WAL to roll forward with: <AMANAT_BACKUP_DIR>/${archiveName}`,
    until: 'with --wal: a moment (RFC 3339) to stop at, or `backup`; as far as there is WAL when left out',
  },
  found: 'the backup is damaged: nothing was restored',
  more: [
    'Puts the backup where the embedded database belongs, <data>/postgres, which must not be there. PostgreSQL rolls forward at',
    'the next start of anything, which may take its time. Then: amanat restore check, amanat reconcile, and only then the service.',
  ],
  async run(args, out) {
    noWords(args);
    const config = readConfig(process.env);
    refuseOwn(config);
    const from = required(args, 'from');
    const recovery = recoveryOf(args);
    const manifest = await readManifest(from);
    if (manifest === undefined) throw new UsageFault(`${from} is no whole backup: it has no manifest that holds`);
    const keys = await keysOf(config);
    const missing = manifest.rootKeyIds.find((id) => !keys.root.byId.has(id));
    if (missing !== undefined)
      throw new KeyFault('keys_wrong', `The backup opens with root key ${missing}, which is not in ${config.keysDir}.`);
    const bar = progress();
    const damaged = await damagedFiles(from, manifest, (done, all) => bar.at(done / all, `${done} of ${all} files`));
    bar.end();
    if (damaged.length > 0) {
      out.result({ restored: false, damaged }, () => `Not restored. Not as they were written:\n${damaged.join('\n')}`);
      return exit.found;
    }
    const folder = join(config.dataDir, 'postgres');
    await putBack(from, folder, recovery);
    out.result({ restored: true, folder, startedAt: manifest.startedAt }, () =>
      [`Restored the backup of ${manifest.startedAt} to ${folder}.`, 'Next: amanat restore check'].join('\n'),
    );
    return exit.ok;
  },
};

function recoveryOf(args: Arguments): Recovery {
  const [wal, until] = [args.text('wal'), args.text('until')];
  // PostgreSQL reads it from a folder of its own, and takes a file that it does not find for the end of the archive.
  const archive = wal === undefined ? undefined : resolve(wal);
  if (archive !== undefined && !isArchivable(archive)) throw new UsageFault('--wal is no usable path');
  if (archive !== undefined && statSync(archive, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new UsageFault(`--wal: ${archive} is no folder`);
  if (until !== undefined && archive === undefined) throw new UsageFault('--until goes with --wal');
  if (until === undefined || until === 'backup') return { archive, until };
  // RFC 3339, with a zone: a moment, whatever this machine takes for local.
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/.test(until) || Number.isNaN(Date.parse(until)))
    throw new UsageFault('--until is `backup` or a moment like 2026-03-01T02:00:00Z');
  return { archive, until: new Date(until) };
}
