import { statement, type Statement } from './statement.ts';

export interface AnomalyRow {
  readonly id: string;
  readonly mark: Buffer;
  readonly version: number;
  readonly keyVersion: number;
  readonly dataKey: Buffer;
  readonly sealed: Buffer;
  readonly createdAt: Date;
}

const columns = `a.id, a.mark, a.version, a.key_version as "keyVersion", a.data_key as "dataKey", a.sealed,
            a.created_at as "createdAt"`;

/** What was found before is passed over. */
export function insertAnomalies(tenantId: string, rows: readonly AnomalyRow[]): Statement {
  return statement(
    'insert_anomalies',
    `insert into amanat.anomalies (tenant_id, id, mark, version, key_version, data_key, sealed, created_at)
     select $1::uuid, n.id, n.mark, n.version, n.key_version, n.data_key, n.sealed, n.created_at
       from unnest($2::uuid[], $3::bytea[], $4::integer[], $5::integer[], $6::bytea[], $7::bytea[], $8::timestamptz[])
            as n (id, mark, version, key_version, data_key, sealed, created_at)
         on conflict (tenant_id, mark) do nothing`,
    [
      tenantId,
      rows.map((r) => r.id),
      rows.map((r) => r.mark),
      rows.map((r) => r.version),
      rows.map((r) => r.keyVersion),
      rows.map((r) => r.dataKey),
      rows.map((r) => r.sealed),
      rows.map((r) => r.createdAt),
    ],
  );
}

/** Of these marks, those that are there. */
export function selectMarks(tenantId: string, marks: readonly Buffer[]): Statement<{ readonly mark: Buffer }> {
  return statement(
    'select_anomaly_marks',
    `select a.mark
       from amanat.anomalies a
      where a.tenant_id = $1::uuid and a.mark = any ($2::bytea[])`,
    [tenantId, marks],
  );
}

export function selectAnomaly(tenantId: string, id: string): Statement<AnomalyRow> {
  return statement(
    'select_anomaly',
    `select ${columns}
       from amanat.anomalies a
      where a.tenant_id = $1::uuid and a.id = $2::uuid`,
    [tenantId, id],
  );
}

/** What was found so long ago (ISO 8601; null is never); the oldest, at most so many. */
export function deleteOldAnomalies(tenantId: string, keep: string | null, now: Date, atMost: number): Statement {
  return statement(
    'delete_old_anomalies',
    `delete from amanat.anomalies
      where tenant_id = $1::uuid and created_at <= $3::timestamptz - $2::interval and id in (
        select a.id from amanat.anomalies a where a.tenant_id = $1::uuid order by a.id limit $4::integer)`,
    [tenantId, keep, now, atMost],
  );
}

/** Newest first. */
export function listAnomalies(tenantId: string, beforeId: string | undefined, limit: number): Statement<AnomalyRow> {
  return statement(
    'list_anomalies',
    `select ${columns}
       from amanat.anomalies a
      where a.tenant_id = $1::uuid and ($2::uuid is null or a.id < $2::uuid)
      order by a.id desc
      limit $3::integer`,
    [tenantId, beforeId ?? null, limit],
  );
}
