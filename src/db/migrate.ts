import { Client, DatabaseError } from 'pg';
import { commit } from './commit.ts';
import type { Database } from './database.ts';
import {
  migrationsFolder,
  pendingMigrations,
  readMigrations,
  type AppliedMigration,
  type Migration,
} from './migration.ts';
import { MigrationFault } from './migrationFault.ts';
import { ensureServiceGroup } from './roles.ts';
import { statement } from './statement.ts';

export interface MigrateOptions {
  /** Folder of NNNNNN_name.sql files; sql/ of this build when left out. */
  readonly dir?: string;
  /** Told before each file is run. */
  readonly onMigration?: (migration: { version: number; name: string }) => void;
}

export interface Migrated {
  /** Names of the files applied now. */
  readonly applied: readonly string[];
  readonly version: number;
}

/** The lock that keeps concurrent starters in line; any constant of our own. */
const lockKey = 'amanat.schema_migrations';

/**
 * Brings the schema forward as the owner role, all of it or nothing, in one transaction that only one starter at a time
 * is in. Throws `MigrationFault`. A client that is passed in stays open.
 */
export async function migrate(owner: string | Client, options: MigrateOptions = {}): Promise<Migrated> {
  const known = await readMigrations(options.dir ?? migrationsFolder);
  if (typeof owner !== 'string') return migrateWith(owner, known, options);
  const client = new Client({ connectionString: owner, application_name: 'amanat migrate' });
  client.on('error', () => undefined);
  try {
    await client.connect().catch(refuseUnreachable);
    return await migrateWith(client, known, options);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** For the service role: throws `MigrationFault` unless the schema is exactly the one this build was written for. */
export async function checkSchema(db: Database, dir: string = migrationsFolder): Promise<void> {
  const selectApplied = statement<AppliedMigration>('select_applied_migrations', selectAppliedText, []);
  const known = await readMigrations(dir);
  const [applied] = await commit(db, 'directory', [selectApplied]);
  const [next] = pendingMigrations(known, applied);
  if (next !== undefined) {
    throw new MigrationFault(
      'schema_older',
      `The database lacks ${next.name}. Run \`amanat migrate\` as its owner first.`,
    );
  }
}

const selectAppliedText = `select m.version, m.name, m.checksum from amanat.schema_migrations m order by m.version`;

async function migrateWith(client: Client, known: readonly Migration[], options: MigrateOptions): Promise<Migrated> {
  await client.query('begin');
  try {
    await client.query('set local statement_timeout = 0');
    await client.query('set local lock_timeout = 0');
    await client.query(`select pg_advisory_xact_lock(hashtextextended($1::text, 0))`, [lockKey]);
    await ensureServiceGroup(client);
    await keepBooks(client);
    const { rows: applied } = await client.query<AppliedMigration>(selectAppliedText);
    const pending = pendingMigrations(known, applied);
    for (const migration of pending) {
      options.onMigration?.({ version: migration.version, name: migration.name });
      await applyMigration(client, migration);
    }
    await client.query('commit');
    return { applied: pending.map((migration) => migration.name), version: known.length };
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw asMigrationFault(error, 'The schema could not be prepared');
  }
}

async function keepBooks(client: Client): Promise<void> {
  await client.query(`create schema if not exists amanat`);
  await client.query(
    `create table if not exists amanat.schema_migrations (
       version integer primary key,
       name text not null,
       checksum text not null,
       applied_at timestamptz not null
     )`,
  );
  await client.query(`grant usage on schema amanat to amanat_service`);
  await client.query(`grant select on amanat.schema_migrations to amanat_service`);
}

/** The row first: a second runner that got past the lock somehow would stop at the key. */
async function applyMigration(client: Client, migration: Migration): Promise<void> {
  await client.query(
    `insert into amanat.schema_migrations (version, name, checksum, applied_at)
     values ($1::integer, $2::text, $3::text, $4::timestamptz)`,
    [migration.version, migration.name, migration.checksum, new Date()],
  );
  try {
    await client.query(migration.text);
  } catch (error) {
    throw asMigrationFault(error, `${migration.name} failed`);
  }
}

/** Messages of SQLSTATE class 42 name tables and syntax; others may quote a value and stay out. */
function asMigrationFault(error: unknown, what: string): MigrationFault {
  if (error instanceof MigrationFault) return error;
  if (!(error instanceof DatabaseError)) return new MigrationFault('unreachable', `${what}: the connection was lost.`);
  const line = error.position === undefined ? '' : ` at character ${error.position}`;
  const message = error.code?.startsWith('42') === true ? `: ${error.message}` : '';
  const code = error.code === '42501' ? 'owner_lacks_rights' : 'statement_failed';
  return new MigrationFault(code, `${what} (SQLSTATE ${error.code ?? 'none'}${line})${message}. Nothing was changed.`);
}

function refuseUnreachable(error: unknown): never {
  const sqlstate = error instanceof DatabaseError ? ` (SQLSTATE ${error.code ?? 'none'})` : '';
  throw new MigrationFault('unreachable', `The database cannot be reached as its owner${sqlstate}.`);
}
