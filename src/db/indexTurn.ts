/** The blind index under two versions of its key: what is missing under the next one, and what is left of the one before. */
import type { CustomerRow } from './customers.ts';
import { statement, type Statement } from './statement.ts';

/** A customer; with its record where tags under the next version are missing. */
export type TaggedCustomer = { readonly id: string } & (
  ({ readonly lacks: true } & Omit<CustomerRow, 'status'> & { readonly status: string }) | { readonly lacks: false }
);

/** A page of all customers that have something, by id. */
export function selectTagged(
  tenantId: string,
  versions: { readonly from: number; readonly to: number },
  afterId: string | undefined,
  limit: number,
): Statement<TaggedCustomer> {
  return statement(
    'select_tagged',
    `select c.id, t.lacks, c.kind, c.status, c.version, c.source, c.key_version as "keyVersion",
            case when t.lacks then c.data_key end as "dataKey", case when t.lacks then c.sealed end as sealed,
            c.created_at as "createdAt", c.updated_at as "updatedAt"
       from amanat.customers c
      cross join lateral (
        select count(*) filter (where i.key_version = $2::integer)
                 <> count(*) filter (where i.key_version = $3::integer) as lacks
          from amanat.index_tags i
         where i.tenant_id = $1::uuid and i.customer_id = c.id
      ) t
      where c.tenant_id = $1::uuid and c.id > $5::uuid and c.data_key is not null
      order by c.id
      limit $4::integer`,
    [tenantId, versions.from, versions.to, limit, afterId ?? '00000000-0000-0000-0000-000000000000'],
  );
}

export interface NextTag {
  readonly customerId: string;
  /** Of the customer's record that the tags were computed from. */
  readonly recordVersion: number;
  readonly status: string;
  readonly field: string;
  readonly tag: Buffer;
  readonly next: Buffer;
}

/**
 * Adds, beside each tag that stands, the next version's, exclusive where that one is. Whoever edits the customer meanwhile comes
 * before or after: a record that is not as it was read gets nothing, because its edit wrote both.
 */
export function insertNextTags(tenantId: string, keyVersion: number, tags: readonly NextTag[]): Statement {
  return statement(
    'insert_next_tags',
    `with asked as (
       select *
         from unnest($3::uuid[], $4::integer[], $5::text[], $6::text[], $7::bytea[], $8::bytea[])
              as a (customer_id, record_version, status, field, tag, next)
     ), held as (
       select c.id
         from amanat.customers c
        where c.tenant_id = $1::uuid
          and (c.id, c.version, c.status) in (select a.customer_id, a.record_version, a.status from asked a)
          for share of c
     )
     insert into amanat.index_tags (tenant_id, field, tag, customer_id, key_version, exclusive)
     select t.tenant_id, t.field, a.next, t.customer_id, $2::integer, t.exclusive
       from asked a
       join held h on h.id = a.customer_id
       join amanat.index_tags t
         on t.tenant_id = $1::uuid and t.field = a.field and t.tag = a.tag and t.customer_id = a.customer_id
         on conflict (tenant_id, field, tag, customer_id) do nothing`,
    [
      tenantId,
      keyVersion,
      tags.map((t) => t.customerId),
      tags.map((t) => t.recordVersion),
      tags.map((t) => t.status),
      tags.map((t) => t.field),
      tags.map((t) => t.tag),
      tags.map((t) => t.next),
    ],
  );
}

export interface StandingTag {
  readonly field: string;
  readonly tag: Buffer;
  readonly customerId: string;
  readonly keyVersion: number;
}
export type TagPlace = Omit<StandingTag, 'keyVersion'>;

/** A page of all tags, in the order of their key. */
export function selectTags(tenantId: string, after: TagPlace | undefined, limit: number): Statement<StandingTag> {
  return statement(
    'select_tags',
    `select t.field, t.tag, t.customer_id as "customerId", t.key_version as "keyVersion"
       from amanat.index_tags t
      where t.tenant_id = $1::uuid and (t.field, t.tag, t.customer_id) > ($3::text, $4::bytea, $5::uuid)
      order by t.field, t.tag, t.customer_id
      limit $2::integer`,
    [
      tenantId,
      limit,
      after?.field ?? '',
      after?.tag ?? Buffer.alloc(0),
      after?.customerId ?? '00000000-0000-0000-0000-000000000000',
    ],
  );
}

export function deleteTagsAt(tenantId: string, keyVersion: number, places: readonly TagPlace[]): Statement {
  return statement(
    'delete_tags_at',
    `delete from amanat.index_tags t
      using unnest($3::text[], $4::bytea[], $5::uuid[]) as p (field, tag, customer_id)
      where t.tenant_id = $1::uuid and t.field = p.field and t.tag = p.tag and t.customer_id = p.customer_id
        and t.key_version = $2::integer`,
    [tenantId, keyVersion, places.map((p) => p.field), places.map((p) => p.tag), places.map((p) => p.customerId)],
  );
}
