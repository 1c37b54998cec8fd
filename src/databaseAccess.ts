import { Client } from 'pg';
import type { Config } from './config.ts';
import { checkRole, closeDatabase, DatabaseRefusal, openDatabase, type Database } from './db/database.ts';
import { checkSchema, migrate } from './db/migrate.ts';
import { hasSchema } from './db/presence.ts';
import { ensureServiceLogin } from './db/roles.ts';
import { scramVerifier } from './db/scram.ts';
import type { KeyFolder } from './keys/folder.ts';

/** Whose login the service was given, and what follows: who brings the schema forward, and as whom it serves. */
export interface Access {
  readonly serviceUrl: (keys: KeyFolder) => Promise<string>;
  /** A login that may read what every start looks at. */
  readonly url: string;
}

/**
 * Brings the schema forward as its owner, where an owner was given; a login that already is the service's own finds the
 * schema as this build needs it, or stops here. Throws `MigrationFault`.
 */
export async function openAccess(config: Config, embeddedOwnerUrl: string | undefined): Promise<Access> {
  const given = config.databaseUrl ?? embeddedOwnerUrl ?? '';
  const owner = config.databaseOwnerUrl;
  if (owner === undefined && config.databaseUrl !== undefined && (await isServiceLogin(config))) {
    await withDatabase(config, given, (db) => checkSchema(db));
    return { url: given, serviceUrl: async () => given };
  }
  await migrate(owner ?? given);
  if (owner !== undefined) return { url: owner, serviceUrl: async () => given };
  return { url: given, serviceUrl: (keys) => ownLogin(given, keys) };
}

/** Bound by row level security and owner of nothing, in a database that has the schema. */
async function isServiceLogin(config: Config): Promise<boolean> {
  return withDatabase(config, config.databaseUrl ?? '', async (db) => {
    if (!(await hasSchema(db))) return false;
    try {
      await checkRole(db);
      return true;
    } catch (error) {
      if (error instanceof DatabaseRefusal && error.code === 'role_too_strong') return false;
      throw error;
    }
  });
}

/**
 * The service's login, its password derived from the root key, so that it is stored nowhere. One for each root key: while that
 * turns over, processes that have the next one do not lock out those that have not.
 */
async function ownLogin(ownerUrl: string, keys: KeyFolder): Promise<string> {
  const root = keys.root.current;
  const password = (await root.secret('database service login')).toString('base64url');
  const salt = (await root.secret('database service salt')).subarray(0, 16);
  const owner = new Client({ connectionString: ownerUrl });
  await owner.connect();
  try {
    const verifier = await scramVerifier(password, salt);
    const role = await ensureServiceLogin(owner, { verifier, suffix: root.id.slice(0, 8) });
    const url = new URL(ownerUrl);
    url.username = role;
    url.password = password;
    return url.href;
  } finally {
    await owner.end();
  }
}

/** A few connections for the length of a start. */
export async function withDatabase<T>(
  config: Config,
  connectionString: string,
  work: (db: Database) => Promise<T>,
): Promise<T> {
  const prepare = config.databasePooler !== 'transaction';
  const db = openDatabase({ connectionString, prepare, max: 2, applicationName: 'amanat prepare' });
  try {
    return await work(db);
  } finally {
    await closeDatabase(db);
  }
}
