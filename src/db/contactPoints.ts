/** How far a contact point may be relied on. */
import { statement, type Statement } from './statement.ts';

export const assuranceLevels = ['deemed_confirmed', 'verified'] as const;
export type AssuranceLevel = (typeof assuranceLevels)[number];

export interface AssuranceFacts {
  readonly customerId: string;
  /** Id of the phone or the address, or `email`. */
  readonly point: string;
  readonly level: AssuranceLevel;
  readonly valueHash: Buffer;
  readonly setAt: Date;
  readonly setBy: string;
  readonly setRole: string;
  readonly actor: string | null;
  readonly mac: Buffer;
}

export interface AssuranceRow extends AssuranceFacts {
  readonly callReference: Buffer | null;
}

export function selectAssurances(tenantId: string, customerId: string): Statement<AssuranceRow> {
  return statement(
    'select_assurances',
    `select a.customer_id as "customerId", a.point, a.level, a.value_hash as "valueHash", a.set_at as "setAt",
            a.set_by as "setBy", a.set_role as "setRole", a.actor, a.call_reference as "callReference", a.mac
       from amanat.contact_assurances a
      where a.tenant_id = $1::uuid and a.customer_id = $2::uuid`,
    [tenantId, customerId],
  );
}

/**
 * Guarded: conflict unless the customer is active and not frozen. Holds the customer's row, so that an erasure either sees this or comes
 * before it. What was verified is not made less for the same value.
 */
export function putAssurance(tenantId: string, row: AssuranceRow): Statement {
  return statement(
    'put_assurance',
    `with there as (
       select c.id
         from amanat.customers c
        where c.tenant_id = $1::uuid and c.id = $2::uuid and c.status = 'active' and not c.edits_frozen
          for share
     ),
     put as (
       insert into amanat.contact_assurances as a
         (tenant_id, customer_id, point, level, value_hash, set_at, set_by, set_role, actor, call_reference, mac)
       select $1::uuid, t.id, $3::text, $4::text, $5::bytea, $6::timestamptz, $7::uuid, $8::text, $9::text, $10::bytea,
              $11::bytea
         from there t
       on conflict (tenant_id, customer_id, point) do update
         set level = excluded.level, value_hash = excluded.value_hash, set_at = excluded.set_at, set_by = excluded.set_by,
             set_role = excluded.set_role, actor = excluded.actor, call_reference = excluded.call_reference,
             mac = excluded.mac
         where a.level <> 'verified' or excluded.level = 'verified' or a.value_hash <> excluded.value_hash
     )
     select amanat.require(count(*) = 1, 'conflict') from there`,
    [
      tenantId,
      row.customerId,
      row.point,
      row.level,
      row.valueHash,
      row.setAt,
      row.setBy,
      row.setRole,
      row.actor,
      row.callReference,
      row.mac,
    ],
  );
}

/** With the customer's key nothing of it means anything any more. */
export function deleteContactPointsOf(tenantId: string, customerId: string): Statement[] {
  return (['contact_assurances', 'contact_verifications'] as const).map((table) =>
    statement(
      `delete_${table}_of_customer`,
      `delete from amanat.${table} where tenant_id = $1::uuid and customer_id = $2::uuid`,
      [tenantId, customerId],
    ),
  );
}
