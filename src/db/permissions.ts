import { statement, type Statement } from './statement.ts';

/** A permission for one disclosure, under `mac`. */
export interface PermissionFacts {
  readonly id: string;
  readonly customerId: string;
  readonly fields: readonly string[];
  readonly textVersion: string;
  readonly givenAt: Date;
  readonly recordedBy: string;
  readonly recordedRole: string;
  readonly recordedActor: string | null;
  readonly withdrawnAt: Date | null;
  readonly mac: Buffer;
}

export interface PermissionRow extends PermissionFacts {
  /** Sealed: recipient and purpose; null once the person was erased. */
  readonly said: Buffer | null;
  /** The one disclosure that rested on it. */
  readonly exportId: string | null;
}

export function insertPermission(tenantId: string, row: PermissionRow): Statement {
  return statement(
    'insert_permission',
    `insert into amanat.permissions
       (tenant_id, id, customer_id, fields, text_version, said, given_at, recorded_by, recorded_role, recorded_actor, mac)
     values ($1::uuid, $2::uuid, $3::uuid, $4::text[], $5::text, $6::bytea, $7::timestamptz, $8::uuid, $9::text, $10::text,
             $11::bytea)`,
    [
      tenantId,
      row.id,
      row.customerId,
      row.fields,
      row.textVersion,
      row.said,
      row.givenAt,
      row.recordedBy,
      row.recordedRole,
      row.recordedActor,
      row.mac,
    ],
  );
}

const columns = `p.id, p.customer_id as "customerId", p.fields, p.text_version as "textVersion", p.said,
            p.given_at as "givenAt", p.recorded_by as "recordedBy", p.recorded_role as "recordedRole",
            p.recorded_actor as "recordedActor", p.withdrawn_at as "withdrawnAt", p.export_id as "exportId", p.mac`;

export function selectPermission(tenantId: string, id: string): Statement<PermissionRow> {
  return statement(
    'select_permission',
    `select ${columns}
       from amanat.permissions p
      where p.tenant_id = $1::uuid and p.id = $2::uuid`,
    [tenantId, id],
  );
}

/** A customer's, newest first. */
export function listPermissions(
  tenantId: string,
  customerId: string,
  beforeId: string | undefined,
  limit: number,
): Statement<PermissionRow> {
  return statement(
    'list_permissions',
    `select ${columns}
       from amanat.permissions p
      where p.tenant_id = $1::uuid and p.customer_id = $2::uuid and ($3::uuid is null or p.id < $3::uuid)
      order by p.id desc
      limit $4::integer`,
    [tenantId, customerId, beforeId ?? null, limit],
  );
}

/** Guarded: conflict when it was withdrawn or used before. */
export function withdrawPermission(
  tenantId: string,
  { id, withdrawnAt, mac }: Pick<PermissionRow, 'id' | 'withdrawnAt' | 'mac'>,
): Statement {
  return statement(
    'withdraw_permission',
    `with withdrawn as (
       update amanat.permissions
          set withdrawn_at = $3::timestamptz, mac = $4::bytea
        where tenant_id = $1::uuid and id = $2::uuid and withdrawn_at is null and export_id is null
       returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from withdrawn`,
    [tenantId, id, withdrawnAt, mac],
  );
}

/** For one disclosure and no other. Guarded: consent_required when it was withdrawn or used meanwhile. */
export function usePermission(tenantId: string, id: string, exportId: string): Statement {
  return statement(
    'use_permission',
    `with used as (
       update amanat.permissions
          set export_id = $3::uuid
        where tenant_id = $1::uuid and id = $2::uuid and withdrawn_at is null and export_id is null
       returning 1
     )
     select amanat.require(count(*) = 1, 'consent_required') from used`,
    [tenantId, id, exportId],
  );
}

/** Of somebody who is erased. */
export function emptyPermissionsOf(tenantId: string, customerId: string): Statement {
  return statement(
    'empty_permissions_of',
    `update amanat.permissions
        set said = null
      where tenant_id = $1::uuid and customer_id = $2::uuid and said is not null`,
    [tenantId, customerId],
  );
}
