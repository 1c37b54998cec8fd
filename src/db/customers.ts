import { statement, type Statement } from './statement.ts';

export interface CustomerRow {
  readonly id: string;
  readonly kind: 'natural' | 'legal';
  readonly status: 'active' | 'deactivated' | 'erased';
  readonly version: number;
  readonly source: string;
  readonly keyVersion: number;
  readonly dataKey: Buffer;
  readonly sealed: Buffer;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface NewCustomerRow extends CustomerRow {
  readonly tenantId: string;
}

export interface TagRow {
  readonly tenantId: string;
  readonly customerId: string;
  readonly field: string;
  readonly tag: Buffer;
  readonly keyVersion: number;
  readonly exclusive: boolean;
}

export function insertCustomers(customers: readonly NewCustomerRow[]): Statement {
  return statement(
    'insert_customers',
    `insert into amanat.customers
       (tenant_id, id, kind, status, version, source, key_version, data_key, sealed, created_at, updated_at)
     select c.tenant_id, c.id, c.kind, c.status, c.version, c.source, c.key_version, c.data_key, c.sealed,
            c.created_at, c.updated_at
       from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::integer[], $6::text[], $7::integer[],
                   $8::bytea[], $9::bytea[], $10::timestamptz[], $11::timestamptz[])
            as c (tenant_id, id, kind, status, version, source, key_version, data_key, sealed, created_at, updated_at)`,
    [
      customers.map((c) => c.tenantId),
      customers.map((c) => c.id),
      customers.map((c) => c.kind),
      customers.map((c) => c.status),
      customers.map((c) => c.version),
      customers.map((c) => c.source),
      customers.map((c) => c.keyVersion),
      customers.map((c) => c.dataKey),
      customers.map((c) => c.sealed),
      customers.map((c) => c.createdAt),
      customers.map((c) => c.updatedAt),
    ],
  );
}

/** Fails with index_tags_exclusive when another customer holds an exclusive one. */
export function insertTags(tags: readonly TagRow[]): Statement {
  return statement(
    'insert_tags',
    `insert into amanat.index_tags (tenant_id, field, tag, customer_id, key_version, exclusive)
     select t.tenant_id, t.field, t.tag, t.customer_id, t.key_version, t.exclusive
       from unnest($1::uuid[], $2::text[], $3::bytea[], $4::uuid[], $5::integer[], $6::boolean[])
            as t (tenant_id, field, tag, customer_id, key_version, exclusive)`,
    [
      tags.map((t) => t.tenantId),
      tags.map((t) => t.field),
      tags.map((t) => t.tag),
      tags.map((t) => t.customerId),
      tags.map((t) => t.keyVersion),
      tags.map((t) => t.exclusive),
    ],
  );
}

export function deleteTags(tenantId: string, customerId: string): Statement {
  return statement(
    'delete_tags',
    `delete from amanat.index_tags t where t.tenant_id = $1::uuid and t.customer_id = $2::uuid`,
    [tenantId, customerId],
  );
}

/** Without a leaf: only for work that goes on to commit one (patch, orders, invoices, exports). Active customers only. */
export function selectCustomers(tenantId: string, ids: readonly string[]): Statement<CustomerRow> {
  return statement(
    'select_customers',
    `select c.id, c.kind, c.status, c.version, c.source, c.key_version as "keyVersion", c.data_key as "dataKey",
            c.sealed, c.created_at as "createdAt", c.updated_at as "updatedAt"
       from amanat.customers c
      where c.tenant_id = $1::uuid and c.id = any ($2::uuid[]) and c.status = 'active'`,
    [tenantId, ids],
  );
}

/** Guarded: aborts with precondition_failed unless version and status are as they were read, and it is not frozen since. */
export function updateCustomer(
  tenantId: string,
  customer: Pick<CustomerRow, 'id' | 'status' | 'version' | 'source' | 'sealed' | 'updatedAt'>,
): Statement {
  return statement(
    'update_customer',
    `with updated as (
       update amanat.customers
          set version = $3::integer, sealed = $4::bytea, updated_at = $5::timestamptz, source = $6::text
        where tenant_id = $1::uuid and id = $2::uuid and version = $3::integer - 1 and status = $7::text
          and not edits_frozen
        returning 1
     )
     select amanat.require(count(*) = 1, 'precondition_failed') from updated`,
    [tenantId, customer.id, customer.version, customer.sealed, customer.updatedAt, customer.source, customer.status],
  );
}

export interface ListedCustomer {
  readonly id: string;
  readonly kind: string;
  readonly status: string;
  readonly version: number;
  readonly createdAt: Date;
}

/** Newest first; erased customers are nowhere. */
export function listCustomers(
  tenantId: string,
  beforeId: string | undefined,
  limit: number,
): Statement<ListedCustomer> {
  return statement(
    'list_customers',
    `select c.id, c.kind, c.status, c.version, c.created_at as "createdAt"
       from amanat.customers c
      where c.tenant_id = $1::uuid and c.status in ('active', 'deactivated') and ($2::uuid is null or c.id < $2::uuid)
      order by c.id desc
      limit $3::integer`,
    [tenantId, beforeId ?? null, limit],
  );
}

export interface TagQuery {
  readonly tenantId: string;
  readonly field: string;
  /** Of one value, under each live version of the index key. */
  readonly tags: readonly Buffer[];
}

export interface Match {
  /** Which query of the batch, counted from 1. */
  readonly n: number;
  readonly id: string;
  readonly kind: string;
  readonly status: string;
}

/** Who holds each value; at most 100 a tag. */
export function findByTags(queries: readonly TagQuery[]): Statement<Match> {
  const asked = queries.flatMap(({ tenantId, field, tags }, i) =>
    tags.map((tag) => ({ tenantId, field, tag, n: i + 1 })),
  );
  return statement(
    'find_by_tags',
    `select distinct q.n, m.id, m.kind, m.status
       from unnest($1::uuid[], $2::text[], $3::bytea[], $4::integer[]) as q (tenant_id, field, tag, n)
      cross join lateral (
        select t.customer_id
          from amanat.index_tags t
         where t.tenant_id = q.tenant_id and t.field = q.field and t.tag = q.tag
         limit 100
      ) t
      cross join lateral (
        select c.id, c.kind, c.status
          from amanat.customers c
         where c.tenant_id = q.tenant_id and c.id = t.customer_id and c.status in ('active', 'deactivated')
         limit 1
      ) m
      order by q.n, m.id`,
    [asked.map((q) => q.tenantId), asked.map((q) => q.field), asked.map((q) => q.tag), asked.map((q) => q.n)],
  );
}

/** Which of these exclusive tags are held, and by whom. */
export function findExclusiveTags(
  tenantId: string,
  tags: readonly { field: string; tag: Buffer }[],
): Statement<{
  field: string;
  tag: Buffer;
  customerId: string;
}> {
  return statement(
    'find_exclusive_tags',
    `select t.field, t.tag, t.customer_id as "customerId"
       from unnest($2::text[], $3::bytea[]) as q (field, tag)
       join amanat.index_tags t on t.tenant_id = $1::uuid and t.field = q.field and t.tag = q.tag and t.exclusive`,
    [tenantId, tags.map((t) => t.field), tags.map((t) => t.tag)],
  );
}

export interface StandingCustomerRow extends CustomerRow {
  /** A report of misuse stands: nothing is shown or sent. */
  readonly frozen: boolean;
  /** Purposes that the person has closed. */
  readonly objected: readonly string[];
}

/** Whoever is there, deactivated or not; who is leaving is gone. Without a leaf: only for work that goes on to commit one. */
export function selectStandingCustomer(tenantId: string, customerId: string): Statement<StandingCustomerRow> {
  return statement(
    'select_standing_customer',
    `select c.id, c.kind, c.status, c.version, c.source, c.key_version as "keyVersion", c.data_key as "dataKey",
            c.sealed, c.created_at as "createdAt", c.updated_at as "updatedAt", c.reveals_frozen as frozen,
            c.objected
       from amanat.customers c
      where c.tenant_id = $1::uuid and c.id = $2::uuid and c.status in ('active', 'deactivated')`,
    [tenantId, customerId],
  );
}
