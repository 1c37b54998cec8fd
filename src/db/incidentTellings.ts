import { statement, type Statement } from './statement.ts';

export interface TellingRow {
  readonly id: string;
  readonly incidentId: string;
  readonly extentId: string;
  /** How far the persons of the extent were gone through, in the order of their ids. */
  readonly afterId: string | null;
  /** Persons to whom something was queued, and those who cannot be reached or are not there any more. */
  readonly reached: number;
  readonly unreached: number;
  readonly startedBy: string;
  readonly startedActor: string;
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
  readonly mac: Buffer;
}

/** Of `amanat.incident_tellings t`. */
const columns = `t.id, t.incident_id as "incidentId", t.extent_id as "extentId", t.after_id as "afterId", t.reached,
            t.unreached, t.started_by as "startedBy", t.started_actor as "startedActor", t.started_at as "startedAt",
            t.finished_at as "finishedAt", t.mac`;

export function insertTelling(tenantId: string, telling: TellingRow): Statement {
  return statement(
    'insert_incident_telling',
    `insert into amanat.incident_tellings
       (tenant_id, id, incident_id, extent_id, reached, unreached, started_by, started_actor, started_at, mac)
     values ($1::uuid, $2::uuid, $3::uuid, $4::uuid, 0, 0, $5::uuid, $6::text, $7::timestamptz, $8::bytea)`,
    [
      tenantId,
      telling.id,
      telling.incidentId,
      telling.extentId,
      telling.startedBy,
      telling.startedActor,
      telling.startedAt,
      telling.mac,
    ],
  );
}

/** Guarded: conflict unless it stands as it was read. */
export function advanceTelling(tenantId: string, telling: TellingRow, was: Buffer): Statement {
  return statement(
    'advance_incident_telling',
    `with updated as (
       update amanat.incident_tellings
          set after_id = $3::uuid, reached = $4::integer, unreached = $5::integer, finished_at = $6::timestamptz,
              mac = $7::bytea
        where tenant_id = $1::uuid and id = $2::uuid and mac = $8::bytea
        returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from updated`,
    [tenantId, telling.id, telling.afterId, telling.reached, telling.unreached, telling.finishedAt, telling.mac, was],
  );
}

/** The newest of an incident. */
export function selectTellingOf(tenantId: string, incidentId: string): Statement<TellingRow> {
  return statement(
    'select_incident_telling_of',
    `select ${columns}
       from amanat.incident_tellings t
      where t.tenant_id = $1::uuid and t.incident_id = $2::uuid
      order by t.id desc
      limit 1`,
    [tenantId, incidentId],
  );
}

export function selectRunningTellings(tenantId: string): Statement<TellingRow> {
  return statement(
    'select_running_incident_tellings',
    `select ${columns}
       from amanat.incident_tellings t
      where t.tenant_id = $1::uuid and t.finished_at is null
      order by t.id
      limit 100`,
    [tenantId],
  );
}
