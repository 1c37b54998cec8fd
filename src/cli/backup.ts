import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { amountOf } from '../amount.ts';
import { archivingOf, proveArchived } from '../archiveProof.ts';
import { ConfigFault, readConfig, type Config } from '../config.ts';
import { selectNewestMigration } from '../db/backupState.ts';
import { commit } from '../db/commit.ts';
import type { Database } from '../db/database.ts';
import { selectTenantKeys, selectTenants } from '../db/tenants.ts';
import { keysOf } from '../keyAccess.ts';
import { refuseInDatabase, refuseKeysBeside } from '../keysApart.ts';
import { backUp, type Contents } from './backupFolder.ts';
import { exit, noWords, UsageFault, type Arguments, type Command } from './command.ts';
import { progress } from './progress.ts';
import { withDatabase } from './vaultDatabase.ts';

export const backup: Command = {
  words: '',
  options: { to: { type: 'string' } },
  help: { to: 'folder for backups; AMANAT_BACKUP_DIR when left out. Each backup is a folder in it, named by its time' },
  more: [
    'Copies the embedded database while it serves, with the WAL that the copy needs and a list of checksums, under a MAC that',
    'only the root key makes. The keys folder is not in it, and may not lie where the backups are: together they open everything.',
    'A copy that was cut short has no manifest.json and counts for nothing. For a PostgreSQL of your own use its own tools:',
    'docs/operations.md, Backup.',
  ],
  async run(args, out) {
    noWords(args);
    const config = readConfig(process.env);
    refuseOwn(config);
    const to = backupFolder(config, args, 'to');
    await refuseKeysBeside(config.keysDir, to);
    await refuseInDatabase(config.dataDir, to);
    const { root } = await keysOf(config);
    const bar = progress();
    const made = await withDatabase(config, async (db) => {
      const folder = join(config.dataDir, 'postgres');
      const source = { folder, port: await portOf(folder) };
      const taken = await backUp(source, to, await contentsOf(db), root.current, (done, all) =>
        bar.at(done / all, `${done} of ${amountOf(all, 'file')}`),
      );
      const archiving = archivingOf(config);
      if (archiving !== undefined) await proveArchived(archiving, () => root.current);
      return taken;
    }).finally(() => bar.end());
    const { path, manifest } = made;
    const { rootKeyIds, files } = manifest;
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    out.result({ path, startedAt: manifest.startedAt, files: files.length, bytes }, () =>
      [
        `Backup of ${manifest.startedAt} in ${path}: ${amountOf(files.length, 'file')}, ${Math.ceil(bytes / 1e6)} MB.`,
        `It opens with root ${rootKeyIds.length === 1 ? 'key' : 'keys'} ${rootKeyIds.join(', ')} alone, and no key is in it.`,
      ].join('\n'),
    );
    return exit.ok;
  },
};

/** Of an option, or AMANAT_BACKUP_DIR. Throws `UsageFault` where neither is given. */
export function backupFolder(config: Config, args: Arguments, option: string): string {
  const folder = args.text(option) ?? config.backupDir;
  if (folder === undefined || folder === '')
    throw new UsageFault(`--${option} is missing, and AMANAT_BACKUP_DIR is not set`);
  return folder;
}

/** Throws `ConfigFault` for a database that is not the embedded one. */
export function refuseOwn(config: Config): void {
  if (config.databaseUrl !== undefined)
    throw new ConfigFault([
      'AMANAT_DATABASE_URL names a PostgreSQL of your own: back it up and restore it with its own tools (docs/operations.md).',
    ]);
}

/** postmaster.pid, line 4. */
async function portOf(folder: string): Promise<number> {
  const lines = (await readFile(join(folder, 'cluster', 'postmaster.pid'), 'utf8')).split('\n');
  return Number(lines[3]);
}

export async function contentsOf(db: Database): Promise<Contents> {
  const [tenants] = await commit(db, 'directory', [selectTenants()]);
  const ids = tenants.map(({ id }) => id);
  const [[newest], keys] = await commit(db, { tenantIds: ids }, [selectNewestMigration(), selectTenantKeys(ids)]);
  return { schema: newest?.schema ?? 0, rootKeyIds: [...new Set(keys.map(({ rootId }) => rootId))].toSorted() };
}
