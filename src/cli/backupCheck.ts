import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { amountOf } from '../amount.ts';
import { readConfig, type Config } from '../config.ts';
import { selectDurabilityState, type DurabilityState } from '../db/backupState.ts';
import { commit } from '../db/commit.ts';
import { archiveName } from '../db/embeddedArchive.ts';
import { keysOf } from '../keyAccess.ts';
import { refuseKeysBeside } from '../keysApart.ts';
import { backupsIn, damagedFiles, type Backup } from './backupFolder.ts';
import { refusalWords, type Manifest, type Roots } from './backupManifest.ts';
import { isOpenToOthers } from './backupPruning.ts';
import { contentsOf } from './backup.ts';
import { ofArchivedWal, ofArchiver } from './archiveCheck.ts';
import { fail, ok, warn, type Finding } from './finding.ts';
import { exit, noWords, UsageFault, type Arguments, type Command } from './command.ts';
import { progress } from './progress.ts';
import { table } from './table.ts';
import { withDatabase } from './vaultDatabase.ts';

const defaultAgeHours = 26;

export const backupCheck: Command = {
  words: '',
  options: { in: { type: 'string' }, 'max-age': { type: 'string' }, files: { type: 'boolean' } },
  help: {
    in: 'folder for backups of the embedded database; AMANAT_BACKUP_DIR when left out',
    'max-age': `hours that the newest backup may be old; ${defaultAgeHours} when left out`,
    files: 'hold every file of the newest backup, and of the WAL after it, against its checksum as well',
  },
  found: 'a backup is missing, old, damaged or of other keys, WAL does not follow on it, or the database may lose data',
  more: [
    'Looks at the database that the settings name, and at the backups of the embedded one. Of a PostgreSQL of your own it tells',
    'what the server itself tells: whether it keeps what it answers, and whether and when it last archived its WAL.',
    'That a backup can be restored only a restore shows: amanat restore, then amanat restore check.',
  ],
  async run(args, out) {
    noWords(args);
    const config = readConfig(process.env);
    const keys = await keysOf(config);
    let current: string | null = null;
    const findings = await withDatabase(config, async (db) => {
      const [[state]] = await commit(db, 'directory', [selectDurabilityState()]);
      const { rootKeyIds } = await contentsOf(db);
      current = state?.currentSegment ?? null;
      return [
        ...(state === undefined ? [] : ofServer(state, config)),
        ...ofKeys(rootKeyIds, keys.root.byId, 'database'),
      ];
    });
    if (config.databaseUrl === undefined) findings.push(...(await ofBackups(config, args, keys.root, current)));
    const found = findings.some(({ level }) => level === 'fail');
    out.result({ holds: !found, findings }, () =>
      table(
        ['', 'what', ''],
        findings.map(({ level, code, says }) => [level, code, says]),
      ),
    );
    return found ? exit.found : exit.ok;
  },
};

function ofServer(state: DurabilityState, { databaseUrl, backupDir }: Config): Finding[] {
  const settings = {
    fsync: state.fsync,
    full_page_writes: state.fullPageWrites,
    synchronous_commit: state.synchronousCommit,
  };
  const findings = Object.entries(settings).map(([name, value]) =>
    value === 'off' ? fail(name, `${name} is off: a crash loses what was answered`) : ok(name, value),
  );
  findings.push(
    state.dataChecksums === 'on'
      ? ok('data_checksums', 'on')
      : warn('data_checksums', 'off: a page that the disk changed is not noticed by PostgreSQL'),
  );
  return [...findings, ofArchiver(state, databaseUrl === undefined, backupDir)];
}

function ofKeys(needed: readonly string[], have: ReadonlyMap<string, unknown>, what: string): Finding[] {
  const missing = needed.filter((id) => !have.has(id));
  return [
    missing.length === 0
      ? ok(`${what}_keys`, `opens with root key ${needed.join(', ')}, which the keys folder has`)
      : fail(`${what}_keys`, `needs root key ${missing.join(', ')}, which the keys folder has not`),
  ];
}

async function ofBackups(
  config: Config,
  args: Arguments,
  roots: Roots,
  current: string | null,
): Promise<readonly Finding[]> {
  const folder = args.text('in') ?? config.backupDir;
  if (folder === undefined) return [fail('backup', 'no folder for backups is set: AMANAT_BACKUP_DIR, or --in')];
  await refuseKeysBeside(config.keysDir, folder);
  const { backups, refused } = await backupsIn(folder, roots);
  const [newest] = backups;
  const open = (await isOpenToOthers(folder))
    ? [warn('backup_folder', `others may write to ${folder}: chmod go-w, chown`)]
    : [];
  const changed = refused.map(({ path, code }) =>
    (code === 'altered' || code === 'unreadable' ? fail : warn)(`backup_${code}`, `${path} ${refusalWords[code]}`),
  );
  if (newest === undefined)
    return [...open, ...changed, fail('backup', `${folder} holds no whole backup. Run: amanat backup`)];
  const { path, manifest } = newest;
  return [
    ...open,
    ...changed,
    ...ofAge(manifest, args.text('max-age') ?? String(defaultAgeHours)),
    ...ofKeys(manifest.rootKeyIds, roots.byId, 'backup'),
    ...(args.flag('files') ? await ofFiles(path, manifest) : []),
    ...(existsSync(join(folder, archiveName)) ? [await ofWal(folder, newest, roots, args.flag('files'), current)] : []),
  ];
}

function ofAge({ startedAt }: Manifest, most: string): Finding[] {
  if (!/^\d{1,5}$/.test(most)) throw new UsageFault('--max-age is a number of hours');
  const hours = Math.floor((Date.now() - Date.parse(startedAt)) / 3_600_000);
  if (hours < -1)
    return [fail('backup', `the newest is of ${startedAt}, which is to come: one of two clocks was wrong`)];
  const says = `the newest is of ${startedAt}, ${amountOf(Math.max(hours, 0), 'hour')} ago`;
  return [hours <= Number(most) ? ok('backup', says) : fail('backup', `${says}, more than ${most}`)];
}

async function ofFiles(path: string, manifest: Manifest): Promise<Finding[]> {
  const bar = progress();
  const damaged = await damagedFiles(path, manifest, (done, all) =>
    bar.at(done / all, `${done} of ${amountOf(all, 'file')}`),
  );
  bar.end();
  const [first] = damaged;
  return [
    first === undefined
      ? ok('backup_files', `all ${manifest.files.length} are as they were written`)
      : fail(
          'backup_files',
          `${amountOf(damaged.length, 'is not as it was', 'are not as they were')} written: ${join(path, first)}`,
        ),
  ];
}

async function ofWal(
  folder: string,
  newest: Backup,
  roots: Roots,
  whole: boolean,
  current: string | null,
): Promise<Finding> {
  const bar = progress();
  const onFile = (done: number, all: number): void =>
    bar.at(done / all, `${done} of ${amountOf(all, 'segment')} of WAL`);
  return ofArchivedWal(folder, newest, { roots, whole, current, onFile }).finally(() => bar.end());
}
