import { statement, type Statement } from './statement.ts';

export type DeliveryState = 'queued' | 'delivered' | 'withheld' | 'dead';

export interface WebhookDelivery {
  readonly eventId: string;
  readonly kind: string;
  readonly state: DeliveryState;
  readonly reason: string | null;
  /** What the other side answered last. */
  readonly status: number | null;
  readonly attempts: number;
  readonly dueAt: Date;
  readonly createdAt: Date;
  readonly settledAt: Date | null;
}

/** Taken for a try, with what the event tells; a ping has no event. */
export interface ClaimedDelivery {
  readonly webhookId: string;
  readonly eventId: string;
  readonly kind: string;
  readonly attempts: number;
  readonly createdAt: Date;
  readonly objectKind: string | null;
  readonly objectId: string | null;
  readonly legalOrderId: string | null;
  readonly customerId: string | null;
  readonly at: Date | null;
}

/** A ping: there is no event behind it. */
export function insertPing(tenantId: string, webhookId: string, id: string, kind: string, at: Date): Statement {
  return statement(
    'insert_ping',
    `insert into amanat.webhook_deliveries
       (tenant_id, webhook_id, event_id, kind, state, attempts, due_at, created_at)
     values ($1::uuid, $2::uuid, $3::uuid, $4::text, 'queued', 0, $5::timestamptz, $5::timestamptz)`,
    [tenantId, webhookId, id, kind, at],
  );
}

export function selectDelivery(
  tenantId: string,
  webhookId: string,
  eventId: string,
): Statement<{ readonly state: DeliveryState }> {
  return statement(
    'select_webhook_delivery',
    `select d.state
       from amanat.webhook_deliveries d
      where d.tenant_id = $1::uuid and d.webhook_id = $2::uuid and d.event_id = $3::uuid`,
    [tenantId, webhookId, eventId],
  );
}

/** Newest first. */
export function listDeliveriesOf(
  tenantId: string,
  webhookId: string,
  state: string | undefined,
  beforeId: string | undefined,
  limit: number,
): Statement<WebhookDelivery> {
  return statement(
    'list_deliveries_of',
    `select d.event_id as "eventId", d.kind, d.state, d.reason, d.status, d.attempts, d.due_at as "dueAt",
            d.created_at as "createdAt", d.settled_at as "settledAt"
       from amanat.webhook_deliveries d
      where d.tenant_id = $1::uuid and d.webhook_id = $2::uuid and ($3::text is null or d.state = $3::text)
        and ($4::uuid is null or d.event_id < $4::uuid)
      order by d.event_id desc
      limit $5::integer`,
    [tenantId, webhookId, state ?? null, beforeId ?? null, limit],
  );
}

/** Queues again what was settled: one, or all that was given up since. Answers how many. */
export function requeueDeliveries(
  tenantId: string,
  webhookId: string,
  which: { readonly eventId: string } | { readonly since: Date },
  now: Date,
): Statement<{ readonly eventId: string }> {
  const [eventId, since] = 'eventId' in which ? [which.eventId, null] : [null, which.since];
  return statement(
    'requeue_deliveries',
    `update amanat.webhook_deliveries
        set state = 'queued', reason = null, status = null, attempts = 0, due_at = $5::timestamptz, claim = null,
            settled_at = null
      where tenant_id = $1::uuid and webhook_id = $2::uuid and state <> 'queued'
        and (event_id = $3::uuid or (state = 'dead' and settled_at >= $4::timestamptz))
     returning event_id as "eventId"`,
    [tenantId, webhookId, eventId, since, now],
  );
}

/** Which of these tenants have something to deliver. */
export function selectTenantsToDeliver(
  tenantIds: readonly string[],
  now: Date,
): Statement<{ readonly tenantId: string }> {
  return statement(
    'select_tenants_to_deliver',
    `select distinct d.tenant_id as "tenantId"
       from amanat.webhook_deliveries d
      where d.tenant_id = any ($1::uuid[]) and d.state = 'queued' and d.due_at <= $2::timestamptz`,
    [tenantIds, now],
  );
}

/** Takes what is due and nobody else is taking; it is nobody else's until `until`. */
export function claimDeliveries(
  tenantId: string,
  claim: { readonly id: string; readonly now: Date; readonly until: Date },
  limit: number,
): Statement<ClaimedDelivery> {
  return statement(
    'claim_deliveries',
    `with due as (
       select d.webhook_id, d.event_id
         from amanat.webhook_deliveries d
        where d.tenant_id = $1::uuid and d.state = 'queued' and d.due_at <= $3::timestamptz
        order by d.due_at, d.event_id
        limit $5::integer
          for update skip locked
     ),
     claimed as (
       update amanat.webhook_deliveries d
          set claim = $2::uuid, due_at = $4::timestamptz, attempts = d.attempts + 1
         from due
        where d.tenant_id = $1::uuid and d.webhook_id = due.webhook_id and d.event_id = due.event_id
       returning d.webhook_id, d.event_id, d.kind, d.attempts, d.created_at
     )
     select c.webhook_id as "webhookId", c.event_id as "eventId", c.kind, c.attempts, c.created_at as "createdAt",
            e.object_kind as "objectKind", e.object_id as "objectId", e.legal_order_id as "legalOrderId",
            e.customer_id as "customerId", e.due_at as "at"
       from claimed c
       left join amanat.events e on e.tenant_id = $1::uuid and e.id = c.event_id and e.kind = c.kind
      order by c.event_id`,
    [tenantId, claim.id, claim.now, claim.until, limit],
  );
}

export interface DeliveryMark {
  readonly claim: string;
  readonly state: DeliveryState;
  readonly reason: string | null;
  readonly status: number | null;
  /** When it is tried again, of one that stays queued; else when it was settled. */
  readonly at: Date;
}

/** Guarded: conflict unless it is still queued and still this claim's. */
export function markDelivery(
  tenantId: string,
  { webhookId, eventId }: Pick<ClaimedDelivery, 'webhookId' | 'eventId'>,
  { claim, state, reason, status, at }: DeliveryMark,
): Statement {
  return statement(
    'mark_delivery',
    `with marked as (
       update amanat.webhook_deliveries
          set state = $5::text, reason = $6::text, status = $7::integer, claim = null,
              due_at = case when $5::text = 'queued' then $8::timestamptz else due_at end,
              settled_at = case when $5::text = 'queued' then null else $8::timestamptz end
        where tenant_id = $1::uuid and webhook_id = $2::uuid and event_id = $3::uuid and claim = $4::uuid
          and state = 'queued'
       returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from marked`,
    [tenantId, webhookId, eventId, claim, state, reason, status, at],
  );
}
