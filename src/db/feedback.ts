import { counts, unheld, type DueCount, type DueRecord } from './retention.ts';
import { statement, type Statement } from './statement.ts';

export const feedbackKinds = ['survey', 'opinion'] as const;
export type FeedbackKind = (typeof feedbackKinds)[number];

export interface FeedbackFacts {
  readonly id: string;
  readonly kind: FeedbackKind;
  /** The shop's name of the survey. */
  readonly survey: string | null;
  /** Whose it is; null where it is nobody's, from the start or since it was cut off. */
  readonly customerId: string | null;
  readonly createdAt: Date;
  readonly mac: Buffer;
}

/** With what was said, under a key of its own; null once its person was erased. */
export interface FeedbackRow extends FeedbackFacts {
  readonly keyVersion: number;
  readonly dataKey: Buffer | null;
  readonly sealed: Buffer | null;
}

/** Of `amanat.feedback f`. */
const columns = `f.id, f.kind, f.survey, f.customer_id as "customerId", f.created_at as "createdAt",
            f.key_version as "keyVersion", f.data_key as "dataKey", f.sealed, f.mac`;

/**
 * Of nobody, of somebody who can still be asked for, or of somebody whose it was by its clock (`keep`, a parameter) no more when they
 * left: that stays as nobody's, whether or not a hold keeps whose it was.
 */
const reachable = (keep: string): string => `(f.customer_id is null or exists (
          select 1 from amanat.customers c
           where c.tenant_id = f.tenant_id and c.id = f.customer_id
             and (c.status in ('active', 'deactivated') or ${overWhenLeft(keep)})))`;
/** A customer's row is not touched from the decision to erase them until their key goes. */
const overWhenLeft = (keep: string): string => `f.created_at <= c.updated_at - ${keep}::interval`;

/** Guarded: conflict unless the customer, where there is one, can still be asked for. */
export function insertFeedback(tenantId: string, row: FeedbackRow): Statement {
  return statement(
    'insert_feedback',
    `with there as (
       select c.id
         from amanat.customers c
        where c.tenant_id = $1::uuid and c.id = $5::uuid and c.status in ('active', 'deactivated')
          for share
     ),
     inserted as (
       insert into amanat.feedback
         (tenant_id, id, kind, survey, customer_id, created_at, key_version, data_key, sealed, mac)
       select $1::uuid, $2::uuid, $3::text, $4::text, $5::uuid, $6::timestamptz, $7::integer, $8::bytea, $9::bytea,
              $10::bytea
        where $5::uuid is null or exists (select 1 from there)
       returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from inserted`,
    [
      tenantId,
      row.id,
      row.kind,
      row.survey,
      row.customerId,
      row.createdAt,
      row.keyVersion,
      row.dataKey,
      row.sealed,
      row.mac,
    ],
  );
}

export function selectFeedback(tenantId: string, id: string, keep: string | null): Statement<FeedbackRow> {
  return statement(
    'select_feedback',
    `select ${columns}
       from amanat.feedback f
      where f.tenant_id = $1::uuid and f.id = $2::uuid and f.data_key is not null and ${reachable('$3')}`,
    [tenantId, id, keep],
  );
}

export interface FeedbackFilter {
  readonly survey: string | undefined;
  /** How long what was said is whose it was (ISO 8601; null is ever). */
  readonly keep: string | null;
  /** The person's own, of what was given so long ago at most (ISO 8601; null is ever). */
  readonly own: { readonly customerId: string; readonly keep: string | null; readonly at: Date } | undefined;
}

/** Newest first. */
export function listFeedback(
  tenantId: string,
  { survey, own, keep }: FeedbackFilter,
  beforeId: string | undefined,
  limit: number,
): Statement<FeedbackRow> {
  return statement(
    'list_feedback',
    `select ${columns}
       from amanat.feedback f
      where f.tenant_id = $1::uuid and f.data_key is not null and ${reachable('$8')}
        and ($2::text is null or f.survey = $2::text)
        and ($3::uuid is null or f.customer_id = $3::uuid)
        and (f.created_at <= $5::timestamptz - $4::interval) is not true
        and ($6::uuid is null or f.id < $6::uuid)
      order by f.id desc
      limit $7::integer`,
    [
      tenantId,
      survey ?? null,
      own?.customerId ?? null,
      own?.keep ?? null,
      own?.at ?? null,
      beforeId ?? null,
      limit,
      keep,
    ],
  );
}

/** Of a leaving customer, what was theirs by its clock no more when they left. */
export function selectFeedbackOver(tenantId: string, customerId: string, keep: string | null): Statement<FeedbackRow> {
  return statement(
    'select_feedback_over',
    `select ${columns}
       from amanat.feedback f
       join amanat.customers c on c.tenant_id = $1::uuid and c.id = f.customer_id
      where f.tenant_id = $1::uuid and f.customer_id = $2::uuid and f.data_key is not null and ${overWhenLeft('$3')}`,
    [tenantId, customerId, keep],
  );
}

/** The keys of what an erased person said go with them. */
export function destroyFeedbackOf(tenantId: string, customerId: string): Statement {
  return statement(
    'destroy_feedback_of_customer',
    `update amanat.feedback
        set data_key = null, sealed = null
      where tenant_id = $1::uuid and customer_id = $2::uuid and data_key is not null`,
    [tenantId, customerId],
  );
}

/** Of `amanat.feedback f`; $2 how long from the answer on, $3 now. */
const due = `
       from amanat.feedback f
      where f.tenant_id = $1::uuid and f.customer_id is not null and f.data_key is not null
        and f.created_at <= $3::timestamptz - $2::interval`;

export type DueFeedback = FeedbackRow & DueRecord;

export function selectDueFeedback(
  tenantId: string,
  keep: string | null,
  at: Date,
  limit: number,
): Statement<DueFeedback> {
  return statement(
    'select_due_feedback',
    `select ${columns}${due}${unheld('f')}
      order by f.id
      limit $4::integer`,
    [tenantId, keep, at, limit],
  );
}

export function countDueFeedback(tenantId: string, keep: string | null, at: Date): Statement<DueCount> {
  return statement('count_due_feedback', `${counts('f', '$3')}${due}`, [tenantId, keep, at]);
}

/** Cuts answers off whom they came from. Guarded: conflict unless each stands as it was read. */
export function detachFeedback(
  tenantId: string,
  rows: readonly { readonly id: string; readonly was: Buffer; readonly mac: Buffer }[],
): Statement {
  return statement(
    'detach_feedback',
    `with detached as (
       update amanat.feedback f
          set customer_id = null, mac = n.mac
         from unnest($2::uuid[], $3::bytea[], $4::bytea[]) as n (id, was, mac)
        where f.tenant_id = $1::uuid and f.id = n.id and f.mac = n.was
        returning 1
     )
     select amanat.require(count(*) = cardinality($2::uuid[]), 'conflict') from detached`,
    [tenantId, rows.map((r) => r.id), rows.map((r) => r.was), rows.map((r) => r.mac)],
  );
}
