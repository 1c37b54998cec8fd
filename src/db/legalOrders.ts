import { statement, type Statement } from './statement.ts';

export type StoredStatus = 'registered' | 'approved' | 'rejected' | 'revoked' | 'executed';

/** A legal order as it stands. What is clear here is repeated inside `sealed`, and believed only if it agrees. */
export interface LegalOrderRow {
  readonly id: string;
  readonly version: number;
  readonly status: StoredStatus;
  readonly kind: string;
  readonly authorityKind: string;
  readonly registeredBy: string;
  readonly registeredActor: string;
  readonly registeredAt: Date;
  readonly decidedBy: string | null;
  readonly decidedActor: string | null;
  readonly decidedAt: Date | null;
  /** SHA-256 of the record the decision was taken on. */
  readonly decidedDigest: Buffer | null;
  readonly revokedBy: string | null;
  readonly revokedActor: string | null;
  readonly revokedAt: Date | null;
  /** First moment at which the order no longer holds. */
  readonly validUntil: Date;
  readonly executedAt: Date | null;
  readonly keyVersion: number;
  readonly dataKey: Buffer;
  readonly sealed: Buffer;
}

export interface NewLegalOrderRow {
  readonly tenantId: string;
  readonly id: string;
  readonly kind: string;
  readonly authorityKind: string;
  readonly numberTag: Buffer;
  readonly indexVersion: number;
  readonly registeredBy: string;
  readonly registeredActor: string;
  readonly registeredAt: Date;
  readonly validUntil: Date;
  readonly keyVersion: number;
  readonly dataKey: Buffer;
  readonly sealed: Buffer;
}

/** Fails with legal_orders_number when the authority's letter is already recorded and was not rejected. */
export function insertLegalOrder(order: NewLegalOrderRow): Statement {
  return statement(
    'insert_legal_order',
    `insert into amanat.legal_orders
       (tenant_id, id, version, status, kind, authority_kind, number_tag, index_version, registered_by, registered_actor,
        registered_at, valid_until, key_version, data_key, sealed)
     values ($1::uuid, $2::uuid, 1, 'registered', $3::text, $4::text, $5::bytea, $6::integer, $7::uuid, $8::text,
             $9::timestamptz, $10::timestamptz, $11::integer, $12::bytea, $13::bytea)`,
    [
      order.tenantId,
      order.id,
      order.kind,
      order.authorityKind,
      order.numberTag,
      order.indexVersion,
      order.registeredBy,
      order.registeredActor,
      order.registeredAt,
      order.validUntil,
      order.keyVersion,
      order.dataKey,
      order.sealed,
    ],
  );
}

export function selectLegalOrder(tenantId: string, id: string): Statement<LegalOrderRow> {
  return statement(
    'select_legal_order',
    `select o.id, o.version, o.status, o.kind, o.authority_kind as "authorityKind", o.registered_by as "registeredBy",
            o.registered_actor as "registeredActor", o.registered_at as "registeredAt", o.decided_by as "decidedBy",
            o.decided_actor as "decidedActor", o.decided_at as "decidedAt", o.decided_digest as "decidedDigest",
            o.revoked_by as "revokedBy", o.revoked_actor as "revokedActor", o.revoked_at as "revokedAt",
            o.valid_until as "validUntil", o.executed_at as "executedAt", o.key_version as "keyVersion",
            o.data_key as "dataKey", o.sealed
       from amanat.legal_orders o
      where o.tenant_id = $1::uuid and o.id = $2::uuid`,
    [tenantId, id],
  );
}

export type ListedLegalOrder = Pick<
  LegalOrderRow,
  'id' | 'version' | 'status' | 'kind' | 'registeredAt' | 'validUntil'
>;

/** Newest first. */
export function listLegalOrders(
  tenantId: string,
  beforeId: string | undefined,
  limit: number,
): Statement<ListedLegalOrder> {
  return statement(
    'list_legal_orders',
    `select o.id, o.version, o.status, o.kind, o.registered_at as "registeredAt", o.valid_until as "validUntil"
       from amanat.legal_orders o
      where o.tenant_id = $1::uuid and ($2::uuid is null or o.id < $2::uuid)
      order by o.id desc
      limit $3::integer`,
    [tenantId, beforeId ?? null, limit],
  );
}

/** A step of an order's life: the record sealed anew as `version`, the step before it being the one that was read. */
export interface LegalOrderStep {
  readonly id: string;
  readonly version: number;
  readonly sealed: Buffer;
  readonly by: string;
  readonly actor: string;
  readonly at: Date;
}

/** Guarded: conflict unless the order is registered and unchanged. */
export function decideLegalOrder(
  tenantId: string,
  step: LegalOrderStep,
  status: 'approved' | 'rejected',
  digest: Buffer,
): Statement {
  return statement(
    'decide_legal_order',
    `with updated as (
       update amanat.legal_orders
          set version = $3::integer, sealed = $4::bytea, status = $5::text, decided_by = $6::uuid,
              decided_actor = $7::text, decided_at = $8::timestamptz, decided_digest = $9::bytea
        where tenant_id = $1::uuid and id = $2::uuid and version = $3::integer - 1 and status = 'registered'
        returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from updated`,
    [tenantId, step.id, step.version, step.sealed, status, step.by, step.actor, step.at, digest],
  );
}

/** Guarded: conflict unless the order is approved or executed, and unchanged. */
export function revokeLegalOrder(tenantId: string, step: LegalOrderStep): Statement {
  return statement(
    'revoke_legal_order',
    `with updated as (
       update amanat.legal_orders
          set version = $3::integer, sealed = $4::bytea, status = 'revoked', revoked_by = $5::uuid,
              revoked_actor = $6::text, revoked_at = $7::timestamptz
        where tenant_id = $1::uuid and id = $2::uuid and version = $3::integer - 1
          and status in ('approved', 'executed')
        returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from updated`,
    [tenantId, step.id, step.version, step.sealed, step.by, step.actor, step.at],
  );
}

/**
 * First statement of an execution: takes the order's row, so that a revocation or another execution comes wholly before
 * or wholly after it, and aborts with the refusal that then holds.
 */
export function takeLegalOrderForExecution(tenantId: string, id: string, version: number, at: Date): Statement {
  return statement(
    'take_legal_order_for_execution',
    `with taken as (
       select o.status, o.version, o.valid_until
         from amanat.legal_orders o
        where o.tenant_id = $1::uuid and o.id = $2::uuid
          for update
     ), judged as (
       select case
                when t.status = 'revoked' then 'legal_order_revoked'
                when t.status = 'executed' then 'legal_order_used'
                when t.status <> 'approved' then 'legal_order_not_approved'
                when t.valid_until <= $4::timestamptz then 'legal_order_expired'
                when t.version <> $3::integer then 'conflict'
              end as fault
         from taken t
     )
     select amanat.require(j.fault is null, j.fault) from judged j`,
    [tenantId, id, version, at],
  );
}

/** Guarded: conflict unless the order is approved and unchanged. */
export function executeLegalOrder(tenantId: string, step: Omit<LegalOrderStep, 'by' | 'actor'>): Statement {
  return statement(
    'execute_legal_order',
    `with updated as (
       update amanat.legal_orders
          set version = $3::integer, sealed = $4::bytea, status = 'executed', executed_at = $5::timestamptz
        where tenant_id = $1::uuid and id = $2::uuid and version = $3::integer - 1 and status = 'approved'
          and valid_until > $5::timestamptz
        returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from updated`,
    [tenantId, step.id, step.version, step.sealed, step.at],
  );
}

/** First statement of a delivery: nothing is handed out once its order is revoked or has run out. Aborts with the refusal. */
export function holdExecutedOrder(tenantId: string, id: string, at: Date): Statement {
  return statement(
    'hold_executed_order',
    `with held as (
       select o.status, o.valid_until
         from amanat.legal_orders o
        where o.tenant_id = $1::uuid and o.id = $2::uuid
          for share
     ), judged as (
       select case
                when h.status = 'revoked' then 'legal_order_revoked'
                when h.status <> 'executed' then 'legal_order_used'
                when h.valid_until <= $3::timestamptz then 'legal_order_expired'
              end as fault
         from held h
     )
     select amanat.require(j.fault is null, j.fault) from judged j`,
    [tenantId, id, at],
  );
}
