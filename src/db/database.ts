import { isIP } from 'node:net';
import { Client, Pool } from 'pg';
import { commit } from './commit.ts';
import { connectFault } from './fault.ts';
import { statement } from './statement.ts';

/** The service's way to PostgreSQL. Belongs to whoever opened it. */
export interface Database {
  readonly pool: Pool;
  /** Named prepared statements; off behind a pooler in transaction mode. */
  readonly prepare: boolean;
  /**
   * One plan of each statement for all values. PostgreSQL plans anew for few values whenever that promises to be cheaper to run,
   * and planning a look-up by key costs four times the look-up. For statements that find every row by its key.
   */
  readonly planOnce?: boolean;
  /** Milliseconds that a commit may take, waiting for a connection included. */
  readonly deadlineMs: number;
  /** Callers that may wait for a connection; the next one is told `overloaded`. */
  readonly mostWaiting: number;
  /** `unverified` is encrypted, but the server's name was not proven by a certificate. */
  readonly transport: 'local' | 'verified' | 'unverified';
}

export interface DatabaseOptions {
  readonly connectionString: string;
  readonly prepare?: boolean;
  /** Connections at most. */
  readonly max?: number;
  readonly deadlineMs?: number;
  readonly mostWaiting?: number;
  readonly applicationName?: string;
}

export type DatabaseRefusalCode =
  'connection_string' | 'plain_connection' | 'not_durable' | 'version_unsupported' | 'role_too_strong' | 'pooler';

/** This database is not one to keep personal data in as it stands. The message is for the operator; no password in it. */
export class DatabaseRefusal extends Error {
  readonly code: DatabaseRefusalCode;

  constructor(code: DatabaseRefusalCode, message: string) {
    super(message);
    this.name = 'DatabaseRefusal';
    this.code = code;
  }
}

const oldestVersion = 150_000;
const newestVersion = 190_000; // exclusive

/** Connects to nothing yet. Throws `DatabaseRefusal` for an unencrypted connection to a host that is not local. */
export function openDatabase(options: DatabaseOptions): Database {
  const { connectionString, prepare = true, max = 10, deadlineMs = 5_000, mostWaiting = 1_000 } = options;
  const transport = transportOf(connectionString);
  const pool = new Pool({
    connectionString,
    max,
    application_name: options.applicationName ?? 'amanat',
    connectionTimeoutMillis: deadlineMs,
    idleTimeoutMillis: 300_000,
    keepAlive: true,
  });
  // Connections that die while idle are replaced by the pool; those in use tell their batch.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => void client.on('error', () => undefined));
  return { pool, prepare, deadlineMs, mostWaiting, transport };
}

/** Waits for the commits in flight. */
export async function closeDatabase(db: Database): Promise<void> {
  if (!db.pool.ending) await db.pool.end();
}

/** Throws `DatabaseRefusal` where an answered write could be lost: P2 rests on these two settings. */
export async function checkDurability(db: Database): Promise<void> {
  const durability = statement<{ fsync: string; synchronousCommit: string }>(
    'select_durability',
    `select current_setting('fsync') as fsync, current_setting('synchronous_commit') as "synchronousCommit"`,
    [],
  );
  const [[settings]] = await commit(db, 'directory', [durability]);
  // `local` and stronger wait for this server's own disk (PostgreSQL, 19.5.1).
  for (const [name, value] of [
    ['fsync', settings?.fsync],
    ['synchronous_commit', settings?.synchronousCommit],
  ]) {
    if (value === undefined || value === 'off') {
      throw new DatabaseRefusal(
        'not_durable',
        `PostgreSQL runs with ${name}=off: a crash would lose answered writes. Set ${name}=on and start again.`,
      );
    }
  }
}

/** Throws `DatabaseRefusal` for a PostgreSQL that this schema was not written for. */
export async function checkVersion(db: Database): Promise<void> {
  const version = statement<{ number: number; name: string }>(
    'select_server_version',
    `select current_setting('server_version_num')::integer as number, current_setting('server_version') as name`,
    [],
  );
  const [[server]] = await commit(db, 'directory', [version]);
  if (server === undefined || server.number < oldestVersion || server.number >= newestVersion) {
    throw new DatabaseRefusal(
      'version_unsupported',
      `PostgreSQL 15 to 18 is needed; this one is ${server?.name ?? 'unknown'}.`,
    );
  }
}

/** Throws `DatabaseRefusal` for a login that row level security or the missing rights of the service role do not bind. */
export async function checkRole(db: Database): Promise<void> {
  const role = statement<{ strong: boolean; owns: boolean }>(
    'select_own_role',
    `select r.rolsuper or r.rolbypassrls or r.rolcreaterole as strong,
            exists (select from pg_catalog.pg_class c
                     where c.relnamespace = to_regnamespace('amanat') and pg_has_role(c.relowner, 'usage')) as owns
       from pg_catalog.pg_roles r
      where r.rolname = current_user`,
    [],
  );
  const [[own]] = await commit(db, 'directory', [role]);
  if (own === undefined || own.strong || own.owns) {
    throw new DatabaseRefusal(
      'role_too_strong',
      'The service would work as an owner or administrator of its database. Give it a login of its own in amanat_service.',
    );
  }
}

/**
 * Throws `DatabaseRefusal` where something stands between that gives out connections: statements prepared on one of PostgreSQL's
 * would be missing on the next. A pooler that hands its clients PostgreSQL's own process id is not noticed.
 */
export async function checkNoPooler(db: Database): Promise<void> {
  const client = await db.pool.connect().catch((error: unknown) => {
    throw connectFault(error);
  });
  try {
    // The key that a server gives with a connection begins with its process id (PostgreSQL, 54.7 BackendKeyData).
    const { processID: told } = client as unknown as { readonly processID: number };
    const { rows } = await client.query<{ pid: number }>('select pg_catalog.pg_backend_pid() as pid');
    if (rows[0]?.pid === told) return;
  } finally {
    client.release();
  }
  throw new DatabaseRefusal(
    'pooler',
    'A pooler stands between the service and PostgreSQL. Set AMANAT_DATABASE_POOLER to its mode: transaction or session.',
  );
}

/** Throws `DatabaseRefusal`. Reads the string as the driver will, PGHOST and PGSSLMODE included. */
export function transportOf(connectionString: string): Database['transport'] {
  const { host, ssl } = driverView(connectionString);
  if (isLocal(host)) return 'local';
  if (ssl === false || ssl === undefined) {
    throw new DatabaseRefusal(
      'plain_connection',
      `The connection to ${host} would not be encrypted. Add sslmode=verify-full&sslrootcert=<file> (recommended) or sslmode=require to the database URL.`,
    );
  }
  return typeof ssl === 'object' && ssl.rejectUnauthorized === false ? 'unverified' : 'verified';
}

function driverView(connectionString: string): {
  host: string;
  ssl: boolean | undefined | { rejectUnauthorized?: boolean };
} {
  try {
    const { host, ssl } = new Client({ connectionString });
    return { host, ssl };
  } catch (error) {
    // The driver's own message may repeat the string, password included.
    const unreadable = error instanceof Error && 'syscall' in error;
    throw new DatabaseRefusal(
      'connection_string',
      unreadable
        ? 'A certificate or key file named in the database URL cannot be read.'
        : 'The database URL is not one the driver understands: postgres://user@host:5432/name?sslmode=verify-full',
    );
  }
}

function isLocal(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '');
  if (bare.startsWith('/') || bare === 'localhost' || bare === '::1') return true;
  return isIP(bare) === 4 && bare.startsWith('127.');
}
