import type { CustomerName } from './customers.ts';
import { statement, type Statement } from './statement.ts';

/** What a report of misuse can stop. */
export type FrozenPart = 'edits' | 'reveals';

/**
 * By a report of misuse, or by an incident. Guarded: conflict unless the customer is there. Every read and edit takes this row, so
 * it holds from this commit on.
 */
export function freezeCustomer(
  tenantId: string,
  id: string,
  parts: readonly FrozenPart[],
  incidentId: string | null = null,
): Statement {
  return statement(
    'freeze_customer',
    `with frozen as (
       update amanat.customers
          set edits_frozen = edits_frozen or 'edits' = any ($3::text[]),
              reveals_frozen = reveals_frozen or 'reveals' = any ($3::text[]),
              contained_by = case when $4::uuid is null then contained_by
                                  else array_append(array_remove(contained_by, $4::uuid), $4::uuid) end
        where tenant_id = $1::uuid and id = $2::uuid and status in ('active', 'deactivated')
        returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from frozen`,
    [tenantId, id, parts, incidentId],
  );
}

/** For the end of a report of misuse, after it: the account goes again unless an incident still holds it. */
export function thawReported(tenantId: string, id: string): Statement {
  return statement(
    'thaw_reported',
    `update amanat.customers
        set edits_frozen = edits_frozen and contained_by <> '{}', reveals_frozen = reveals_frozen and contained_by <> '{}'
      where tenant_id = $1::uuid and id = $2::uuid`,
    [tenantId, id],
  );
}

/**
 * An incident holds the account no longer: it goes again unless another does, or a report of misuse is open. To follow
 * `takeCustomer`: of this and the end of that report, the second sees the first.
 */
export function thawContained(tenantId: string, id: string, incidentId: string): Statement {
  return statement(
    'thaw_contained',
    `with still as (
       select array_remove(c.contained_by, $3::uuid) as incidents,
              array_remove(c.contained_by, $3::uuid) <> '{}' or exists (
                select 1 from amanat.cases m
                 where m.tenant_id = $1::uuid and m.customer_id = $2::uuid and m.kind = 'misuse' and m.state <> 'closed'
              ) as held
         from amanat.customers c
        where c.tenant_id = $1::uuid and c.id = $2::uuid
     )
     update amanat.customers
        set contained_by = s.incidents, edits_frozen = edits_frozen and s.held, reveals_frozen = reveals_frozen and s.held
       from still s
      where tenant_id = $1::uuid and id = $2::uuid`,
    [tenantId, id, incidentId],
  );
}

/** Holds a customer's row until the commit, so that what follows sees whatever others did to it before. */
export function takeCustomer(tenantId: string, id: string): Statement {
  return statement(
    'take_customer',
    `select c.id from amanat.customers c where c.tenant_id = $1::uuid and c.id = $2::uuid for no key update`,
    [tenantId, id],
  );
}

/** Guard of an act that changes the data of customers, or opens something new on them: `customer_frozen`. */
export function requireEdits(customers: readonly CustomerName[]): Statement {
  return statement(
    'require_edits',
    `select amanat.require(not exists (
       select 1
         from unnest($1::uuid[], $2::uuid[]) as a (tenant_id, id)
        cross join lateral (
          select c.edits_frozen from amanat.customers c where c.tenant_id = a.tenant_id and c.id = a.id limit 1
        ) c
        where c.edits_frozen), 'customer_frozen')`,
    [customers.map((c) => c.tenantId), customers.map((c) => c.id)],
  );
}

/** Guard of an act that shows, sends or lets somebody read the customer's data: `customer_frozen`. */
export function requireReveals(tenantId: string, customerId: string): Statement {
  return statement(
    'require_reveals',
    `select amanat.require(not exists (
       select 1 from amanat.customers c
        where c.tenant_id = $1::uuid and c.id = $2::uuid and c.reveals_frozen), 'customer_frozen')`,
    [tenantId, customerId],
  );
}

/** Of these, whom this incident holds. */
export function selectContained(
  tenantId: string,
  ids: readonly string[],
  incidentId: string,
): Statement<{ readonly id: string }> {
  return statement(
    'select_contained_customers',
    `select c.id
       from amanat.customers c
      where c.tenant_id = $1::uuid and c.id = any ($2::uuid[]) and c.contained_by @> array[$3::uuid]`,
    [tenantId, ids, incidentId],
  );
}
