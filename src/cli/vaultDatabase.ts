import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { proveLast } from '../archiveProof.ts';
import { ConfigFault, type Config } from '../config.ts';
import { commit } from '../db/commit.ts';
import { closeDatabase, openDatabase, transportOf, type Database } from '../db/database.ts';
import { startEmbedded } from '../db/embedded.ts';
import { runningOwnerUrl } from '../db/embeddedAttach.ts';
import { checkSchema } from '../db/migrate.ts';
import { MigrationFault } from '../db/migrationFault.ts';
import { hasSchema } from '../db/presence.ts';
import { selectTenants } from '../db/tenants.ts';
import { keysOf } from '../keyAccess.ts';
import type { KeyFolder } from '../keys/folder.ts';
import { openKeyring, type Keyring } from '../vault/keyring.ts';
import { openWatch, type Watch } from '../vault/watch.ts';
import { UsageFault } from './command.ts';

/** Is there an embedded PostgreSQL in the data folder, running or not? */
export function hasEmbedded(config: Config): boolean {
  return existsSync(join(config.dataDir, 'postgres', 'cluster'));
}

/**
 * The vault's PostgreSQL for the length of a command, as its owner: the operator's own, the embedded one that a service
 * runs right now, or the embedded one, started for the command and stopped after it. Throws `ConfigFault` when there is none,
 * unless `make` says that it may be made.
 */
export async function withOwner<T>(
  config: Config,
  work: (ownerUrl: string) => Promise<T>,
  { make = false }: { make?: boolean } = {},
): Promise<T> {
  const own = config.databaseOwnerUrl ?? config.databaseUrl;
  if (own !== undefined) {
    transportOf(own);
    return work(own);
  }
  if (!make && !hasEmbedded(config)) {
    throw new ConfigFault([
      `There is no vault in ${config.dataDir}. Start one there (npm start), or set AMANAT_DATA_DIR or AMANAT_DATABASE_URL.`,
    ]);
  }
  const folder = join(config.dataDir, 'postgres');
  const running = await runningOwnerUrl(folder);
  if (running !== undefined) return work(running);
  // WAL that is written without being archived would be a gap in the archive.
  const archiving = config.backupDir === undefined ? {} : { archive: config.backupDir };
  const embedded = await startEmbedded({ folder, ...archiving });
  try {
    return await work(embedded.ownerUrl);
  } finally {
    await embedded.stop();
    await proveLast(config);
  }
}

/** The same for reading and writing rows: as the service's own login where one is set, and only on this build's schema. */
export async function withDatabase<T>(config: Config, work: (db: Database) => Promise<T>): Promise<T> {
  const session = async (url: string): Promise<T> => {
    const db = openDatabase({
      connectionString: url,
      prepare: config.databasePooler !== 'transaction',
      max: 2,
      applicationName: 'amanat command',
    });
    try {
      if (!(await hasSchema(db))) {
        throw new MigrationFault(
          'schema_older',
          'The database has no schema yet. Run `amanat migrate` as its owner first.',
        );
      }
      await checkSchema(db);
      return await work(db);
    } finally {
      await closeDatabase(db);
    }
  };
  return config.databaseUrl === undefined ? withOwner(config, session) : session(config.databaseUrl);
}

/**
 * The same with the keys in hand, and the policies in force as the service would know them: what decides who may do what is
 * believed by its MAC alone. Throws `KeyFault` where the keys folder is not in order.
 */
export async function withWatch<T>(
  config: Config,
  work: (db: Database, watch: Watch, keyring: Keyring, keys: KeyFolder) => Promise<T>,
): Promise<T> {
  const keys = await keysOf(config);
  return withDatabase(config, async (db) => {
    const keyring = openKeyring(db, keys.root.byId, Date.now);
    const watch = openWatch(db, keyring, Date.now);
    await watch.look();
    return work(db, watch, keyring, keys);
  });
}

/** The tenant asked for, or all of them. Throws `UsageFault` for one that is not there. */
export async function tenantsAsked(db: Database, asked: string | undefined): Promise<string[]> {
  const [tenants] = await commit(db, 'directory', [selectTenants()]);
  const ids = tenants.map(({ id }) => id).filter((id) => asked === undefined || id === asked.toLowerCase());
  if (asked !== undefined && ids.length === 0) throw new UsageFault('there is no such tenant; see amanat tenants list');
  return ids;
}
