import { statement, type Statement } from './statement.ts';

/** Of a client, or of a member of staff (their id in lower case). */
export interface FreezeRow {
  readonly id: string;
  readonly clientId: string | null;
  readonly actor: string | null;
  readonly incidentId: string | null;
  /** Null where the vault did it by itself. */
  readonly frozenBy: string | null;
  readonly frozenActor: string | null;
  readonly frozenAt: Date;
  readonly liftedBy: string | null;
  readonly liftedActor: string | null;
  readonly liftedAt: Date | null;
  readonly mac: Buffer;
}

/** Of `amanat.reader_freezes f`. */
const columns = `f.id, f.client_id as "clientId", f.actor, f.incident_id as "incidentId", f.frozen_by as "frozenBy",
            f.frozen_actor as "frozenActor", f.frozen_at as "frozenAt", f.lifted_by as "liftedBy",
            f.lifted_actor as "liftedActor", f.lifted_at as "liftedAt", f.mac`;

/** Whoever is frozen already stays as they are. */
export function insertFreezes(tenantId: string, freezes: readonly FreezeRow[]): Statement {
  return statement(
    'insert_reader_freezes',
    `insert into amanat.reader_freezes
       (tenant_id, id, client_id, actor, incident_id, frozen_by, frozen_actor, frozen_at, mac)
     select $1::uuid, n.id, n.client_id, n.actor, n.incident_id, n.frozen_by, n.frozen_actor, n.frozen_at, n.mac
       from unnest($2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::uuid[], $7::text[], $8::timestamptz[], $9::bytea[])
            as n (id, client_id, actor, incident_id, frozen_by, frozen_actor, frozen_at, mac)
         on conflict (tenant_id, client_id, actor) where lifted_at is null do nothing`,
    [
      tenantId,
      freezes.map((f) => f.id),
      freezes.map((f) => f.clientId),
      freezes.map((f) => f.actor),
      freezes.map((f) => f.incidentId),
      freezes.map((f) => f.frozenBy),
      freezes.map((f) => f.frozenActor),
      freezes.map((f) => f.frozenAt),
      freezes.map((f) => f.mac),
    ],
  );
}

/** Guarded: conflict unless it stands as it was read. */
export function liftFreeze(tenantId: string, freeze: FreezeRow, was: Buffer): Statement {
  return statement(
    'lift_reader_freeze',
    `with updated as (
       update amanat.reader_freezes
          set lifted_by = $3::uuid, lifted_actor = $4::text, lifted_at = $5::timestamptz, mac = $6::bytea
        where tenant_id = $1::uuid and id = $2::uuid and mac = $7::bytea and lifted_at is null
        returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from updated`,
    [tenantId, freeze.id, freeze.liftedBy, freeze.liftedActor, freeze.liftedAt, freeze.mac, was],
  );
}

export function selectFreeze(tenantId: string, id: string): Statement<FreezeRow> {
  return statement(
    'select_reader_freeze',
    `select ${columns}
       from amanat.reader_freezes f
      where f.tenant_id = $1::uuid and f.id = $2::uuid`,
    [tenantId, id],
  );
}

/** Newest first. */
export function listFreezes(tenantId: string, beforeId: string | undefined, limit: number): Statement<FreezeRow> {
  return statement(
    'list_reader_freezes',
    `select ${columns}
       from amanat.reader_freezes f
      where f.tenant_id = $1::uuid and ($2::uuid is null or f.id < $2::uuid)
      order by f.id desc
      limit $3::integer`,
    [tenantId, beforeId ?? null, limit],
  );
}

export interface KnownFreeze extends FreezeRow {
  readonly tenantId: string;
}

/** Directory scope: what was frozen or lifted since a moment. */
export function selectFreezesSince(since: Date): Statement<KnownFreeze> {
  return statement(
    'select_reader_freezes_since',
    `select f.tenant_id as "tenantId", ${columns}
       from amanat.reader_freezes f
      where greatest(f.frozen_at, f.lifted_at) >= $1::timestamptz`,
    [since],
  );
}
