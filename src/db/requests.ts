import { statement, type Statement } from './statement.ts';

export const requestKinds = ['copy', 'correct', 'deactivate', 'erase', 'object', 'portability'] as const;
export type RequestKind = (typeof requestKinds)[number];

export const requestStates = ['open', 'done', 'partly', 'refused', 'withdrawn'] as const;
export type RequestState = (typeof requestStates)[number];
/** What a request was answered with; an erasure that was decided stays open until its day. */
export type Outcome = Exclude<RequestState, 'open' | 'withdrawn'>;

export interface RequestFacts {
  readonly id: string;
  readonly customerId: string;
  readonly kind: RequestKind;
  readonly state: RequestState;
  readonly askedBy: string;
  readonly askedRole: string;
  readonly askedActor: string | null;
  /** Who asked, and how it was made sure. */
  readonly asker: string;
  readonly checked: string;
  /** What is objected to. */
  readonly purpose: string | null;
  readonly askedAt: Date;
  readonly dueAt: Date;
  readonly decidedBy: string | null;
  readonly decidedActor: string | null;
  readonly decidedAt: Date | null;
  readonly outcome: Outcome | null;
  readonly reason: string | null;
  readonly clauses: readonly string[];
  readonly closedAt: Date | null;
  readonly copyExpiresAt: Date | null;
  readonly fetchedAt: Date | null;
  readonly certificate: string | null;
  /** JSON pointers of what was applied of a correction. */
  readonly applied: readonly string[] | null;
  readonly withdrawnAt: Date | null;
  readonly mac: Buffer;
}

/** With what was said in words, sealed under the customer's data key; gone when that is. */
export interface RequestRow extends RequestFacts {
  readonly note: Buffer | null;
  readonly why: Buffer | null;
  /** What a correction asks to change. */
  readonly proposal: Buffer | null;
}

/** Of `amanat.requests r`. */
const columns = `r.id, r.customer_id as "customerId", r.kind, r.state, r.asked_by as "askedBy", r.asked_role as "askedRole",
            r.asked_actor as "askedActor", r.asker, r.checked, r.purpose, r.asked_at as "askedAt", r.due_at as "dueAt",
            r.decided_by as "decidedBy", r.decided_actor as "decidedActor", r.decided_at as "decidedAt", r.outcome,
            r.reason, r.clauses, r.closed_at as "closedAt", r.copy_expires_at as "copyExpiresAt",
            r.fetched_at as "fetchedAt", r.certificate, r.applied, r.withdrawn_at as "withdrawnAt",
            r.note, r.why, r.proposal, r.mac`;

/**
 * Guarded: conflict unless the customer can still be asked for. Fails with requests_one_open where one such waits. Holds the
 * customer's row, so that an erasure either sees this request or comes before it.
 */
export function insertRequest(tenantId: string, request: RequestRow): Statement {
  return statement(
    'insert_request',
    `with there as (
       select c.id
         from amanat.customers c
        where c.tenant_id = $1::uuid and c.id = $3::uuid and c.status in ('active', 'deactivated')
          for share
     ),
     inserted as (
       insert into amanat.requests
         (tenant_id, id, customer_id, kind, state, asked_by, asked_role, asked_actor, asker, checked, purpose, asked_at,
          due_at, decided_at, outcome, clauses, closed_at, copy_expires_at, note, mac, reason, proposal)
       select $1::uuid, $2::uuid, t.id, $4::text, $5::text, $6::uuid, $7::text, $8::text, $9::text, $10::text, $11::text,
              $12::timestamptz, $13::timestamptz, $14::timestamptz, $15::text, $16::text[], $17::timestamptz,
              $18::timestamptz, $19::bytea, $20::bytea, $21::text, $22::bytea
         from there t
       returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from inserted`,
    [
      tenantId,
      request.id,
      request.customerId,
      request.kind,
      request.state,
      request.askedBy,
      request.askedRole,
      request.askedActor,
      request.asker,
      request.checked,
      request.purpose,
      request.askedAt,
      request.dueAt,
      request.decidedAt,
      request.outcome,
      request.clauses,
      request.closedAt,
      request.copyExpiresAt,
      request.note,
      request.mac,
      request.reason,
      request.proposal,
    ],
  );
}

/** A request as it becomes, and the MAC it had when it was read. */
export interface RequestChange extends RequestRow {
  readonly was: Buffer;
}

/** As a literal: an array of arrays would be flattened. Ids of clauses and pointers have neither comma, brace nor quote. */
const arrayOf = (words: readonly string[]): string => `{${words.join(',')}}`;

/** Guarded: conflict unless every request still stands as it was read. */
export function changeRequests(tenantId: string, changes: readonly RequestChange[]): Statement {
  return statement(
    'change_requests',
    `with changed as (
       update amanat.requests r
          set state = n.state, decided_by = n.decided_by, decided_actor = n.decided_actor, decided_at = n.decided_at,
              outcome = n.outcome, reason = n.reason, clauses = n.clauses::text[], closed_at = n.closed_at,
              copy_expires_at = n.copy_expires_at, fetched_at = n.fetched_at, certificate = n.certificate,
              note = n.note, why = n.why, mac = n.mac, applied = n.applied::text[], withdrawn_at = n.withdrawn_at,
              proposal = n.proposal
         from unnest($2::uuid[], $3::bytea[], $4::text[], $5::uuid[], $6::text[], $7::timestamptz[], $8::text[],
                     $9::text[], $10::text[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::text[],
                     $15::bytea[], $16::bytea[], $17::bytea[], $18::text[], $19::timestamptz[], $20::bytea[])
              as n (id, was, state, decided_by, decided_actor, decided_at, outcome, reason, clauses, closed_at,
                    copy_expires_at, fetched_at, certificate, note, why, mac, applied, withdrawn_at, proposal)
        where r.tenant_id = $1::uuid and r.id = n.id and r.mac = n.was
        returning 1
     )
     select amanat.require(count(*) = cardinality($2::uuid[]), 'conflict') from changed`,
    [
      tenantId,
      changes.map((c) => c.id),
      changes.map((c) => c.was),
      changes.map((c) => c.state),
      changes.map((c) => c.decidedBy),
      changes.map((c) => c.decidedActor),
      changes.map((c) => c.decidedAt),
      changes.map((c) => c.outcome),
      changes.map((c) => c.reason),
      changes.map((c) => arrayOf(c.clauses)),
      changes.map((c) => c.closedAt),
      changes.map((c) => c.copyExpiresAt),
      changes.map((c) => c.fetchedAt),
      changes.map((c) => c.certificate),
      changes.map((c) => c.note),
      changes.map((c) => c.why),
      changes.map((c) => c.mac),
      changes.map((c) => (c.applied === null ? null : arrayOf(c.applied))),
      changes.map((c) => c.withdrawnAt),
      changes.map((c) => c.proposal),
    ],
  );
}

/** Of one customer where the caller is narrowed to one; another's is none. */
export function selectRequest(tenantId: string, id: string, customerId: string | undefined): Statement<RequestRow> {
  return statement(
    'select_request',
    `select ${columns}
       from amanat.requests r
      where r.tenant_id = $1::uuid and r.id = $2::uuid and ($3::uuid is null or r.customer_id = $3::uuid)`,
    [tenantId, id, customerId ?? null],
  );
}

export interface RequestFilter {
  readonly customerId: string | undefined;
  readonly state: RequestState | undefined;
  /** Only those that nobody has decided and that were due by then. */
  readonly overdueAt?: Date | undefined;
}

/** Newest first. */
export function listRequests(
  tenantId: string,
  { customerId, state, overdueAt }: RequestFilter,
  beforeId: string | undefined,
  limit: number,
): Statement<RequestRow> {
  return statement(
    'list_requests',
    `select ${columns}
       from amanat.requests r
      where r.tenant_id = $1::uuid and ($2::uuid is null or r.customer_id = $2::uuid)
        and ($3::text is null or r.state = $3::text) and ($4::uuid is null or r.id < $4::uuid)
        and ($6::timestamptz is null or (r.state = 'open' and r.outcome is null and r.due_at <= $6::timestamptz))
      order by r.id desc
      limit $5::integer`,
    [tenantId, customerId ?? null, state ?? null, beforeId ?? null, limit, overdueAt ?? null],
  );
}

/** Every request of these customers, whatever its state. */
export function selectRequestsOf(tenantId: string, customerIds: readonly string[]): Statement<RequestRow> {
  return statement(
    'select_requests_of',
    `select ${columns}
       from amanat.requests r
      where r.tenant_id = $1::uuid and r.customer_id = any ($2::uuid[])
      order by r.id`,
    [tenantId, customerIds],
  );
}

/** Erasures that were carried out and whose day has come. */
export function selectClosable(tenantId: string, at: Date, limit: number): Statement<RequestRow> {
  return statement(
    'select_closable_requests',
    `select ${columns}
       from amanat.requests r
      where r.tenant_id = $1::uuid and r.state = 'open' and r.due_at <= $2::timestamptz and r.certificate is not null
      order by r.due_at
      limit $3::integer`,
    [tenantId, at, limit],
  );
}
