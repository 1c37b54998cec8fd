import { statement, type Statement } from './statement.ts';

export const recipientKinds = ['courier', 'payment_processor', 'trusted_body'] as const;
export type RecipientKind = (typeof recipientKinds)[number];

export interface RecipientFacts {
  readonly id: string;
  readonly kind: RecipientKind;
  readonly purpose: string;
  readonly fields: readonly string[];
  readonly expiresAt: Date;
  readonly createdAt: Date;
  readonly createdBy: string;
  readonly createdActor: string;
  /** The undertaking that stands; null before one is recorded. */
  readonly undertakingId: string | null;
  readonly clientIds: readonly string[];
  readonly revokedAt: Date | null;
  readonly revokedBy: string | null;
  readonly revokedActor: string | null;
  readonly mac: Buffer;
}

/** With its name and contract, sealed under a key of its own. */
export interface RecipientRow extends RecipientFacts {
  readonly keyVersion: number;
  readonly dataKey: Buffer;
  readonly sealed: Buffer;
}

/** Of `amanat.recipients r`. */
const columns = `r.id, r.kind, r.purpose, r.fields, r.expires_at as "expiresAt", r.created_at as "createdAt",
            r.created_by as "createdBy", r.created_actor as "createdActor", r.undertaking_id as "undertakingId",
            r.client_ids as "clientIds", r.revoked_at as "revokedAt", r.revoked_by as "revokedBy",
            r.revoked_actor as "revokedActor", r.key_version as "keyVersion", r.data_key as "dataKey", r.sealed, r.mac`;

export function insertRecipient(tenantId: string, row: RecipientRow): Statement {
  return statement(
    'insert_recipient',
    `insert into amanat.recipients
       (tenant_id, id, kind, purpose, fields, expires_at, created_at, created_by, created_actor, client_ids, key_version,
        data_key, sealed, mac)
     values ($1::uuid, $2::uuid, $3::text, $4::text, $5::text[], $6::timestamptz, $7::timestamptz, $8::uuid, $9::text,
             '{}'::uuid[], $10::integer, $11::bytea, $12::bytea, $13::bytea)`,
    [
      tenantId,
      row.id,
      row.kind,
      row.purpose,
      row.fields,
      row.expiresAt,
      row.createdAt,
      row.createdBy,
      row.createdActor,
      row.keyVersion,
      row.dataKey,
      row.sealed,
      row.mac,
    ],
  );
}

/** Guarded: conflict unless it still stands as it was read. */
export function changeRecipient(tenantId: string, row: RecipientFacts, was: Buffer): Statement {
  return statement(
    'change_recipient',
    `with changed as (
       update amanat.recipients
          set undertaking_id = $4::uuid, client_ids = $5::uuid[], revoked_at = $6::timestamptz, revoked_by = $7::uuid,
              revoked_actor = $8::text, mac = $9::bytea
        where tenant_id = $1::uuid and id = $2::uuid and mac = $3::bytea
        returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from changed`,
    [tenantId, row.id, was, row.undertakingId, row.clientIds, row.revokedAt, row.revokedBy, row.revokedActor, row.mac],
  );
}

export function selectRecipient(tenantId: string, id: string): Statement<RecipientRow> {
  return statement(
    'select_recipient',
    `select ${columns}
       from amanat.recipients r
      where r.tenant_id = $1::uuid and r.id = $2::uuid`,
    [tenantId, id],
  );
}

/** Newest first. */
export function listRecipients(tenantId: string, beforeId: string | undefined, limit: number): Statement<RecipientRow> {
  return statement(
    'list_recipients',
    `select ${columns}
       from amanat.recipients r
      where r.tenant_id = $1::uuid and ($2::uuid is null or r.id < $2::uuid)
      order by r.id desc
      limit $3::integer`,
    [tenantId, beforeId ?? null, limit],
  );
}

/** The recipient that a client belongs to. */
export function selectRecipientOfClient(tenantId: string, clientId: string): Statement<{ readonly id: string }> {
  return statement(
    'select_recipient_of_client',
    `select r.id
       from amanat.recipients r
      where r.tenant_id = $1::uuid and r.client_ids @> array[$2::uuid]
      limit 1`,
    [tenantId, clientId],
  );
}
