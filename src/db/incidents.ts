import { statement, type Statement } from './statement.ts';

export const incidentKinds = [
  'unauthorised_access',
  'stolen_token',
  'stolen_key',
  'lost_device',
  'wrong_recipient',
  'misuse',
  'other',
] as const;
export type IncidentKind = (typeof incidentKinds)[number];

export const incidentStates = ['open', 'contained', 'closed'] as const;
export type IncidentState = (typeof incidentStates)[number];

export interface IncidentRow {
  readonly id: string;
  readonly kind: IncidentKind;
  readonly state: IncidentState;
  readonly version: number;
  readonly keyVersion: number;
  readonly dataKey: Buffer;
  readonly sealed: Buffer;
  readonly openedAt: Date;
  readonly updatedAt: Date;
  readonly closedAt: Date | null;
}

/** Of `amanat.incidents i`. */
const columns = `i.id, i.kind, i.state, i.version, i.key_version as "keyVersion", i.data_key as "dataKey", i.sealed,
            i.opened_at as "openedAt", i.updated_at as "updatedAt", i.closed_at as "closedAt"`;

export function insertIncident(tenantId: string, incident: IncidentRow): Statement {
  return statement(
    'insert_incident',
    `insert into amanat.incidents
       (tenant_id, id, kind, state, version, key_version, data_key, sealed, opened_at, updated_at)
     values ($1::uuid, $2::uuid, $3::text, $4::text, $5::integer, $6::integer, $7::bytea, $8::bytea, $9::timestamptz,
             $9::timestamptz)`,
    [
      tenantId,
      incident.id,
      incident.kind,
      incident.state,
      incident.version,
      incident.keyVersion,
      incident.dataKey,
      incident.sealed,
      incident.openedAt,
    ],
  );
}

export type IncidentChange = Pick<IncidentRow, 'id' | 'state' | 'version' | 'sealed' | 'updatedAt' | 'closedAt'>;

/** Guarded: precondition_failed unless it stands as it was read. */
export function updateIncident(tenantId: string, change: IncidentChange): Statement {
  return statement(
    'update_incident',
    `with updated as (
       update amanat.incidents
          set state = $3::text, version = $4::integer, sealed = $5::bytea, updated_at = $6::timestamptz,
              closed_at = $7::timestamptz
        where tenant_id = $1::uuid and id = $2::uuid and version = $4::integer - 1
        returning 1
     )
     select amanat.require(count(*) = 1, 'precondition_failed') from updated`,
    [tenantId, change.id, change.state, change.version, change.sealed, change.updatedAt, change.closedAt],
  );
}

export function selectIncident(tenantId: string, id: string): Statement<IncidentRow> {
  return statement(
    'select_incident',
    `select ${columns}
       from amanat.incidents i
      where i.tenant_id = $1::uuid and i.id = $2::uuid`,
    [tenantId, id],
  );
}

/** Newest first. */
export function listIncidents(
  tenantId: string,
  state: IncidentState | undefined,
  beforeId: string | undefined,
  limit: number,
): Statement<IncidentRow> {
  return statement(
    'list_incidents',
    `select ${columns}
       from amanat.incidents i
      where i.tenant_id = $1::uuid and ($2::text is null or i.state = $2::text) and ($3::uuid is null or i.id < $3::uuid)
      order by i.id desc
      limit $4::integer`,
    [tenantId, state ?? null, beforeId ?? null, limit],
  );
}
