import { statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { amountOf } from '../amount.ts';
import { isServed } from '../adminSocket.ts';
import { readConfig, type Config } from '../config.ts';
import { archiveName, isArchivable } from '../db/embeddedArchive.ts';
import { EmbeddedFault } from '../db/embeddedFault.ts';
import type { Recovery } from '../db/embeddedRestore.ts';
import { archivedRun, isWaiting, walTroubles, type ArchivedRun } from './archivedWal.ts';
import { keysOf } from '../keyAccess.ts';
import { KeyFault } from '../keys/keyFault.ts';
import { folderName, readManifest, refusalWords, type Manifest, type Roots } from './backupManifest.ts';
import { refuseOwn } from './backup.ts';
import { exit, noWords, required, UsageFault, type Arguments, type Command } from './command.ts';
import { progress } from './progress.ts';
import { putBack } from './putBack.ts';

export const restore: Command = {
  words: '',
  options: {
    from: { type: 'string' },
    wal: { type: 'string' },
    until: { type: 'string' },
    unproven: { type: 'string' },
  },
  help: {
    from: 'one backup, as `amanat backup` made it',
    wal: `folder of archived WAL to roll forward with: <AMANAT_BACKUP_DIR>/${archiveName}`,
    until: 'with --wal: a moment (RFC 3339) to stop at, or `backup`; as far as there is WAL when left out',
    unproven:
      'with --wal, where it is not whole: `stop` before what is missing or not vouched for, `take` what nobody vouched for',
  },
  found: 'backup or WAL is damaged, was changed or is another vault’s: nothing was restored',
  more: [
    'Believes of a backup only what its manifest lists, and the manifest only under the root key: one that anybody changed is',
    'refused before PostgreSQL sees it. PostgreSQL is configured anew: settings files of a backup can name programs to run.',
    'Puts the backup where the embedded database belongs, <data>/postgres, which must not be there. PostgreSQL rolls forward at',
    'the next start of anything, which may take its time. Then: amanat restore check, amanat reconcile, and only then the service.',
  ],
  async run(args, out) {
    noWords(args);
    const config = readConfig(process.env);
    refuseOwn(config);
    const from = folderGiven('from', required(args, 'from'));
    const asked = askedFor(args);
    await refuseServed(config);
    const keys = await keysOf(config);
    const manifest = await readManifest(from, keys.root);
    if (typeof manifest === 'string') {
      out.result({ restored: false, code: manifest }, () => `Not restored. ${from} ${refusalWords[manifest]}.`);
      return exit.found;
    }
    refuseUnfit(manifest, asked, keys.root, config);
    const run = asked.archive === undefined ? undefined : await walOf(asked.archive, asked, manifest, keys.root);
    // What was archived last may wait for its vouching when the disk goes: it is left out and told. Anything else is asked about.
    if (run?.trouble !== undefined && asked.unproven !== 'stop' && !isWaiting(run)) {
      const { trouble, beyond } = run;
      out.result({ restored: false, code: `wal_${trouble.code}`, file: trouble.name, beyond }, () =>
        walRefusal(trouble, beyond),
      );
      return exit.found;
    }
    const recovery: Recovery = {
      archive: run && { folder: asked.archive ?? '', files: run.files },
      until: asked.until,
    };
    const folder = join(config.dataDir, 'postgres');
    const bar = progress();
    const damaged = await putBack({ path: from, manifest }, folder, recovery, (done, all) =>
      bar.at(done / all, `${done} of ${amountOf(all, 'file')}`),
    ).finally(() => bar.end());
    if (damaged.length > 0) {
      out.result(
        { restored: false, code: 'damaged', damaged },
        () => `Not restored. Not as they were written:\n${damaged.join('\n')}`,
      );
      return exit.found;
    }
    const wal = run && { last: run.last, left: run.beyond, leftFrom: run.trouble?.name, unproven: run.unproven };
    const misnamed = basename(from) !== folderName(manifest);
    out.result({ restored: true, folder, startedAt: manifest.startedAt, misnamed, ...(wal && { wal }) }, () =>
      [
        `Restored the backup of ${manifest.startedAt} to ${folder}.`,
        ...(misnamed ? [`WARNING: ${from} is not named by that time. Is it the one you meant?`] : []),
        ...(run === undefined ? [] : walWords(run)),
        'Next: amanat restore check',
      ].join('\n'),
    );
    return exit.ok;
  },
};

/** Its cluster may have been moved away under it, and it would go on with that. */
async function refuseServed({ dataDir }: Config): Promise<void> {
  if (await isServed(dataDir)) throw new EmbeddedFault('folder_in_use', `A service runs on ${dataDir}. Stop it first.`);
}

function refuseUnfit(manifest: Manifest, { until }: Asked, roots: Roots, { keysDir }: Config): void {
  const missing = manifest.rootKeyIds.find((id) => !roots.byId.has(id));
  if (missing !== undefined)
    throw new KeyFault('keys_wrong', `The backup opens with root key ${missing}, which is not in ${keysDir}.`);
  if (until instanceof Date && until < new Date(manifest.endedAt))
    throw new UsageFault(`--until is before ${manifest.endedAt}, when this backup was complete: take an earlier one`);
}

interface Asked {
  readonly archive: string | undefined;
  readonly until: Recovery['until'];
  readonly unproven: 'stop' | 'take' | undefined;
}

/** Throws `UsageFault` for a folder in which there is none. */
async function walOf(archive: string, { unproven }: Asked, manifest: Manifest, roots: Roots): Promise<ArchivedRun> {
  const bar = progress();
  const run = await archivedRun({
    archive,
    manifest,
    roots,
    takeUnproven: unproven === 'take',
    whole: true,
    onFile: (done, all) => bar.at(done / all, `${done} of ${amountOf(all, 'segment')} of WAL`),
  }).finally(() => bar.end());
  if (run.files.length > 0 || run.trouble !== undefined) return run;
  throw new UsageFault(`no WAL in ${archive} follows on the backup; to its own moment: without --wal`);
}

function walRefusal({ code, name }: NonNullable<ArchivedRun['trouble']>, beyond: number): string {
  return [
    `Not restored. ${name} ${walTroubles[code]}. Segments from there on: ${beyond}.`,
    'To go only as far as everything before it: --unproven stop',
    ...(code === 'unproven'
      ? ['To take what nobody vouched for, as whoever wrote it there left it: --unproven take']
      : []),
  ].join('\n');
}

function walWords({ last, trouble, beyond, unproven }: ArchivedRun): string[] {
  return [
    last === undefined
      ? 'WARNING: no archived WAL follows on it.'
      : `PostgreSQL will roll forward to the end of ${last} at most.`,
    ...(trouble === undefined
      ? []
      : [`WARNING: ${trouble.name} ${walTroubles[trouble.code]}. Segments from there on, left out: ${beyond}.`]),
    ...(unproven.length === 0 ? [] : [`WARNING: nobody vouched for ${unproven.join(', ')}; taken as they are.`]),
  ];
}

function folderGiven(option: string, path: string): string {
  const folder = resolve(path);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new UsageFault(`--${option}: ${folder} is no folder`);
  return folder;
}

function askedFor(args: Arguments): Asked {
  const [wal, until, unproven] = [args.text('wal'), args.text('until'), args.text('unproven')];
  // PostgreSQL reads it from a folder of its own, and takes a file that it does not find for the end of the archive.
  const archive = wal === undefined ? undefined : folderGiven('wal', wal);
  if (archive !== undefined && !isArchivable(archive)) throw new UsageFault('--wal is no usable path');
  if (until !== undefined && archive === undefined) throw new UsageFault('--until goes with --wal');
  if (unproven !== undefined && archive === undefined) throw new UsageFault('--unproven goes with --wal');
  if (unproven !== undefined && unproven !== 'stop' && unproven !== 'take')
    throw new UsageFault('--unproven is `stop` or `take`');
  if (until === undefined || until === 'backup') return { archive, until, unproven };
  // RFC 3339, with a zone: a moment, whatever this machine takes for local.
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/.test(until) || Number.isNaN(Date.parse(until)))
    throw new UsageFault('--until is `backup` or a moment like 2026-03-01T02:00:00Z');
  return { archive, until: new Date(until), unproven };
}
