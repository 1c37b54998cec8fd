import { statement, type Statement } from './statement.ts';

export const supplementaryStates = ['open', 'answered', 'expired', 'withdrawn'] as const;
export type SupplementaryState = (typeof supplementaryStates)[number];

export interface SupplementaryFacts {
  readonly id: string;
  readonly customerId: string;
  readonly orderId: string;
  /** What failed, of which items, when, and whether the vault itself found it. */
  readonly checkKind: string;
  readonly checkFields: readonly string[];
  readonly failedAt: Date;
  readonly foundBy: 'vault' | 'caller';
  /** Names of the profile's list. */
  readonly asks: readonly string[];
  readonly purpose: string;
  readonly state: SupplementaryState;
  readonly openedBy: string;
  readonly openedRole: string;
  readonly openedActor: string | null;
  readonly openedAt: Date;
  /** The last moment for an answer. */
  readonly dueAt: Date;
  /** When the work on it ends by itself: `dueAt`, or the time the profile gives from the answer. */
  readonly closesAt: Date;
  readonly answeredAt: Date | null;
  readonly answeredBy: string | null;
  readonly answeredRole: string | null;
  readonly answeredActor: string | null;
  readonly closedAt: Date | null;
  readonly mac: Buffer;
}

/** With the answers, sealed under the customer's data key. */
export interface SupplementaryRow extends SupplementaryFacts {
  readonly answers: Buffer | null;
}

/** Of `amanat.supplementary_requests s`. */
export const supplementaryColumns = `s.id, s.customer_id as "customerId", s.order_id as "orderId", s.check_kind as "checkKind",
            s.check_fields as "checkFields", s.failed_at as "failedAt", s.found_by as "foundBy", s.asks, s.purpose, s.state,
            s.opened_by as "openedBy", s.opened_role as "openedRole", s.opened_actor as "openedActor",
            s.opened_at as "openedAt", s.due_at as "dueAt", s.closes_at as "closesAt", s.answered_at as "answeredAt",
            s.answered_by as "answeredBy", s.answered_role as "answeredRole", s.answered_actor as "answeredActor",
            s.closed_at as "closedAt", s.answers, s.mac`;

/**
 * Guarded: conflict unless the customer is active. Fails with supplementary_requests_one_open where one of the order waits.
 * Holds the customer's row, so that an erasure either sees this or comes before it.
 */
export function insertSupplementary(tenantId: string, row: SupplementaryFacts): Statement {
  return statement(
    'insert_supplementary_request',
    `with there as (
       select c.id
         from amanat.customers c
        where c.tenant_id = $1::uuid and c.id = $3::uuid and c.status = 'active'
          for share
     ),
     inserted as (
       insert into amanat.supplementary_requests
         (tenant_id, id, customer_id, order_id, check_kind, check_fields, failed_at, found_by, asks, purpose, state,
          opened_by, opened_role, opened_actor, opened_at, due_at, closes_at, mac)
       select $1::uuid, $2::uuid, t.id, $4::uuid, $5::text, $6::text[], $7::timestamptz, $8::text, $9::text[], $10::text,
              'open', $11::uuid, $12::text, $13::text, $14::timestamptz, $15::timestamptz, $16::timestamptz, $17::bytea
         from there t
       returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from inserted`,
    [
      tenantId,
      row.id,
      row.customerId,
      row.orderId,
      row.checkKind,
      row.checkFields,
      row.failedAt,
      row.foundBy,
      row.asks,
      row.purpose,
      row.openedBy,
      row.openedRole,
      row.openedActor,
      row.openedAt,
      row.dueAt,
      row.closesAt,
      row.mac,
    ],
  );
}

/** A request as it becomes, and the MAC it had when it was read. */
export interface SupplementaryChange extends SupplementaryRow {
  readonly was: Buffer;
}

/** Guarded: conflict unless every one still stands as it was read. */
export function changeSupplementary(tenantId: string, changes: readonly SupplementaryChange[]): Statement {
  return statement(
    'change_supplementary_requests',
    `with changed as (
       update amanat.supplementary_requests s
          set state = n.state, closes_at = n.closes_at, answered_at = n.answered_at, answered_by = n.answered_by,
              answered_role = n.answered_role, answered_actor = n.answered_actor, closed_at = n.closed_at,
              answers = n.answers, mac = n.mac
         from unnest($2::uuid[], $3::bytea[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::uuid[], $8::text[],
                     $9::text[], $10::timestamptz[], $11::bytea[], $12::bytea[])
              as n (id, was, state, closes_at, answered_at, answered_by, answered_role, answered_actor, closed_at, answers,
                    mac)
        where s.tenant_id = $1::uuid and s.id = n.id and s.mac = n.was
        returning 1
     )
     select amanat.require(count(*) = cardinality($2::uuid[]), 'conflict') from changed`,
    [
      tenantId,
      changes.map((c) => c.id),
      changes.map((c) => c.was),
      changes.map((c) => c.state),
      changes.map((c) => c.closesAt),
      changes.map((c) => c.answeredAt),
      changes.map((c) => c.answeredBy),
      changes.map((c) => c.answeredRole),
      changes.map((c) => c.answeredActor),
      changes.map((c) => c.closedAt),
      changes.map((c) => c.answers),
      changes.map((c) => c.mac),
    ],
  );
}

/** Guarded: conflict unless the customer is active and may be written to. To come before the change that it is for. */
export function requireWritable(tenantId: string, customerId: string): Statement {
  return statement(
    'require_writable',
    `with there as (
       select c.id
         from amanat.customers c
        where c.tenant_id = $1::uuid and c.id = $2::uuid and c.status = 'active' and not c.edits_frozen
          for share
     )
     select amanat.require(count(*) = 1, 'conflict') from there`,
    [tenantId, customerId],
  );
}

/** Of one customer where the caller is narrowed to one; another's is none. */
export function selectSupplementary(
  tenantId: string,
  id: string,
  customerId: string | undefined,
): Statement<SupplementaryRow> {
  return statement(
    'select_supplementary_request',
    `select ${supplementaryColumns}
       from amanat.supplementary_requests s
      where s.tenant_id = $1::uuid and s.id = $2::uuid and ($3::uuid is null or s.customer_id = $3::uuid)`,
    [tenantId, id, customerId ?? null],
  );
}

export interface SupplementaryFilter {
  readonly customerId: string | undefined;
  readonly orderId: string | undefined;
  readonly state: SupplementaryState | undefined;
}

/** Newest first; of these kinds of check only, all when undefined. */
export function listSupplementary(
  tenantId: string,
  { customerId, orderId, state }: SupplementaryFilter,
  checkKinds: readonly string[] | undefined,
  beforeId: string | undefined,
  limit: number,
): Statement<SupplementaryRow> {
  return statement(
    'list_supplementary_requests',
    `select ${supplementaryColumns}
       from amanat.supplementary_requests s
      where s.tenant_id = $1::uuid and ($2::uuid is null or s.customer_id = $2::uuid)
        and ($3::uuid is null or s.order_id = $3::uuid) and ($4::text is null or s.state = $4::text)
        and ($5::text[] is null or s.check_kind = any ($5::text[])) and ($6::uuid is null or s.id < $6::uuid)
      order by s.id desc
      limit $7::integer`,
    [tenantId, customerId ?? null, orderId ?? null, state ?? null, checkKinds ?? null, beforeId ?? null, limit],
  );
}

/** Those whose time is over and that nobody has closed. */
export function selectOverSupplementary(tenantId: string, now: Date, limit: number): Statement<SupplementaryRow> {
  return statement(
    'select_over_supplementary_requests',
    `select ${supplementaryColumns}
       from amanat.supplementary_requests s
      where s.tenant_id = $1::uuid and s.closed_at is null and s.closes_at <= $2::timestamptz
      order by s.closes_at
      limit $3::integer`,
    [tenantId, now, limit],
  );
}

/** Has a courier tried in vain, or the parcel come back? */
export function selectFailedDelivery(tenantId: string, orderId: string): Statement<{ readonly failed: boolean }> {
  return statement(
    'select_failed_delivery',
    `select exists (
              select 1 from amanat.shipments s
               where s.tenant_id = $1::uuid and s.order_id = $2::uuid and (s.attempts > 0 or s.status = 'returned')) as failed`,
    [tenantId, orderId],
  );
}
