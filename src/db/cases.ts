import { statement, type Statement } from './statement.ts';

/** A report that an account is misused, a complaint, a question or comment. */
export const caseKinds = ['complaint', 'inquiry', 'misuse'] as const;
export type CaseKind = (typeof caseKinds)[number];

export const caseStates = ['open', 'acknowledged', 'assigned', 'closed'] as const;
export type CaseState = (typeof caseStates)[number];

export interface CaseFacts {
  readonly id: string;
  readonly kind: CaseKind;
  readonly customerId: string;
  readonly state: CaseState;
  /** Of the policy in force when it was filed. */
  readonly clauses: readonly string[];
  /** The member of staff it is about, who has no part in it. */
  readonly aboutActor: string | null;
  readonly filedBy: string;
  readonly filedRole: string;
  readonly filedActor: string | null;
  readonly filedAt: Date;
  readonly policyVersion: number;
  readonly dueAt: Date;
  readonly acknowledgedAt: Date | null;
  readonly ownerRole: string | null;
  readonly ownerDepartment: string | null;
  readonly ownerActor: string | null;
  readonly outcome: string | null;
  readonly closedBy: string | null;
  readonly closedActor: string | null;
  readonly closedAt: Date | null;
  readonly grantIds: readonly string[];
  readonly mac: Buffer;
}

/** With what was said in words, sealed under the customer's data key. */
export interface CaseRow extends CaseFacts {
  readonly words: Buffer | null;
  readonly finding: Buffer | null;
  readonly remedy: Buffer | null;
}

/** Of `amanat.cases c`. */
const columns = `c.id, c.kind, c.customer_id as "customerId", c.state, c.clauses, c.about_actor as "aboutActor",
            c.filed_by as "filedBy", c.filed_role as "filedRole", c.filed_actor as "filedActor",
            c.filed_at as "filedAt", c.policy_version as "policyVersion", c.due_at as "dueAt",
            c.acknowledged_at as "acknowledgedAt", c.owner_role as "ownerRole",
            c.owner_department as "ownerDepartment", c.owner_actor as "ownerActor", c.outcome,
            c.closed_by as "closedBy", c.closed_actor as "closedActor", c.closed_at as "closedAt",
            c.grant_ids as "grantIds", c.words, c.finding, c.remedy, c.mac`;

/**
 * Guarded: conflict unless the customer can still be asked for. Fails with cases_one_misuse where one such is open. Holds the
 * customer's row, so that an erasure either sees this case or comes before it.
 */
export function insertCase(tenantId: string, entry: CaseRow): Statement {
  return statement(
    'insert_case',
    `with there as (
       select c.id
         from amanat.customers c
        where c.tenant_id = $1::uuid and c.id = $4::uuid and c.status in ('active', 'deactivated')
          for share
     ),
     inserted as (
       insert into amanat.cases
         (tenant_id, id, kind, customer_id, state, clauses, about_actor, filed_by, filed_role, filed_actor, filed_at,
          policy_version, due_at, grant_ids, words, mac)
       select $1::uuid, $2::uuid, $3::text, t.id, $5::text, $6::text[], $7::text, $8::uuid, $9::text, $10::text,
              $11::timestamptz, $12::integer, $13::timestamptz, '{}'::uuid[], $14::bytea, $15::bytea
         from there t
       returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from inserted`,
    [
      tenantId,
      entry.id,
      entry.kind,
      entry.customerId,
      entry.state,
      entry.clauses,
      entry.aboutActor,
      entry.filedBy,
      entry.filedRole,
      entry.filedActor,
      entry.filedAt,
      entry.policyVersion,
      entry.dueAt,
      entry.words,
      entry.mac,
    ],
  );
}

/** A case as it becomes, and the MAC it had when it was read. Guarded: conflict unless it still stands as it was read. */
export function changeCase(tenantId: string, entry: CaseRow, was: Buffer): Statement {
  return statement(
    'change_case',
    `with changed as (
       update amanat.cases
          set state = $4::text, clauses = $17::text[], due_at = $18::timestamptz, acknowledged_at = $5::timestamptz, owner_role = $6::text, owner_department = $7::text,
              owner_actor = $8::text, outcome = $9::text, closed_by = $10::uuid, closed_actor = $11::text,
              closed_at = $12::timestamptz, grant_ids = $13::uuid[], finding = $14::bytea, remedy = $15::bytea,
              mac = $16::bytea
        where tenant_id = $1::uuid and id = $2::uuid and mac = $3::bytea
        returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from changed`,
    [
      tenantId,
      entry.id,
      was,
      entry.state,
      entry.acknowledgedAt,
      entry.ownerRole,
      entry.ownerDepartment,
      entry.ownerActor,
      entry.outcome,
      entry.closedBy,
      entry.closedActor,
      entry.closedAt,
      entry.grantIds,
      entry.finding,
      entry.remedy,
      entry.mac,
      entry.clauses,
      entry.dueAt,
    ],
  );
}

/** Of one customer where the caller is narrowed to one; another's is none. */
export function selectCase(
  tenantId: string,
  kind: CaseKind,
  id: string,
  customerId: string | undefined,
): Statement<CaseRow> {
  return statement(
    'select_case',
    `select ${columns}
       from amanat.cases c
      where c.tenant_id = $1::uuid and c.kind = $2::text and c.id = $3::uuid
        and ($4::uuid is null or c.customer_id = $4::uuid)`,
    [tenantId, kind, id, customerId ?? null],
  );
}

export interface CaseFilter {
  readonly customerId: string | undefined;
  readonly state: CaseState | undefined;
}

/** Newest first; those about the one who asks are not there. */
export function listCases(
  tenantId: string,
  kind: CaseKind,
  { customerId, state }: CaseFilter,
  page: { readonly unseenBy: string | undefined; readonly beforeId: string | undefined; readonly limit: number },
): Statement<CaseRow> {
  return statement(
    'list_cases',
    `select ${columns}
       from amanat.cases c
      where c.tenant_id = $1::uuid and c.kind = $2::text and ($3::uuid is null or c.customer_id = $3::uuid)
        and ($4::text is null or c.state = $4::text) and ($5::uuid is null or c.id < $5::uuid)
        and ($7::text is null or c.about_actor is null or lower(c.about_actor) <> lower($7::text))
      order by c.id desc
      limit $6::integer`,
    [tenantId, kind, customerId ?? null, state ?? null, page.beforeId ?? null, page.limit, page.unseenBy ?? null],
  );
}

/** A case by its id alone, of this customer: for work that is bound to it. */
export function selectCaseForWork(tenantId: string, id: string, customerId: string): Statement<CaseRow> {
  return statement(
    'select_case_for_work',
    `select ${columns}
       from amanat.cases c
      where c.tenant_id = $1::uuid and c.id = $2::uuid and c.customer_id = $3::uuid and c.kind <> 'misuse'`,
    [tenantId, id, customerId],
  );
}

/** Every grant of a case ends with it. */
export function closeGrantsOfCase(tenantId: string, grantIds: readonly string[], at: Date): Statement {
  return statement(
    'close_grants_of_case',
    `update amanat.grants
        set closed_at = $3::timestamptz, closed_reason = 'case'
      where tenant_id = $1::uuid and id = any ($2::uuid[]) and closed_at is null`,
    [tenantId, grantIds, at],
  );
}

/** What was said goes when the person goes; that there was a case stays. */
export function emptyCasesOf(tenantId: string, customerId: string): Statement {
  return statement(
    'empty_cases_of_customer',
    `update amanat.cases
        set words = null, finding = null, remedy = null
      where tenant_id = $1::uuid and customer_id = $2::uuid
        and (words is not null or finding is not null or remedy is not null)`,
    [tenantId, customerId],
  );
}
