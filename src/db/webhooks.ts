import { statement, type Statement } from './statement.ts';

/** What is fixed of an endpoint for its version, under `mac`. */
export interface WebhookFacts {
  readonly id: string;
  /** Whose system it is. */
  readonly clientId: string;
  /** Its role. */
  readonly audience: string;
  readonly kinds: readonly string[];
  readonly version: number;
  readonly createdAt: Date;
  readonly disabledAt: Date | null;
  readonly disabledReason: string | null;
  readonly mac: Buffer;
}

export interface WebhookRow extends WebhookFacts {
  readonly keyVersion: number;
  readonly dataKey: Buffer;
  /** Address and secrets. */
  readonly sealed: Buffer;
}

const columns = `w.id, w.client_id as "clientId", w.audience, w.kinds, w.version, w.created_at as "createdAt",
            w.disabled_at as "disabledAt", w.disabled_reason as "disabledReason", w.mac,
            w.key_version as "keyVersion", w.data_key as "dataKey", w.sealed`;

export function insertWebhook(tenantId: string, row: WebhookRow): Statement {
  return statement(
    'insert_webhook',
    `insert into amanat.webhooks
       (tenant_id, id, client_id, audience, kinds, version, key_version, data_key, sealed, created_at, mac)
     values ($1::uuid, $2::uuid, $3::uuid, $4::text, $5::text[], $6::integer, $7::integer, $8::bytea, $9::bytea,
             $10::timestamptz, $11::bytea)`,
    [
      tenantId,
      row.id,
      row.clientId,
      row.audience,
      row.kinds,
      row.version,
      row.keyVersion,
      row.dataKey,
      row.sealed,
      row.createdAt,
      row.mac,
    ],
  );
}

export function selectWebhook(tenantId: string, id: string): Statement<WebhookRow> {
  return statement(
    'select_webhook',
    `select ${columns}
       from amanat.webhooks w
      where w.tenant_id = $1::uuid and w.id = $2::uuid`,
    [tenantId, id],
  );
}

/** Newest first. */
export function listWebhooks(tenantId: string, beforeId: string | undefined, limit: number): Statement<WebhookRow> {
  return statement(
    'list_webhooks',
    `select ${columns}
       from amanat.webhooks w
      where w.tenant_id = $1::uuid and ($2::uuid is null or w.id < $2::uuid)
      order by w.id desc
      limit $3::integer`,
    [tenantId, beforeId ?? null, limit],
  );
}

/** Guarded: precondition_failed unless it stands as it was read, its key among it: the former one is not brought back. */
export function changeWebhook(tenantId: string, row: WebhookRow): Statement {
  return statement(
    'change_webhook',
    `with changed as (
       update amanat.webhooks
          set version = $3::integer, key_version = $4::integer, data_key = $5::bytea, sealed = $6::bytea,
              disabled_at = $7::timestamptz, disabled_reason = $8::text, mac = $9::bytea
        where tenant_id = $1::uuid and id = $2::uuid and version = $3::integer - 1 and data_key = $5::bytea
        returning 1
     )
     select amanat.require(count(*) = 1, 'precondition_failed') from changed`,
    [
      tenantId,
      row.id,
      row.version,
      row.keyVersion,
      row.dataKey,
      row.sealed,
      row.disabledAt,
      row.disabledReason,
      row.mac,
    ],
  );
}
