import { statement, type Statement } from './statement.ts';

/** What a report of misuse can stop. */
export type FrozenPart = 'edits' | 'reveals';

/** Guarded: conflict unless the customer is there. Every read and edit takes this row, so it holds from this commit on. */
export function freezeCustomer(tenantId: string, id: string, parts: readonly FrozenPart[]): Statement {
  return statement(
    'freeze_customer',
    `with frozen as (
       update amanat.customers
          set edits_frozen = 'edits' = any ($3::text[]), reveals_frozen = 'reveals' = any ($3::text[])
        where tenant_id = $1::uuid and id = $2::uuid and status in ('active', 'deactivated')
        returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from frozen`,
    [tenantId, id, parts],
  );
}

export function thawCustomer(tenantId: string, id: string): Statement {
  return statement(
    'thaw_customer',
    `update amanat.customers
        set edits_frozen = false, reveals_frozen = false
      where tenant_id = $1::uuid and id = $2::uuid`,
    [tenantId, id],
  );
}

/** Guard of an act that changes the customer's data, or opens something new on them: `customer_frozen`. */
export function requireEdits(tenantId: string, customerId: string): Statement {
  return statement(
    'require_edits',
    `select amanat.require(not exists (
       select 1 from amanat.customers c
        where c.tenant_id = $1::uuid and c.id = $2::uuid and c.edits_frozen), 'customer_frozen')`,
    [tenantId, customerId],
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

/** Of these, who is frozen in any way. */
export function selectFrozen(tenantId: string, ids: readonly string[]): Statement<{ readonly id: string }> {
  return statement(
    'select_frozen_customers',
    `select c.id
       from amanat.customers c
      where c.tenant_id = $1::uuid and c.id = any ($2::uuid[]) and (c.edits_frozen or c.reveals_frozen)`,
    [tenantId, ids],
  );
}
