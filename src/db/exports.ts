import { statement, type Statement } from './statement.ts';

/** waiting: not fetched. handed_out: under way, or its process died meanwhile. discarded: nobody gets it any more. */
export type Delivery = 'waiting' | 'handed_out' | 'delivered' | 'aborted' | 'discarded';

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
  readonly format: 'json' | 'html' | 'cms';
  /** Of the package's bytes. */
  readonly sha256: Buffer;
  /** Until when it can be fetched. */
  readonly expiresAt: Date;
  /** The package, under a key that goes with it. */
  readonly keyVersion: number;
  readonly dataKey: Buffer;
  readonly sealed: Buffer;
  /** The receipt, under a key that stays. */
  readonly statementKeyVersion: number;
  readonly statementKey: Buffer;
  readonly statement: Buffer;
}

/** Fails with exports_one_per_order when the order was executed before. */
export function insertExport(row: NewExportRow): Statement {
  return statement(
    'insert_export',
    `insert into amanat.exports
       (tenant_id, id, legal_order_id, executed_by, executed_actor, executed_at, records, not_found, outside_period,
        fields, format, delivery, sha256, expires_at, key_version, data_key, sealed, statement_key_version, statement_key,
        statement)
     values ($1::uuid, $2::uuid, $3::uuid, $4::uuid, $5::text, $6::timestamptz, $7::integer, $8::integer, $9::integer,
             $10::text[], $11::text, 'waiting', $12::bytea, $13::timestamptz, $14::integer, $15::bytea, $16::bytea,
             $17::integer, $18::bytea, $19::bytea)`,
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
      row.format,
      row.sha256,
      row.expiresAt,
      row.keyVersion,
      row.dataKey,
      row.sealed,
      row.statementKeyVersion,
      row.statementKey,
      row.statement,
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
  readonly executedAt: Date;
  readonly records: number;
  readonly notFound: number;
  readonly outsidePeriod: number;
  readonly fields: readonly string[];
  readonly format: 'json' | 'html' | 'cms';
  readonly delivery: Delivery;
  readonly expiresAt: Date;
  readonly reissues: number;
  readonly sha256: Buffer;
  readonly fetchedAt: Date | null;
  readonly deliveredAt: Date | null;
  readonly keyVersion: number;
  /** Null once it was delivered or discarded. */
  readonly dataKey: Buffer | null;
  readonly sealed: Buffer | null;
  readonly statementKeyVersion: number;
  readonly statementKey: Buffer;
  readonly statement: Buffer;
}

export function selectExport(tenantId: string, id: string): Statement<ExportRow> {
  return statement(
    'select_export',
    `select e.id, e.version, e.legal_order_id as "legalOrderId", o.status as "orderStatus",
            o.valid_until as "validUntil", e.executed_by as "executedBy", e.executed_actor as "executedActor",
            e.executed_at as "executedAt", e.records, e.not_found as "notFound", e.outside_period as "outsidePeriod",
            e.fields, e.format, e.delivery, e.expires_at as "expiresAt", e.reissues, e.sha256,
            e.fetched_at as "fetchedAt", e.delivered_at as "deliveredAt", e.key_version as "keyVersion",
            e.data_key as "dataKey", e.sealed, e.statement_key_version as "statementKeyVersion",
            e.statement_key as "statementKey", e.statement
       from amanat.exports e
       join amanat.legal_orders o on o.tenant_id = e.tenant_id and o.id = e.legal_order_id
      where e.tenant_id = $1::uuid and e.id = $2::uuid and o.data_key is not null`,
    [tenantId, id],
  );
}

/** Marks the package as handed out. Guarded: legal_order_used when it was handed out before. */
export function fetchExport(tenantId: string, id: string, by: string, actor: string, at: Date): Statement {
  return statement(
    'fetch_export',
    `with updated as (
       update amanat.exports
          set delivery = 'handed_out', fetched_by = $3::uuid, fetched_actor = $4::text, fetched_at = $5::timestamptz
        where tenant_id = $1::uuid and id = $2::uuid and delivery = 'waiting' and expires_at > $5::timestamptz
          and sealed is not null
        returning 1
     )
     select amanat.require(count(*) = 1, 'legal_order_used') from updated`,
    [tenantId, id, by, actor, at],
  );
}

/** A package on its way: which, and since when, so that the end of one download is not taken for that of a later one. */
type Fetched = Pick<ExportRow, 'id' | 'fetchedAt'>;

/** The whole package went out: no copy is kept. */
export function completeExport(tenantId: string, { id, fetchedAt }: Fetched, at: Date): Statement {
  return statement(
    'complete_export',
    `update amanat.exports
        set delivery = 'delivered', delivered_at = $3::timestamptz, data_key = null, sealed = null
      where tenant_id = $1::uuid and id = $2::uuid and delivery = 'handed_out' and fetched_at = $4::timestamptz`,
    [tenantId, id, at, fetchedAt],
  );
}

/** The connection broke before the package was out. It is kept for a decision, and nobody can fetch it. */
export function abortExport(tenantId: string, { id, fetchedAt }: Fetched): Statement {
  return statement(
    'abort_export',
    `update amanat.exports
        set delivery = 'aborted'
      where tenant_id = $1::uuid and id = $2::uuid and delivery = 'handed_out' and fetched_at = $3::timestamptz`,
    [tenantId, id, fetchedAt],
  );
}

/** Lets the package be fetched once more. Guarded: conflict when it was delivered, is gone, or was let out often enough. */
export function reissueExport(tenantId: string, id: string, expiresAt: Date, atMost: number): Statement {
  return statement(
    'reissue_export',
    `with updated as (
       update amanat.exports
          set delivery = 'waiting', expires_at = $3::timestamptz, reissues = reissues + 1, fetched_by = null,
              fetched_actor = null, fetched_at = null
        where tenant_id = $1::uuid and id = $2::uuid and delivery in ('waiting', 'handed_out', 'aborted')
          and sealed is not null and reissues < $4::integer
        returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from updated`,
    [tenantId, id, expiresAt, atMost],
  );
}

/** The package of a revoked order is not kept for anybody. */
export function discardPackage(tenantId: string, legalOrderId: string): Statement {
  return statement(
    'discard_package',
    `update amanat.exports
        set data_key = null, sealed = null, delivery = case delivery when 'delivered' then delivery else 'discarded' end
      where tenant_id = $1::uuid and legal_order_id = $2::uuid`,
    [tenantId, legalOrderId],
  );
}

/** Packages that nobody fetched while their order held. */
export function discardStalePackages(tenantId: string, now: Date, atMost: number): Statement {
  return statement(
    'discard_stale_packages',
    `update amanat.exports
        set data_key = null, sealed = null, delivery = 'discarded'
      where tenant_id = $1::uuid and id in (
        select e.id
          from amanat.exports e
          join amanat.legal_orders o on o.tenant_id = e.tenant_id and o.id = e.legal_order_id
         where e.tenant_id = $1::uuid and e.sealed is not null and o.valid_until <= $2::timestamptz
         limit $3::integer)`,
    [tenantId, now, atMost],
  );
}
