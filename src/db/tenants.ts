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

export function insertTenantKey(key: TenantKeyRow & { createdAt: Date }): Statement {
  return statement(
    'insert_tenant_key',
    `insert into amanat.tenant_keys (tenant_id, use, version, state, root_id, wrapped, created_at, changed_at)
     values ($1::uuid, $2::text, $3::integer, $4::text, $5::text, $6::bytea, $7::timestamptz, $7::timestamptz)
     on conflict do nothing`,
    [key.tenantId, key.use, key.version, key.state, key.rootId, key.wrapped, key.createdAt],
  );
}

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
