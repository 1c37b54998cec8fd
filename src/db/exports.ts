import { statement, type Statement } from './statement.ts';

export interface NewExportRow {
  readonly tenantId: string;
  readonly id: string;
  readonly legalOrderId: string;
  readonly executedBy: string;
  readonly executedActor: string;
  readonly executedAt: Date;
  /** Persons whose data the package holds, and subjects and persons it does not. */
  readonly records: number;
  readonly notFound: number;
  readonly outsidePeriod: number;
  readonly fields: readonly string[];
  /** Of the package's bytes. */
  readonly sha256: Buffer;
  readonly receipt: string;
  readonly keyVersion: number;
  readonly dataKey: Buffer;
  readonly sealed: Buffer;
}

/** Fails with exports_one_per_order when the order was executed before. */
export function insertExport(row: NewExportRow): Statement {
  return statement(
    'insert_export',
    `insert into amanat.exports
       (tenant_id, id, legal_order_id, executed_by, executed_actor, executed_at, records, not_found, outside_period,
        fields, sha256, receipt, key_version, data_key, sealed)
     values ($1::uuid, $2::uuid, $3::uuid, $4::uuid, $5::text, $6::timestamptz, $7::integer, $8::integer, $9::integer,
             $10::text[], $11::bytea, $12::text, $13::integer, $14::bytea, $15::bytea)`,
    [
      row.tenantId,
      row.id,
      row.legalOrderId,
      row.executedBy,
      row.executedActor,
      row.executedAt,
      row.records,
      row.notFound,
      row.outsidePeriod,
      row.fields,
      row.sha256,
      row.receipt,
      row.keyVersion,
      row.dataKey,
      row.sealed,
    ],
  );
}

export interface ExportRow {
  readonly id: string;
  readonly version: number;
  readonly legalOrderId: string;
  readonly orderStatus: string;
  readonly validUntil: Date;
  readonly executedBy: string;
  readonly executedActor: string;
  readonly sha256: Buffer;
  readonly fetchedAt: Date | null;
  readonly keyVersion: number;
  /** Null once it was fetched or its order revoked. */
  readonly dataKey: Buffer | null;
  readonly sealed: Buffer | null;
}

export function selectExport(tenantId: string, id: string): Statement<ExportRow> {
  return statement(
    'select_export',
    `select e.id, e.version, e.legal_order_id as "legalOrderId", o.status as "orderStatus",
            o.valid_until as "validUntil", e.executed_by as "executedBy", e.executed_actor as "executedActor", e.sha256,
            e.fetched_at as "fetchedAt", e.key_version as "keyVersion", e.data_key as "dataKey", e.sealed
       from amanat.exports e
       join amanat.legal_orders o on o.tenant_id = e.tenant_id and o.id = e.legal_order_id
      where e.tenant_id = $1::uuid and e.id = $2::uuid`,
    [tenantId, id],
  );
}

/** Marks the package as handed out and keeps no copy. Guarded: legal_order_used when it was handed out before. */
export function fetchExport(tenantId: string, id: string, by: string, actor: string, at: Date): Statement {
  return statement(
    'fetch_export',
    `with updated as (
       update amanat.exports
          set fetched_by = $3::uuid, fetched_actor = $4::text, fetched_at = $5::timestamptz, data_key = null,
              sealed = null
        where tenant_id = $1::uuid and id = $2::uuid and fetched_at is null and sealed is not null
        returning 1
     )
     select amanat.require(count(*) = 1, 'legal_order_used') from updated`,
    [tenantId, id, by, actor, at],
  );
}

/** The package of a revoked order is not kept for anybody. */
export function discardPackage(tenantId: string, legalOrderId: string): Statement {
  return statement(
    'discard_package',
    `update amanat.exports
        set data_key = null, sealed = null
      where tenant_id = $1::uuid and legal_order_id = $2::uuid`,
    [tenantId, legalOrderId],
  );
}
