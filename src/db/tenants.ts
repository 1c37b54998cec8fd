import { statement, type Statement } from './statement.ts';

export interface TenantKeyRow {
  readonly tenantId: string;
  readonly use: 'data' | 'index' | 'mac' | 'hash';
  readonly version: number;
  readonly state: 'introduced' | 'current' | 'former';
  readonly rootId: string;
  readonly wrapped: Buffer;
}

export interface PolicyRow {
  readonly tenantId: string;
  readonly number: number;
  readonly profile: string;
  readonly source: string;
  readonly publishedAt: Date;
  readonly effectiveFrom: Date;
  readonly mac: Buffer;
}

export function insertTenant(tenant: { id: string; name: string; createdAt: Date }): Statement {
  return statement(
    'insert_tenant',
    `insert into amanat.tenants (id, name, created_at) values ($1::uuid, $2::text, $3::timestamptz)`,
    [tenant.id, tenant.name, tenant.createdAt],
  );
}

/** Directory scope: every tenant of this vault. */
export function selectTenants(): Statement<{ id: string; name: string }> {
  return statement('select_tenants', `select t.id, t.name from amanat.tenants t order by t.id`, []);
}

/** Nothing where there is such a version already. */
export function insertTenantKey(key: TenantKeyRow & { createdAt: Date }): Statement {
  return statement('insert_tenant_key', `${inserted} on conflict do nothing`, insertedValues(key));
}

/** Guarded: `conflict` where somebody else has made this version. */
export function insertNextTenantKey(key: TenantKeyRow & { createdAt: Date }): Statement {
  return statement(
    'insert_next_tenant_key',
    `with made as (${inserted} on conflict do nothing returning 1)
     select amanat.require(count(*) = 1, 'conflict') from made`,
    insertedValues(key),
  );
}

const inserted = `insert into amanat.tenant_keys
       (tenant_id, use, version, state, root_id, wrapped, created_at, changed_at)
     values ($1::uuid, $2::text, $3::integer, $4::text, $5::text, $6::bytea, $7::timestamptz, $7::timestamptz)`;

const insertedValues = (key: TenantKeyRow & { createdAt: Date }): readonly unknown[] => [
  key.tenantId,
  key.use,
  key.version,
  key.state,
  key.rootId,
  key.wrapped,
  key.createdAt,
];

/** Those that were not destroyed. */
export function selectTenantKeys(tenantIds: readonly string[]): Statement<TenantKeyRow> {
  return statement(
    'select_tenant_keys',
    `select k.tenant_id as "tenantId", k.use, k.version, k.state, k.root_id as "rootId", k.wrapped
       from amanat.tenant_keys k
      where k.tenant_id = any ($1::uuid[]) and k.wrapped is not null`,
    [tenantIds],
  );
}

export interface KeyChange {
  readonly tenantId: string;
  readonly changedAt: Date;
}

/** The newest change of each tenant's keys. Directory scope: every process looks here every second. */
export function selectTenantKeyChanges(): Statement<KeyChange> {
  return statement(
    'select_tenant_key_changes',
    `select k.tenant_id as "tenantId", max(k.changed_at) as "changedAt" from amanat.tenant_keys k group by k.tenant_id`,
    [],
  );
}

/** Of each kind of key, when the oldest was made that is in use for any tenant. Directory scope. */
export function selectOldestKeys(): Statement<{ readonly use: TenantKeyRow['use']; readonly madeAt: Date }> {
  return statement(
    'select_oldest_keys',
    `select k.use, min(k.created_at) as "madeAt" from amanat.tenant_keys k where k.state = 'current' group by k.use`,
    [],
  );
}

/** Every version there ever was, with when it was made; those that were destroyed without their bytes. */
export function selectTenantKeyHistory(tenantId: string): Statement<
  Omit<TenantKeyRow, 'wrapped' | 'state'> & {
    readonly state: TenantKeyRow['state'] | 'destroyed';
    readonly wrapped: Buffer | null;
    readonly createdAt: Date;
    readonly changedAt: Date;
  }
> {
  return statement(
    'select_tenant_key_history',
    `select k.tenant_id as "tenantId", k.use, k.version, k.state, k.root_id as "rootId", k.wrapped,
            k.created_at as "createdAt", k.changed_at as "changedAt"
       from amanat.tenant_keys k
      where k.tenant_id = $1::uuid
      order by k.use, k.version`,
    [tenantId],
  );
}

/** Guarded: `conflict` where the key is not as it was read. `at` is moved on, so that every process notices. */
export function changeTenantKey(key: TenantKeyRow & { readonly was: Buffer }, at: Date): Statement {
  return statement(
    'change_tenant_key',
    `with changed as (
       update amanat.tenant_keys k
          set state = $4::text, root_id = $5::text, wrapped = $6::bytea,
              changed_at = greatest($8::timestamptz, k.changed_at + interval '1 millisecond')
        where k.tenant_id = $1::uuid and k.use = $2::text and k.version = $3::integer and k.wrapped = $7::bytea
       returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from changed`,
    [key.tenantId, key.use, key.version, key.state, key.rootId, key.wrapped, key.was, at],
  );
}

/** Guarded: `conflict` unless it is a former one. Nothing new is stored under it by a statement that begins after the commit. */
export function closeTenantKey(key: Pick<TenantKeyRow, 'tenantId' | 'use' | 'version'>, at: Date): Statement {
  return statement(
    'close_tenant_key',
    `with closed as (
       update amanat.tenant_keys k
          set closed_at = coalesce(k.closed_at, $4::timestamptz)
        where k.tenant_id = $1::uuid and k.use = $2::text and k.version = $3::integer and k.state = 'former'
       returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from closed`,
    [key.tenantId, key.use, key.version, at],
  );
}

/**
 * The transactions that write at this moment, of whatever tenant. A statement holds the lock on its table before it looks at anything,
 * so one that did not see what was committed before is among them.
 */
export function selectWriting(): Statement<{ readonly id: string }> {
  return statement(
    'select_writing',
    `select distinct l.virtualtransaction as id
       from pg_catalog.pg_locks l
       join pg_catalog.pg_class c on c.oid = l.relation
      where l.locktype = 'relation' and l.mode = 'RowExclusiveLock' and l.granted
        and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())
        and c.relnamespace = 'amanat'::regnamespace and c.relkind = 'r'`,
    [],
  );
}

/** Guarded like `changeTenantKey`. Of the key nothing is left but its number. */
export function destroyTenantKey(
  key: Pick<TenantKeyRow, 'tenantId' | 'use' | 'version'> & { readonly was: Buffer },
  at: Date,
): Statement {
  return statement(
    'destroy_tenant_key',
    `with destroyed as (
       update amanat.tenant_keys k
          set state = 'destroyed', wrapped = null,
              changed_at = greatest($5::timestamptz, k.changed_at + interval '1 millisecond')
        where k.tenant_id = $1::uuid and k.use = $2::text and k.version = $3::integer and k.wrapped = $4::bytea
          and k.state = 'former'
       returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from destroyed`,
    [key.tenantId, key.use, key.version, key.was, at],
  );
}

export function insertPolicyVersion(policy: PolicyRow & { sourceSha256: Buffer }): Statement {
  return statement(
    'insert_policy_version',
    `insert into amanat.policy_versions
       (tenant_id, number, profile, source, source_sha256, published_at, effective_from, mac)
     values ($1::uuid, $2::integer, $3::text, $4::text, $5::bytea, $6::timestamptz, $7::timestamptz, $8::bytea)`,
    [
      policy.tenantId,
      policy.number,
      policy.profile,
      policy.source,
      policy.sourceSha256,
      policy.publishedAt,
      policy.effectiveFrom,
      policy.mac,
    ],
  );
}
