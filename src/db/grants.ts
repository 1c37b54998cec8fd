import { grantColumns, type GrantFacts } from './grantFacts.ts';
import { statement, type Statement } from './statement.ts';

export interface GrantRow extends GrantFacts {
  /** Sealed under the customer's data key. */
  readonly externalRef: Buffer | null;
  readonly reads: number;
  readonly closedAt: Date | null;
  readonly closedReason: string | null;
}

export type NewGrantRow = Omit<GrantRow, 'reads' | 'closedAt' | 'closedReason'> & {
  readonly tenantId: string;
  /** Sealed under the customer's data key (refundAccounts.ts). */
  readonly account?: Buffer | null;
};

/**
 * Guarded: conflict unless the customer is active, consent_required where the person has closed the purpose; its row is held
 * until the commit, see insertOrder.
 */
export function insertGrant(grant: NewGrantRow): Statement {
  return statement(
    'insert_grant',
    `with active as (
       select c.id, $4::text = any (c.objected) as objected
         from amanat.customers c
        where c.tenant_id = $1::uuid and c.id = $5::uuid and c.status = 'active'
          for share
     ),
     inserted as (
       insert into amanat.grants
         (tenant_id, id, kind, purpose, customer_id, order_id, grantee_role, grantee_client_id, grantee_department,
          actor, fields, external_ref, policy_version, opened_by, opened_at, opens_at, closes_at, max_reads, legal_order_id,
          mac, account)
       select $1::uuid, $2::uuid, $3::text, $4::text, a.id, $6::uuid, $7::text, $8::uuid, $9::text, $10::text,
              $11::text[], $12::bytea, $13::integer, $14::uuid, $15::timestamptz, $16::timestamptz, $17::timestamptz,
              $18::integer, $19::uuid, $20::bytea, $21::bytea
         from active a
        where not a.objected
       returning 1
     )
     select amanat.require(not exists (select 1 from active a where a.objected), 'consent_required'),
            amanat.require((select count(*) from inserted) = 1, 'conflict')`,
    [
      grant.tenantId,
      grant.id,
      grant.kind,
      grant.purpose,
      grant.customerId,
      grant.orderId,
      grant.granteeRole,
      grant.granteeClientId,
      grant.granteeDepartment,
      grant.actor,
      grant.fields,
      grant.externalRef,
      grant.policyVersion,
      grant.openedBy,
      grant.openedAt,
      grant.opensAt,
      grant.closesAt,
      grant.maxReads,
      grant.legalOrderId,
      grant.mac,
      grant.account ?? null,
    ],
  );
}

/** Whose grants a reader may know of. `everyone` is the shop that opens them and the officer who oversees them. */
export type GrantAudience =
  | { readonly everyone: true }
  | {
      readonly everyone: false;
      readonly clientId: string;
      readonly role: string;
      readonly department: string | undefined;
      readonly actor: string | undefined;
    };

// The execution of a legal order is nobody's work here and may be secret.
const visible = `
      where g.tenant_id = $1::uuid and g.kind <> 'legal_order'
        and ($2::boolean
             or ((g.grantee_client_id = $3::uuid
                  or (g.grantee_role = $4::text
                      and (g.grantee_department is null or g.grantee_department = $5::text)))
                 and (g.actor is null or g.actor = $6::text)))`;

const columns = `${grantColumns}, g.external_ref as "externalRef", g.reads, g.closed_at as "closedAt",
            g.closed_reason as "closedReason"`;

/** What `external_ref` opens with; null once the customer is erased. */
export interface GrantKeyRow {
  readonly customerKeyVersion: number;
  readonly customerDataKey: Buffer | null;
}

/** Without a leaf: only for work that goes on to commit one. */
export function selectGrant(tenantId: string, audience: GrantAudience, id: string): Statement<GrantRow & GrantKeyRow> {
  return statement(
    'select_grant',
    `select ${columns}, c.key_version as "customerKeyVersion", c.data_key as "customerDataKey"
       from amanat.grants g
       join amanat.customers c
         on c.tenant_id = g.tenant_id and c.id = g.customer_id and c.status in ('active', 'deactivated')${visible}
        and g.id = $7::uuid`,
    [tenantId, ...audienceValues(audience), id],
  );
}

/** Newest first; of one customer, or of all. */
export function listGrants(
  tenantId: string,
  audience: GrantAudience,
  customerId: string | undefined,
  beforeId: string | undefined,
  limit: number,
): Statement<GrantRow> {
  return statement(
    'list_grants',
    `select ${columns}
       from amanat.grants g
       join amanat.customers c
         on c.tenant_id = g.tenant_id and c.id = g.customer_id and c.status in ('active', 'deactivated')${visible}
        and ($7::uuid is null or g.customer_id = $7::uuid)
        and ($8::uuid is null or g.id < $8::uuid)
      order by g.id desc
      limit $9::integer`,
    [tenantId, ...audienceValues(audience), customerId ?? null, beforeId ?? null, limit],
  );
}

function audienceValues(audience: GrantAudience): readonly unknown[] {
  if (audience.everyone) return [true, null, null, null, null];
  const { clientId, role, department, actor } = audience;
  return [false, clientId, role, department ?? null, actor ?? null];
}

/** Guarded: conflict when it is closed already. */
export function closeGrant(tenantId: string, id: string, reason: 'closed' | 'settled', now: Date): Statement {
  return statement(
    'close_grant',
    `with updated as (
       update amanat.grants
          set closed_at = $3::timestamptz, closed_reason = $4::text
        where tenant_id = $1::uuid and id = $2::uuid and kind <> 'legal_order' and closed_at is null
        returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from updated`,
    [tenantId, id, now, reason],
  );
}

/** Closes what is open on an order, except what a legal order rests on. */
export function closeGrantsOfOrder(tenantId: string, orderId: string, reason: string, now: Date): Statement {
  return statement(
    'close_grants_of_order',
    `update amanat.grants
        set closed_at = $4::timestamptz, closed_reason = $3::text
      where tenant_id = $1::uuid and order_id = $2::uuid and kind <> 'legal_order' and closed_at is null`,
    [tenantId, orderId, reason, now],
  );
}

/** What the vault closes by itself, and why: for all to see. Guarded: conflict when one of them was closed meanwhile. */
export function closeGrants(
  tenantId: string,
  ids: readonly string[],
  reason: 'policy' | 'expired',
  now: Date,
): Statement {
  return statement(
    'close_grants',
    `with updated as (
       update amanat.grants
          set closed_at = $3::timestamptz, closed_reason = $4::text
        where tenant_id = $1::uuid and id = any ($2::uuid[]) and closed_at is null
        returning 1
     )
     select amanat.require(count(*) = cardinality($2::uuid[]), 'conflict') from updated`,
    [tenantId, ids, now, reason],
  );
}
