import { statement, type Statement } from './statement.ts';

export type StoredStatus = 'registered' | 'approved' | 'rejected' | 'revoked' | 'executed';

/** Columns that a step of the order's life changes; each is repeated inside `sealed`, and believed only if it agrees. */
export interface LegalOrderColumns {
  readonly status: StoredStatus;
  readonly kind: string;
  readonly ground: string;
  /** `none` where it rests on no letter. */
  readonly authorityKind: string;
  /** First moment at which the order no longer holds. */
  readonly validUntil: Date;
  readonly approvals: number;
  /** When the approvals open nothing any more; null unless it is approved. */
  readonly approvalExpires: Date | null;
  readonly decidedBy: string | null;
  readonly decidedActor: string | null;
  readonly decidedAt: Date | null;
  /** SHA-256 of the record the decision was taken on. */
  readonly decidedDigest: Buffer | null;
  readonly executedAt: Date | null;
  readonly reviewDue: Date | null;
  readonly reviewedAt: Date | null;
  readonly revokedBy: string | null;
  readonly revokedActor: string | null;
  readonly revokedAt: Date | null;
}

/** A legal order as it stands. */
export interface LegalOrderRow extends LegalOrderColumns {
  readonly id: string;
  readonly version: number;
  readonly registeredBy: string;
  readonly registeredActor: string;
  readonly registeredAt: Date;
  readonly keyVersion: number;
  readonly dataKey: Buffer;
  readonly sealed: Buffer;
}

export interface NewLegalOrderRow {
  readonly tenantId: string;
  readonly id: string;
  readonly kind: string;
  readonly ground: string;
  readonly authorityKind: string;
  readonly numberTag: Buffer;
  readonly hashVersion: number;
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
       (tenant_id, id, version, status, kind, ground, authority_kind, number_tag, hash_version, registered_by, registered_actor,
        registered_at, valid_until, key_version, data_key, sealed)
     values ($1::uuid, $2::uuid, 1, 'registered', $3::text, $4::text, $5::text, $6::bytea, $7::integer, $8::uuid,
             $9::text, $10::timestamptz, $11::timestamptz, $12::integer, $13::bytea, $14::bytea)`,
    [
      order.tenantId,
      order.id,
      order.kind,
      order.ground,
      order.authorityKind,
      order.numberTag,
      order.hashVersion,
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

const columns = `o.id, o.version, o.status, o.kind, o.ground, o.authority_kind as "authorityKind",
            o.registered_by as "registeredBy", o.registered_actor as "registeredActor",
            o.registered_at as "registeredAt", o.approvals, o.approval_expires as "approvalExpires",
            o.decided_by as "decidedBy", o.decided_actor as "decidedActor", o.decided_at as "decidedAt",
            o.decided_digest as "decidedDigest", o.executed_at as "executedAt", o.review_due as "reviewDue",
            o.reviewed_at as "reviewedAt", o.revoked_by as "revokedBy", o.revoked_actor as "revokedActor",
            o.revoked_at as "revokedAt", o.valid_until as "validUntil", o.key_version as "keyVersion",
            o.data_key as "dataKey", o.sealed`;

export function selectLegalOrders(tenantId: string, ids: readonly string[]): Statement<LegalOrderRow> {
  return statement(
    'select_legal_orders',
    `select ${columns}
       from amanat.legal_orders o
      where o.tenant_id = $1::uuid and o.id = any ($2::uuid[]) and o.data_key is not null`,
    [tenantId, ids],
  );
}

export function selectLegalOrder(tenantId: string, id: string): Statement<LegalOrderRow> {
  return statement(
    'select_legal_order',
    `select ${columns}
       from amanat.legal_orders o
      where o.tenant_id = $1::uuid and o.id = $2::uuid and o.data_key is not null`,
    [tenantId, id],
  );
}

/** Orders to keep data that wait for their decision at `at`. */
export function selectWaitingPreservations(tenantId: string, at: Date): Statement<LegalOrderRow> {
  return statement(
    'select_waiting_preservations',
    `select ${columns}
       from amanat.legal_orders o
      where o.tenant_id = $1::uuid and o.kind = 'preservation' and o.status = 'registered'
        and o.authority_kind = 'judicial' and o.valid_until > $2::timestamptz
      order by o.id`,
    [tenantId, at],
  );
}

export type ListedLegalOrder = Pick<
  LegalOrderRow,
  | 'id'
  | 'version'
  | 'status'
  | 'kind'
  | 'ground'
  | 'registeredAt'
  | 'validUntil'
  | 'approvals'
  | 'approvalExpires'
  | 'reviewDue'
  | 'reviewedAt'
>;

export interface LegalOrderFilter {
  readonly status: StoredStatus | undefined;
  /** The approvers' queue: what no approval stands on, and may still get one. */
  readonly waiting: boolean;
  /** Only those whose later review is still due. */
  readonly reviewDue: boolean;
}

/** Newest first. */
export function listLegalOrders(
  tenantId: string,
  filter: LegalOrderFilter,
  now: Date,
  beforeId: string | undefined,
  limit: number,
): Statement<ListedLegalOrder> {
  return statement(
    'list_legal_orders',
    `select o.id, o.version, o.status, o.kind, o.ground, o.registered_at as "registeredAt",
            o.valid_until as "validUntil", o.approvals, o.approval_expires as "approvalExpires",
            o.review_due as "reviewDue", o.reviewed_at as "reviewedAt"
       from amanat.legal_orders o
      where o.tenant_id = $1::uuid and ($2::uuid is null or o.id < $2::uuid) and o.data_key is not null
        and ($4::text is null or o.status = $4::text)
        and (not $5::boolean or (o.review_due is not null and o.reviewed_at is null))
        and (not $6::boolean or (o.valid_until > $7::timestamptz and o.authority_kind <> 'officer'
             and (o.status = 'registered' or (o.status = 'approved' and o.approval_expires <= $7::timestamptz))))
      order by o.id desc
      limit $3::integer`,
    [tenantId, beforeId ?? null, limit, filter.status ?? null, filter.reviewDue, filter.waiting, now],
  );
}

/** A step of an order's life: the record sealed anew as `version`, the step before it being the one that was read. */
export interface LegalOrderStep {
  readonly id: string;
  readonly version: number;
  readonly sealed: Buffer;
  readonly columns: LegalOrderColumns;
}

/** Guarded: conflict unless the order stands in one of `from`, and unchanged. */
export function stepLegalOrder(tenantId: string, step: LegalOrderStep, from: readonly StoredStatus[]): Statement {
  const { columns: c } = step;
  return statement(
    'step_legal_order',
    `with updated as (
       update amanat.legal_orders
          set version = $3::integer, sealed = $4::bytea, status = $6::text, kind = $7::text, ground = $8::text,
              authority_kind = $9::text, valid_until = $10::timestamptz, approvals = $11::integer,
              approval_expires = $12::timestamptz, decided_by = $13::uuid, decided_actor = $14::text,
              decided_at = $15::timestamptz, decided_digest = $16::bytea, executed_at = $17::timestamptz,
              review_due = $18::timestamptz, reviewed_at = $19::timestamptz, revoked_by = $20::uuid,
              revoked_actor = $21::text, revoked_at = $22::timestamptz
        where tenant_id = $1::uuid and id = $2::uuid and version = $3::integer - 1 and status = any ($5::text[])
        returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from updated`,
    [
      tenantId,
      step.id,
      step.version,
      step.sealed,
      from,
      c.status,
      c.kind,
      c.ground,
      c.authorityKind,
      c.validUntil,
      c.approvals,
      c.approvalExpires,
      c.decidedBy,
      c.decidedActor,
      c.decidedAt,
      c.decidedDigest,
      c.executedAt,
      c.reviewDue,
      c.reviewedAt,
      c.revokedBy,
      c.revokedActor,
      c.revokedAt,
    ],
  );
}

/** The letter's number may change with the record; fails with legal_orders_number when another record has it. */
export function renumberLegalOrder(tenantId: string, id: string, numberTag: Buffer, hashVersion: number): Statement {
  return statement(
    'renumber_legal_order',
    `update amanat.legal_orders
        set number_tag = $3::bytea, hash_version = $4::integer
      where tenant_id = $1::uuid and id = $2::uuid`,
    [tenantId, id, numberTag, hashVersion],
  );
}
