import { statement, type Statement } from './statement.ts';

export interface NewEventRow {
  readonly id: string;
  readonly audience: string;
  readonly kind: string;
  readonly objectKind: string;
  readonly objectId: string;
  readonly legalOrderId: string | null;
  readonly customerId: string | null;
  /** The moment it is about. */
  readonly dueAt: Date;
  readonly createdAt: Date;
}

/** What was raised, and not what had been raised before. */
export type RaisedRow = Pick<NewEventRow, 'kind' | 'objectId' | 'legalOrderId'>;

/** Raises what is not there yet, and queues it for the endpoints that hear of it: a kind, an object and a moment make one event, whoever comes first. */
export function raiseEvents(tenantId: string, events: readonly NewEventRow[]): Statement<RaisedRow> {
  return statement(
    'raise_events',
    `with raised as (
     insert into amanat.events
       (tenant_id, id, audience, kind, object_kind, object_id, legal_order_id, customer_id, due_at, created_at)
     select $1::uuid, e.id, e.audience, e.kind, e.object_kind, e.object_id, e.legal_order_id, e.customer_id, e.due_at,
            e.created_at
       from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::uuid[], $8::uuid[],
                   $9::timestamptz[], $10::timestamptz[])
            as e (id, audience, kind, object_kind, object_id, legal_order_id, customer_id, due_at, created_at)
      order by e.audience, e.kind, e.object_id, e.due_at
         on conflict do nothing
     returning id, audience, kind, object_id, legal_order_id, created_at
     ),
     queued as (
     insert into amanat.webhook_deliveries
       (tenant_id, webhook_id, event_id, kind, state, attempts, due_at, created_at)
     select $1::uuid, w.id, r.id, r.kind, 'queued', 0, r.created_at, r.created_at
       from raised r
       join amanat.webhooks w
         on w.tenant_id = $1::uuid and w.audience = r.audience and r.kind = any (w.kinds) and w.disabled_at is null
     )
     select r.kind, r.object_id as "objectId", r.legal_order_id as "legalOrderId" from raised r`,
    [
      tenantId,
      events.map((e) => e.id),
      events.map((e) => e.audience),
      events.map((e) => e.kind),
      events.map((e) => e.objectKind),
      events.map((e) => e.objectId),
      events.map((e) => e.legalOrderId),
      events.map((e) => e.customerId),
      events.map((e) => e.dueAt),
      events.map((e) => e.createdAt),
    ],
  );
}

export interface EventRow extends NewEventRow {
  readonly acknowledgedBy: string | null;
  readonly acknowledgedActor: string | null;
  readonly acknowledgedAt: Date | null;
}

const columns = `e.id, e.audience, e.kind, e.object_kind as "objectKind", e.object_id as "objectId",
            e.legal_order_id as "legalOrderId", e.customer_id as "customerId", e.due_at as "dueAt",
            e.created_at as "createdAt", e.acknowledged_by as "acknowledgedBy",
            e.acknowledged_actor as "acknowledgedActor", e.acknowledged_at as "acknowledgedAt"`;

/** Another role's event is none. */
export function selectEvent(tenantId: string, audience: string, id: string): Statement<EventRow> {
  return statement(
    'select_event',
    `select ${columns}
       from amanat.events e
      where e.tenant_id = $1::uuid and e.audience = $2::text and e.id = $3::uuid`,
    [tenantId, audience, id],
  );
}

/** A role's events that nobody of it has acknowledged, newest first. */
export function listOpenEvents(
  tenantId: string,
  audience: string,
  beforeId: string | undefined,
  limit: number,
): Statement<EventRow> {
  return statement(
    'list_open_events',
    `select ${columns}
       from amanat.events e
      where e.tenant_id = $1::uuid and e.audience = $2::text and e.acknowledged_at is null
        and ($3::uuid is null or e.id < $3::uuid)
      order by e.id desc
      limit $4::integer`,
    [tenantId, audience, beforeId ?? null, limit],
  );
}

/** All of a role's events, newest first. */
export function listEvents(
  tenantId: string,
  audience: string,
  beforeId: string | undefined,
  limit: number,
): Statement<EventRow> {
  return statement(
    'list_events',
    `select ${columns}
       from amanat.events e
      where e.tenant_id = $1::uuid and e.audience = $2::text and ($3::uuid is null or e.id < $3::uuid)
      order by e.id desc
      limit $4::integer`,
    [tenantId, audience, beforeId ?? null, limit],
  );
}

export interface Acknowledgement {
  /** Null: the vault did it by itself. */
  readonly by: string | null;
  readonly actor: string | undefined;
  readonly at: Date;
}

/** Guarded: conflict when it was acknowledged before. */
export function acknowledgeEvent(
  tenantId: string,
  audience: string,
  id: string,
  { by, actor, at }: Acknowledgement,
): Statement {
  return statement(
    'acknowledge_event',
    `with updated as (
       update amanat.events
          set acknowledged_by = $4::uuid, acknowledged_actor = $5::text, acknowledged_at = $6::timestamptz
        where tenant_id = $1::uuid and audience = $2::text and id = $3::uuid and acknowledged_at is null
        returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from updated`,
    [tenantId, audience, id, by, actor ?? null, at],
  );
}

/** What a role was told of an object is settled when the role has done it. */
export function settleEvents(
  tenantId: string,
  audience: string,
  kind: string,
  objectId: string,
  { by, actor, at }: Acknowledgement,
): Statement {
  return statement(
    'settle_events',
    `update amanat.events
        set acknowledged_by = $5::uuid, acknowledged_actor = $6::text, acknowledged_at = $7::timestamptz
      where tenant_id = $1::uuid and audience = $2::text and kind = $3::text and object_id = $4::uuid
        and acknowledged_at is null`,
    [tenantId, audience, kind, objectId, by, actor ?? null, at],
  );
}
