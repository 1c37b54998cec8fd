import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { amountOf } from '../amount.ts';
import { ConfigFault, readConfig } from '../config.ts';
import { commit } from '../db/commit.ts';
import type { Database } from '../db/database.ts';
import { archiveName } from '../db/embeddedArchive.ts';
import { refuseKeysBeside } from '../keysApart.ts';
import { addDuration, durationPattern, isLonger } from '../policy/duration.ts';
import { operatorLeaf } from '../vault/operatorLeaf.ts';
import { durationOf } from '../vault/retentionTerms.ts';
import type { Watch } from '../vault/watch.ts';
import { backupFolder, refuseOwn } from './backup.ts';
import { refusalWords } from './backupManifest.ts';
import { prune, pruningOf, type LeftCode, type Pruning } from './backupPruning.ts';
import { exit, noWords, UsageFault, type Arguments, type Command } from './command.ts';
import { progress } from './progress.ts';
import { withWatch } from './vaultDatabase.ts';

export const backupPrune: Command = {
  words: '',
  options: { in: { type: 'string' }, keep: { type: 'string' }, 'dry-run': { type: 'boolean' } },
  help: {
    in: 'folder for backups; AMANAT_BACKUP_DIR when left out',
    keep: 'ISO 8601 duration instead of that of the policies (P14D); never a longer one',
    'dry-run': 'only say what would go; changes nothing',
  },
  found: 'the newest backup is damaged, and nothing was deleted; or something is not believed, and stays',
  more: [
    'Deletes backups of the embedded database that are older than the shortest `retention.backup` of the policies in force, and',
    'archived WAL that no kept backup needs. The newest whole backup always stays, and is held against its checksums before',
    'any other goes. Only what this vault made by its manifest goes. Leaves an audit leaf for each tenant, before it begins.',
    'May be stopped at any time and called again.',
  ],
  async run(args, out) {
    noWords(args);
    const config = readConfig(process.env);
    refuseOwn(config);
    const folder = backupFolder(config, args, 'in');
    await refuseKeysBeside(config.keysDir, folder);
    const dry = args.flag('dry-run');
    return withWatch(config, async (db, watch, _keyring, keys) => {
      const keep = termOf(args, watch);
      const now = new Date();
      const found = await pruningOf(folder, keys.root, (madeAt) => (addDuration(madeAt, keep) ?? now) < now, now);
      const told = { keep, dryRun: dry, ...(await toldOf(found)) };
      const [damaged] = dry ? [] : await pruneOnRecord(db, watch, found, now);
      if (damaged !== undefined) {
        out.result({ ...told, damaged }, () => `Nothing was deleted: ${damaged} is not as it was written.`);
        return exit.found;
      }
      out.result(told, () => readable(told));
      return found.left.length > 0 ? exit.found : exit.ok;
    });
  },
};

/** A backup holds the data of all tenants: the shortest time of all holds for it. */
function termOf(args: Arguments, watch: Watch): string {
  const terms = watch.tenants().flatMap((id) => durationOf(watch.policy(id).profile.retention.backup.keep) ?? []);
  const shortest = terms.reduce<string | undefined>(
    (least, one) => (least === undefined || isLonger(least, one) ? one : least),
    undefined,
  );
  const asked = args.text('keep');
  if (asked !== undefined && !durationPattern.test(asked))
    throw new UsageFault('--keep is an ISO 8601 duration, like P14D');
  if (asked !== undefined && shortest !== undefined && isLonger(asked, shortest))
    throw new UsageFault(`--keep is longer than ${shortest}, which a policy promises`);
  const keep = asked ?? shortest;
  if (keep === undefined) throw new ConfigFault(['No policy says how long backups are kept: give --keep.']);
  return keep;
}

/** The paths that kept it from beginning. */
async function pruneOnRecord(db: Database, watch: Watch, found: Pruning, now: Date): Promise<readonly string[]> {
  const tenantIds = watch.tenants();
  const leaves = tenantIds.map((tenantId) => {
    const { label } = watch.policy(tenantId);
    const object = { kind: 'backups', id: tenantId };
    return operatorLeaf({ tenantId, policyVersion: label, action: 'backups.prune', object }, now.getTime());
  });
  const bar = progress();
  return prune(found, {
    record: () => commit(db, { tenantIds }, leaves),
    onFile: (done, all) => bar.at(done / all, `${done} of ${amountOf(all, 'file')} of the newest backup looked at`),
    onGone: (done, all) => bar.at(done / all, `${done} of ${all} gone`),
  }).finally(() => bar.end());
}

async function toldOf({ folder, due, kept, last, drafts, wal, walStays, left }: Pruning) {
  const sizeOf = (name: string): Promise<number> =>
    stat(join(folder, archiveName, name)).then(
      ({ size }) => size,
      () => 0,
    );
  const sizes = await Promise.all(wal.map(sizeOf));
  const ofBackups = due.flatMap(({ manifest }) => manifest.files.map(({ bytes }) => bytes));
  return {
    folder,
    backups: due.map(({ manifest }) => manifest.startedAt),
    cutShort: drafts.length,
    wal: wal.length,
    walStays,
    bytes: [...ofBackups, ...sizes].reduce((sum, one) => sum + one, 0),
    kept: kept.length,
    newest: kept[0].manifest.startedAt,
    newestIsOver: last,
    left,
  };
}

const leftWords: Readonly<Record<LeftCode, string>> = {
  ...refusalWords,
  no_folder: 'is no folder',
  renamed: 'is a backup of this vault, and is not named by its time',
};

function readable(
  told: { readonly keep: string; readonly dryRun: boolean } & Awaited<ReturnType<typeof toldOf>>,
): string {
  const { keep, dryRun, folder, backups, cutShort, wal, walStays, bytes, kept, newest, newestIsOver, left } = told;
  return [
    `${dryRun ? 'Would go' : 'Gone'} from ${folder}, older than ${keep}: ${amountOf(backups.length, 'backup')}, ${amountOf(cutShort, 'that was', 'that were')} cut short,`,
    `${amountOf(wal, 'file')} of WAL; ${Math.ceil(bytes / 1e6)} MB. ${amountOf(kept, 'backup stays', 'backups stay')}, the newest of ${newest}.`,
    ...(newestIsOver
      ? ['WARNING: it is older than that, and stays because it is the only one. Run: amanat backup']
      : []),
    ...left.map(({ name, code }) => `LEFT: ${name} ${leftWords[code]}.`),
    ...(walStays
      ? ['No WAL goes while that is there: it may be needed with it. Move it away, or delete it by hand.']
      : []),
  ].join('\n');
}
