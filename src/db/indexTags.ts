import type { CustomerName } from './customers.ts';
import { statement, type Statement } from './statement.ts';

export interface TagRow {
  readonly tenantId: string;
  readonly customerId: string;
  readonly field: string;
  readonly tag: Buffer;
  readonly keyVersion: number;
  readonly exclusive: boolean;
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

/**
 * Tags of customers that stand already become these: whatever stands as it should is not touched, so that an edit pays for the
 * identifiers it changes. New ones come before old ones go: two edits of one commit that take each other's identifier are
 * refused as they would be one after the other. Fails with index_tags_exclusive as `insertTags` does.
 */
export function replaceTags(customers: readonly CustomerName[], tags: readonly TagRow[]): Statement[] {
  const wanted = [tags.map((t) => t.field), tags.map((t) => t.tag), tags.map((t) => t.customerId)];
  return [
    statement(
      'put_tags',
      `insert into amanat.index_tags (tenant_id, field, tag, customer_id, key_version, exclusive)
       select w.tenant_id, w.field, w.tag, w.customer_id, w.key_version, w.exclusive
         from unnest($1::text[], $2::bytea[], $3::uuid[], $4::uuid[], $5::integer[], $6::boolean[])
              as w (field, tag, customer_id, tenant_id, key_version, exclusive)
         left join lateral (
           select true as stands from amanat.index_tags t
            where t.tenant_id = w.tenant_id and t.field = w.field and t.tag = w.tag and t.customer_id = w.customer_id
              and t.key_version = w.key_version and t.exclusive = w.exclusive
            limit 1
         ) t on true
        where t.stands is null
       on conflict (tenant_id, field, tag, customer_id)
       do update set key_version = excluded.key_version, exclusive = excluded.exclusive`,
      [...wanted, tags.map((t) => t.tenantId), tags.map((t) => t.keyVersion), tags.map((t) => t.exclusive)],
    ),
    statement(
      'drop_other_tags',
      `delete from amanat.index_tags t
        using (
          select o.tenant_id, o.field, o.tag, o.customer_id
            from unnest($4::uuid[], $5::uuid[]) as c (tenant_id, customer_id)
           cross join lateral (
             select i.tenant_id, i.field, i.tag, i.customer_id from amanat.index_tags i
              where i.tenant_id = c.tenant_id and i.customer_id = c.customer_id
              limit 1000
           ) o
           where not exists (
             select 1 from unnest($1::text[], $2::bytea[], $3::uuid[]) as w (field, tag, customer_id)
              where w.field = o.field and w.tag = o.tag and w.customer_id = o.customer_id)
        ) o
        where t.tenant_id = o.tenant_id and t.field = o.field and t.tag = o.tag and t.customer_id = o.customer_id`,
      [...wanted, customers.map((c) => c.tenantId), customers.map((c) => c.id)],
    ),
  ];
}

/** Which of these exclusive tags are held, and by whom. A look-up for each, as in customerReads.ts. */
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
      cross join lateral (
        select i.field, i.tag, i.customer_id
          from amanat.index_tags i
         where i.tenant_id = $1::uuid and i.field = q.field and i.tag = q.tag and i.exclusive
         limit 1
      ) t`,
    [tenantId, tags.map((t) => t.field), tags.map((t) => t.tag)],
  );
}
