import { createHash } from 'node:crypto';
import { type Client, DatabaseError, escapeIdentifier, escapeLiteral } from 'pg';
import { MigrationFault } from './migrationFault.ts';

/** The group that sql/ grants to. It cannot log in and owns nothing. */
export const serviceGroup = 'amanat_service';

export interface ServiceLoginOptions {
  /** From `scramVerifier`: a password itself never stands in SQL, so `log_statement=all` shows none. */
  readonly verifier: string;
  /** Tells logins of one database apart. */
  readonly suffix?: string;
  /** Milliseconds; below the deadline of a commit, so that PostgreSQL gives up first and says why. */
  readonly statementTimeoutMs?: number;
  readonly lockTimeoutMs?: number;
  readonly idleInTransactionTimeoutMs?: number;
}

/** Roles belong to the whole cluster, so two databases may make it at one moment. */
export async function ensureServiceGroup(owner: Client): Promise<void> {
  await owner
    .query(
      `do $$
     begin
       if not exists (select from pg_catalog.pg_roles where rolname = '${serviceGroup}') then
         create role ${serviceGroup} nologin;
       end if;
     exception when duplicate_object or unique_violation then null;
     end
     $$`,
    )
    .catch(refuseRole);
}

/** `amanat_service_` and 8 hex digits of the database's name: one login for each database of a cluster. */
export async function serviceLogin(owner: Client): Promise<string> {
  const { rows } = await owner.query<{ name: string }>(`select current_database() as name`);
  const digest = createHash('sha256')
    .update(rows[0]?.name ?? '')
    .digest('hex');
  return `${serviceGroup}_${digest.slice(0, 8)}`;
}

/** Makes or renews the login the service works as, and returns its name. Throws `MigrationFault` owner_lacks_rights. */
export async function ensureServiceLogin(owner: Client, options: ServiceLoginOptions): Promise<string> {
  const role = [await serviceLogin(owner), ...(options.suffix === undefined ? [] : [options.suffix])].join('_');
  const name = escapeIdentifier(role);
  await owner.query('begin');
  try {
    await owner.query(`select pg_advisory_xact_lock(hashtextextended($1::text, 0))`, [role]);
    const { rows } = await owner.query(`select 1 from pg_catalog.pg_roles where rolname = $1::name`, [role]);
    await owner.query(
      `${rows.length === 0 ? 'create' : 'alter'} role ${name} login inherit password ${escapeLiteral(options.verifier)}`,
    );
    await owner.query(`grant ${serviceGroup} to ${name}`);
    for (const [setting, value] of await settingsOf(owner, options)) {
      await owner.query(`alter role ${name} set ${setting} to ${escapeLiteral(value)}`);
    }
    await owner.query('commit');
    return role;
  } catch (error) {
    await owner.query('rollback').catch(() => undefined);
    return refuseRole(error);
  }
}

/** Limits, and the formats that this code reads, whatever the server's own defaults are. */
async function settingsOf(owner: Client, options: ServiceLoginOptions): Promise<readonly [string, string][]> {
  const { statementTimeoutMs = 4_500, lockTimeoutMs = 4_000, idleInTransactionTimeoutMs = 5_000 } = options;
  const settings: [string, string][] = [
    ['statement_timeout', String(statementTimeoutMs)],
    ['lock_timeout', String(lockTimeoutMs)],
    ['idle_in_transaction_session_timeout', String(idleInTransactionTimeoutMs)],
    ['timezone', 'UTC'],
    ['datestyle', 'ISO, YMD'],
    ['bytea_output', 'hex'],
  ];
  const { rows } = await owner.query<{ number: number }>(
    `select current_setting('server_version_num')::integer as number`,
  );
  // transaction_timeout came with 17; it also bounds a batch of many short statements.
  if ((rows[0]?.number ?? 0) >= 170_000) settings.push(['transaction_timeout', String(statementTimeoutMs)]);
  return settings;
}

function refuseRole(error: unknown): never {
  if (error instanceof DatabaseError && error.code === '42501') {
    throw new MigrationFault(
      'owner_lacks_rights',
      `The owner role may not make roles. Either give it CREATEROLE, or let an administrator make ${serviceGroup} (nologin) ` +
        'and a login in it, and set AMANAT_DATABASE_OWNER_URL to the owner and AMANAT_DATABASE_URL to that login.',
    );
  }
  const sqlstate = error instanceof DatabaseError ? ` (SQLSTATE ${error.code ?? 'none'})` : '';
  throw new MigrationFault('statement_failed', `The service's role could not be made${sqlstate}.`);
}
