import { statement, type Statement } from './statement.ts';

/** Somebody undertook to keep what they see to themselves: a recipient, or a member of staff. */
export interface UndertakingFacts {
  readonly id: string;
  readonly recipientId: string | null;
  readonly actor: string | null;
  /** Gregorian day. */
  readonly signedOn: string;
  readonly documentSha256: Buffer;
  readonly recordedAt: Date;
  readonly recordedBy: string;
  readonly recordedActor: string;
  readonly revokedAt: Date | null;
  readonly revokedBy: string | null;
  readonly revokedActor: string | null;
  readonly mac: Buffer;
}

/** With where the document is and who signed it, sealed under a key of its own. */
export interface UndertakingRow extends UndertakingFacts {
  readonly keyVersion: number;
  readonly dataKey: Buffer;
  readonly sealed: Buffer;
}

/** Of `amanat.undertakings u`. */
const columns = `u.id, u.recipient_id as "recipientId", u.actor, u.signed_on as "signedOn",
            u.document_sha256 as "documentSha256", u.recorded_at as "recordedAt", u.recorded_by as "recordedBy",
            u.recorded_actor as "recordedActor", u.revoked_at as "revokedAt", u.revoked_by as "revokedBy",
            u.revoked_actor as "revokedActor", u.key_version as "keyVersion", u.data_key as "dataKey", u.sealed, u.mac`;

/** Fails with undertakings_one_of_staff where the member of staff has one that stands. */
export function insertUndertaking(tenantId: string, row: UndertakingRow): Statement {
  return statement(
    'insert_undertaking',
    `insert into amanat.undertakings
       (tenant_id, id, recipient_id, actor, signed_on, document_sha256, recorded_at, recorded_by, recorded_actor,
        key_version, data_key, sealed, mac)
     values ($1::uuid, $2::uuid, $3::uuid, $4::text, $5::text, $6::bytea, $7::timestamptz, $8::uuid, $9::text,
             $10::integer, $11::bytea, $12::bytea, $13::bytea)`,
    [
      tenantId,
      row.id,
      row.recipientId,
      row.actor,
      row.signedOn,
      row.documentSha256,
      row.recordedAt,
      row.recordedBy,
      row.recordedActor,
      row.keyVersion,
      row.dataKey,
      row.sealed,
      row.mac,
    ],
  );
}

/** Guarded: conflict unless it still stands as it was read. */
export function revokeUndertaking(tenantId: string, row: UndertakingFacts, was: Buffer): Statement {
  return statement(
    'revoke_undertaking',
    `with changed as (
       update amanat.undertakings
          set revoked_at = $4::timestamptz, revoked_by = $5::uuid, revoked_actor = $6::text, mac = $7::bytea
        where tenant_id = $1::uuid and id = $2::uuid and mac = $3::bytea
        returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from changed`,
    [tenantId, row.id, was, row.revokedAt, row.revokedBy, row.revokedActor, row.mac],
  );
}

export function selectUndertakings(tenantId: string, ids: readonly string[]): Statement<UndertakingRow> {
  return statement(
    'select_undertakings',
    `select ${columns}
       from amanat.undertakings u
      where u.tenant_id = $1::uuid and u.id = any ($2::uuid[])`,
    [tenantId, ids],
  );
}

/** Of members of staff, newest first. */
export function listStaffUndertakings(
  tenantId: string,
  beforeId: string | undefined,
  limit: number,
): Statement<UndertakingRow> {
  return statement(
    'list_staff_undertakings',
    `select ${columns}
       from amanat.undertakings u
      where u.tenant_id = $1::uuid and u.actor is not null and ($2::uuid is null or u.id < $2::uuid)
      order by u.id desc
      limit $3::integer`,
    [tenantId, beforeId ?? null, limit],
  );
}
