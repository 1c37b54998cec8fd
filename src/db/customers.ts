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

/** Which customer. */
export interface CustomerName {
  readonly tenantId: string;
  readonly id: string;
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

/** Active customers only, by their places in what is asked. Without a leaf: for work that goes on to commit one. */
export function selectCustomers(asked: readonly CustomerName[]): Statement<CustomerRow & { readonly n: number }> {
  return statement(
    'select_customers',
    `select a.n::integer as n, c.id, c.kind, c.status, c.version, c.source, c.key_version as "keyVersion",
            c.data_key as "dataKey", c.sealed, c.created_at as "createdAt", c.updated_at as "updatedAt"
       from unnest($1::uuid[], $2::uuid[]) with ordinality as a (tenant_id, id, n)
      cross join lateral (
        select * from amanat.customers c
         where c.tenant_id = a.tenant_id and c.id = a.id and c.status = 'active'
         limit 1
      ) c`,
    [asked.map((a) => a.tenantId), asked.map((a) => a.id)],
  );
}

/** The same of one. */
export function selectCustomer(tenantId: string, id: string): Statement<CustomerRow> {
  return selectCustomers([{ tenantId, id }]);
}

/**
 * Holds these rows until the commit, where all of them can be had without waiting; else aborts with `conflict`. For edits that
 * have nothing to do with each other: none is to wait for the row of another, and none to lock in another's way.
 */
export function takeCustomersAtOnce(customers: readonly CustomerName[]): Statement {
  return statement(
    'take_customers_at_once',
    `with taken as (
       select 1
         from unnest($1::uuid[], $2::uuid[]) as a (tenant_id, id)
        cross join lateral (
          select 1 from amanat.customers c
           where c.tenant_id = a.tenant_id and c.id = a.id
             for no key update skip locked
        ) c
     )
     select amanat.require(count(*) = $3::integer, 'conflict') from taken`,
    [customers.map((c) => c.tenantId), customers.map((c) => c.id), customers.length],
  );
}

export interface CustomerUpdate
  extends CustomerName, Pick<CustomerRow, 'status' | 'version' | 'source' | 'sealed' | 'updatedAt'> {}

/** Guarded: aborts with precondition_failed unless version and status are as they were read, and none is frozen since. */
export function updateCustomers(updates: readonly CustomerUpdate[]): Statement {
  return statement(
    'update_customers',
    `with updated as (
       update amanat.customers c
          set version = u.version, sealed = u.sealed, updated_at = u.updated_at, source = u.source
         from unnest($1::uuid[], $2::uuid[], $3::integer[], $4::bytea[], $5::timestamptz[], $6::text[], $7::text[])
              as u (tenant_id, id, version, sealed, updated_at, source, status)
        where c.tenant_id = u.tenant_id and c.id = u.id and c.version = u.version - 1 and c.status = u.status
          and not c.edits_frozen
        returning 1
     )
     select amanat.require(count(*) = $8::integer, 'precondition_failed') from updated`,
    [
      updates.map((u) => u.tenantId),
      updates.map((u) => u.id),
      updates.map((u) => u.version),
      updates.map((u) => u.sealed),
      updates.map((u) => u.updatedAt),
      updates.map((u) => u.source),
      updates.map((u) => u.status),
      updates.length,
    ],
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
