import { statement, type Statement } from './statement.ts';

/** One thing a subject of an order is found by: the customer's id, or the blind index tags of an identifier. */
export interface SubjectKey {
  readonly customerId: string | undefined;
  readonly field: string | undefined;
  /** Under each live version of the index key. */
  readonly tags: readonly Buffer[];
}

/** More holders of one identifier than this identify nobody. */
export const mostHolders = 100;

/** Reads $1 tenant, $2 ids, $3 fields, $4 tags, $5 places of the subjects, of equal length; erased customers are nowhere. */
const heldBy = `(
        select distinct k.n, held.id
          from unnest($2::uuid[], $3::text[], $4::bytea[], $5::integer[]) as k (customer_id, field, tag, n)
         cross join lateral (
           select h.id
             from (
               select k.customer_id as id where k.customer_id is not null
               union all
               select t.customer_id as id
                 from amanat.index_tags t
                where t.tenant_id = $1::uuid and t.field = k.field and t.tag = k.tag
             ) h
            limit ${mostHolders + 1}
         ) held
      ) s
       join amanat.customers c on c.tenant_id = $1::uuid and c.id = s.id and c.status <> 'erased'`;

function keyColumns(subjects: readonly SubjectKey[]): readonly unknown[] {
  const keys = subjects.flatMap(({ customerId = null, field = null, tags }, i) =>
    (customerId === null ? tags : [null]).map((tag) => ({ customerId, field, tag, n: i + 1 })),
  );
  return [keys.map((k) => k.customerId), keys.map((k) => k.field), keys.map((k) => k.tag), keys.map((k) => k.n)];
}

/** Who each subject of an order is, without opening anything. `n` is the subject's place in the order, from 1. */
export function findSubjects(tenantId: string, subjects: readonly SubjectKey[]): Statement<{ n: number; id: string }> {
  return statement(
    'find_subjects',
    `select s.n, c.id
       from ${heldBy}
      order by s.n, c.id`,
    [tenantId, ...keyColumns(subjects)],
  );
}

/** A subject with its sealed record as it stands. */
export interface SubjectRow {
  readonly n: number;
  readonly id: string;
  readonly kind: 'natural' | 'legal';
  readonly version: number;
  readonly keyVersion: number;
  readonly dataKey: Buffer;
  readonly sealed: Buffer;
  readonly capturedAt: Date;
  /** The newest former state captured within the period, where the standing one was captured after it; else null. */
  readonly formerVersion: number | null;
  readonly formerSealed: Buffer | null;
  readonly formerCapturedAt: Date | null;
}

/** From its first moment to the first one after it. */
export interface Period {
  readonly from: Date;
  readonly to: Date;
}

/** The subjects with their sealed records. Without a leaf: only for an execution, which goes on to commit one each. */
export function selectSubjects(
  tenantId: string,
  subjects: readonly SubjectKey[],
  period: Period,
): Statement<SubjectRow> {
  return statement(
    'select_subjects',
    `select s.n, c.id, c.kind, c.version, c.key_version as "keyVersion", c.data_key as "dataKey", c.sealed,
            coalesce(c.sealed_at, c.created_at) as "capturedAt", f.version as "formerVersion",
            f.sealed as "formerSealed", f.captured_at as "formerCapturedAt"
       from ${heldBy}
       left join lateral (
         select v.version, v.sealed, v.captured_at
           from amanat.customer_versions v
          where v.tenant_id = $1::uuid and v.customer_id = c.id and v.captured_at >= $6::timestamptz
            and v.captured_at < $7::timestamptz and coalesce(c.sealed_at, c.created_at) >= $7::timestamptz
          order by v.version desc
          limit 1
       ) f on true
      order by s.n, c.id`,
    [tenantId, ...keyColumns(subjects), period.from, period.to],
  );
}

/** Guarded: conflict unless every customer still stands exactly as it was read. Keeps them so until the commit. */
export function holdCustomers(tenantId: string, customers: readonly { id: string; version: number }[]): Statement {
  return statement(
    'hold_customers',
    `with held as (
       select 1
         from amanat.customers c
         join unnest($2::uuid[], $3::integer[]) as r (id, version) on r.id = c.id and r.version = c.version
        where c.tenant_id = $1::uuid and c.status <> 'erased'
          for share of c
     )
     select amanat.require(count(*) = cardinality($2::uuid[]), 'conflict') from held`,
    [tenantId, customers.map((c) => c.id), customers.map((c) => c.version)],
  );
}
