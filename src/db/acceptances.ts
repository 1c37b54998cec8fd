import { statement, type Statement } from './statement.ts';

/** A person has accepted a version of the policy. */
export interface AcceptanceRow {
  readonly tenantId: string;
  readonly id: string;
  readonly customerId: string;
  readonly number: number;
  readonly method: string;
  readonly attestationSha256: Buffer | null;
  readonly acceptedAt: Date;
  readonly recordedBy: string;
  readonly recordedRole: string;
  readonly mac: Buffer;
}

/** Guarded: not_found unless the customer is active; its row is held until the commit. */
export function insertAcceptance(row: AcceptanceRow): Statement {
  return statement(
    'insert_acceptance',
    `with active as (
       select c.id
         from amanat.customers c
        where c.tenant_id = $1::uuid and c.id = $3::uuid and c.status = 'active'
          for share
     ),
     inserted as (
       insert into amanat.acceptances
         (tenant_id, id, customer_id, number, method, attestation_sha256, accepted_at, recorded_by, recorded_role, mac)
       select $1::uuid, $2::uuid, a.id, $4::integer, $5::text, $6::bytea, $7::timestamptz, $8::uuid, $9::text, $10::bytea
         from active a
       returning 1
     )
     select amanat.require(count(*) = 1, 'not_found') from inserted`,
    [
      row.tenantId,
      row.id,
      row.customerId,
      row.number,
      row.method,
      row.attestationSha256,
      row.acceptedAt,
      row.recordedBy,
      row.recordedRole,
      row.mac,
    ],
  );
}

/** Newest first. */
export function listAcceptances(
  tenantId: string,
  customerId: string,
  beforeId: string | undefined,
  limit: number,
): Statement<AcceptanceRow> {
  return statement(
    'list_acceptances',
    `select a.tenant_id as "tenantId", a.id, a.customer_id as "customerId", a.number, a.method,
            a.attestation_sha256 as "attestationSha256", a.accepted_at as "acceptedAt", a.recorded_by as "recordedBy",
            a.recorded_role as "recordedRole", a.mac
       from amanat.acceptances a
      where a.tenant_id = $1::uuid and a.customer_id = $2::uuid and ($3::uuid is null or a.id < $3::uuid)
      order by a.id desc
      limit $4::integer`,
    [tenantId, customerId, beforeId ?? null, limit],
  );
}
