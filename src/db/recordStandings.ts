/**
 * What `amanat verify` holds against each other: customers with their index tags and with what the log tells of them, and rows
 * that must be there.
 */
import { statement, type Statement } from './statement.ts';

export interface StoredTag {
  readonly field: string;
  /** Hexadecimal. */
  readonly tag: string;
  readonly keyVersion: number;
  readonly exclusive: boolean;
}

/** A customer as it stands, with every tag that leads to it; nothing sealed where it was erased. */
export interface TaggedCustomerRow {
  readonly id: string;
  readonly kind: 'natural' | 'legal';
  readonly status: string;
  readonly version: number;
  readonly keyVersion: number;
  readonly dataKey: Buffer | null;
  readonly sealed: Buffer | null;
  readonly tags: readonly StoredTag[];
}

/** One statement, so that an edit meanwhile shows whole or not at all. */
export function selectTaggedCustomers(tenantId: string, ids: readonly string[]): Statement<TaggedCustomerRow> {
  return statement(
    'select_tagged_customers',
    `select c.id, c.kind, c.status, c.version, c.key_version as "keyVersion", c.data_key as "dataKey", c.sealed,
            coalesce((
              select jsonb_agg(jsonb_build_object('field', t.field, 'tag', encode(t.tag, 'hex'),
                                                  'keyVersion', t.key_version, 'exclusive', t.exclusive))
                from amanat.index_tags t
               where t.tenant_id = $1::uuid and t.customer_id = c.id), '[]') as tags
       from amanat.customers c
      where c.tenant_id = $1::uuid and c.id = any ($2::uuid[])
      order by c.id`,
    [tenantId, ids],
  );
}

/** Of the next so many tags after a customer, in the order of their customers: whom they lead to, and whether that one is there. */
export function selectTagOwners(
  tenantId: string,
  afterCustomerId: string | undefined,
  limit: number,
): Statement<{ readonly customerId: string; readonly there: boolean }> {
  return statement(
    'select_tag_owners',
    `select o.customer_id as "customerId", exists (
              select 1 from amanat.customers c where c.tenant_id = $1::uuid and c.id = o.customer_id) as there
       from (select distinct p.customer_id
               from (select t.customer_id
                       from amanat.index_tags t
                      where t.tenant_id = $1::uuid and ($2::uuid is null or t.customer_id > $2::uuid)
                      order by t.customer_id
                      fetch first ($3::integer) rows with ties) p) o
      order by o.customer_id`,
    [tenantId, afterCustomerId ?? null, limit],
  );
}

/** A customer's state beside one leaf that may have brought it about; no leaf where the log tells of none. */
export interface StandingRow {
  readonly id: string;
  readonly status: string;
  readonly editsFrozen: boolean;
  readonly revealsFrozen: boolean;
  readonly containedBy: readonly string[];
  readonly objected: readonly string[];
  readonly leaf: Buffer | null;
}

/**
 * Of these customers what every read takes, with the leaves that name an object or a digest, or that are of no client (bits 2, 5 and 0
 * of the second byte, src/crypto/leaf.ts), by id. One statement: a change and its leaf are one commit.
 */
export function selectStandings(tenantId: string, ids: readonly string[]): Statement<StandingRow> {
  return statement(
    'select_standings',
    `select c.id, c.status, c.edits_frozen as "editsFrozen", c.reveals_frozen as "revealsFrozen",
            c.contained_by as "containedBy", c.objected, l.leaf
       from amanat.customers c
       left join amanat.audit_leaves l
         on l.tenant_id = c.tenant_id and l.subject_id = c.id
            and case when length(l.leaf) > 1 then get_byte(l.leaf, 1) & 37 <> 1 end
      where c.tenant_id = $1::uuid and c.id = any ($2::uuid[])
      order by c.id, l.id`,
    [tenantId, ids],
  );
}

/** What each of these requests objects to. */
export function selectPurposesOf(
  tenantId: string,
  requestIds: readonly string[],
): Statement<{ readonly id: string; readonly purpose: string | null }> {
  return statement(
    'select_purposes_of_requests',
    `select r.id, r.purpose from amanat.requests r where r.tenant_id = $1::uuid and r.id = any ($2::uuid[])`,
    [tenantId, requestIds],
  );
}

/**
 * Tables of which the service takes no row away, so that a row that the log names is there. Looked up, so that whoever reads the
 * statements knows every one.
 */
const kept = {
  acceptances: 'acceptances',
  break_glass: 'break_glass',
  cases: 'cases',
  extracts: 'extracts',
  feedback: 'feedback',
  grants: 'grants',
  messages: 'messages',
  permissions: 'permissions',
  reader_freezes: 'reader_freezes',
  recipients: 'recipients',
  requests: 'requests',
  seals: 'seals',
  shipments: 'shipments',
  statistics: 'statistics',
  supplementary_requests: 'supplementary_requests',
  undertakings: 'undertakings',
  webhooks: 'webhooks',
} as const;
export type KeptTable = keyof typeof kept;
export const keptTables = Object.keys(kept) as KeptTable[];

/** Which of these ids are there. */
export function selectThere(tenantId: string, table: KeptTable, ids: readonly string[]): Statement<{ id: string }> {
  return statement(
    `select_there_${table}`,
    `select r.id from amanat.${kept[table]} r where r.tenant_id = $1::uuid and r.id = any ($2::uuid[])`,
    [tenantId, ids],
  );
}

/** What says of a row that it was ended: so the log, and so the row. */
const ends = {
  cases: 'amanat.cases r where r.closed_at is null',
  grants: 'amanat.grants r where r.closed_at is null',
  reader_freezes: 'amanat.reader_freezes r where r.lifted_at is null',
  recipients: 'amanat.recipients r where r.revoked_at is null',
  requests: 'amanat.requests r where r.decided_at is null',
  requests_withdrawn: 'amanat.requests r where r.withdrawn_at is null',
  undertakings: 'amanat.undertakings r where r.revoked_at is null',
} as const;
export type Ended = keyof typeof ends;

/** Which of these rows are there and were not ended. */
export function selectUnended(tenantId: string, kind: Ended, ids: readonly string[]): Statement<{ id: string }> {
  return statement(
    `select_unended_${kind}`,
    `select r.id from ${ends[kind]} and r.tenant_id = $1::uuid and r.id = any ($2::uuid[]) order by r.id limit 1`,
    [tenantId, ids],
  );
}

/** How many versions of the policy there are, and how many their head knows of; null where there is none. */
export function selectPolicyExtent(
  tenantId: string,
): Statement<{ readonly versions: number | null; readonly head: number | null }> {
  return statement(
    'select_policy_extent',
    `select (select max(p.number) from amanat.policy_versions p where p.tenant_id = $1::uuid) as versions,
            (select h.number from amanat.policy_heads h where h.tenant_id = $1::uuid) as head`,
    [tenantId],
  );
}

/** Which of these customers were erased: of those, what proved the relation goes when it has had its time. */
export function selectErasedOf(tenantId: string, ids: readonly string[]): Statement<{ readonly id: string }> {
  return statement(
    'select_erased_of',
    `select c.id from amanat.customers c where c.tenant_id = $1::uuid and c.id = any ($2::uuid[]) and c.status = 'erased'`,
    [tenantId, ids],
  );
}

/**
 * Members of staff and recipients' clients whose admission is not what the registers come to, at most one: missing, open though
 * nothing stands, or closed though something does.
 */
export function selectWrongAdmission(tenantId: string): Statement<{ readonly id: string }> {
  return statement(
    'select_wrong_admission',
    `with told as (
       select 'actor' as kind, lower(u.actor) as subject, bool_or(u.revoked_at is null) as active,
              (array_agg(u.id order by u.id desc))[1] as id
         from amanat.undertakings u
        where u.tenant_id = $1::uuid and u.actor is not null
        group by lower(u.actor)
       union all
       select 'client', k.client_id::text, r.undertaking_id is not null and r.revoked_at is null, r.id
         from amanat.recipients r
        cross join lateral unnest(r.client_ids) as k (client_id)
        where r.tenant_id = $1::uuid
     )
     select t.id
       from told t
       left join amanat.admissions a
         on a.tenant_id = $1::uuid and a.kind = t.kind and a.subject = t.subject
      where a.subject is null or (a.valid_from is not null) is distinct from t.active
      order by t.id
      limit 1`,
    [tenantId],
  );
}
