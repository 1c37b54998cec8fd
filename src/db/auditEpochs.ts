import { statement, type Statement } from './statement.ts';

/** Under which name a log goes on since a reconciliation. */
export interface EpochRow {
  /** From 2 on; a log without a row is in its first. */
  readonly number: number;
  /** Leaves of the log before that begin this one. */
  readonly size: number;
  readonly beganAt: Date;
  readonly mac: Buffer;
}

/** The newest. */
export function selectEpoch(tenantId: string): Statement<EpochRow> {
  return statement(
    'select_epoch',
    `select e.number, e.size, e.began_at as "beganAt", e.mac
       from amanat.audit_epochs e
      where e.tenant_id = $1::uuid
      order by e.number desc
      limit 1`,
    [tenantId],
  );
}

/** Guarded by its key: of two that begin one epoch the second is a duplicate. */
export function insertEpoch(tenantId: string, { number, size, beganAt, mac }: EpochRow): Statement {
  return statement(
    'insert_epoch',
    `insert into amanat.audit_epochs (tenant_id, number, size, began_at, mac)
     values ($1::uuid, $2::integer, $3::bigint, $4::timestamptz, $5::bytea)`,
    [tenantId, number, size, beganAt, mac],
  );
}
