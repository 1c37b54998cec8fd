/** Words in rows of their own that are sealed under the key of another record, by whom or what they concern. */
import { statement, type Statement } from './statement.ts';

/** A value that stands in a row of its own and under the key of another record; no key where that one was destroyed. */
export interface AttachedRow {
  readonly id: string;
  readonly part: string;
  readonly version: number;
  readonly ownerId: string;
  readonly keyVersion: number;
  readonly dataKey: Buffer | null;
  readonly sealed: Buffer;
}

/** Each `r.<column>` of a table and the row `o` whose key it is sealed under. */
const attached = {
  grants: `select r.id, w.part, 1 as version, o.id as "ownerId", o.key_version as "keyVersion",
            o.data_key as "dataKey", w.sealed
       from amanat.grants r
       join amanat.customers o on o.tenant_id = r.tenant_id and o.id = r.customer_id
      cross join lateral (values ('externalRef', r.external_ref), ('account', r.account)) as w (part, sealed)
      where r.tenant_id = $1::uuid and w.sealed is not null`,
  shipments: `select r.id, 'lastFailure' as part, r.attempts as version, o.id as "ownerId", o.key_version as "keyVersion",
            o.data_key as "dataKey", r.last_failure as sealed
       from amanat.shipments r
       join amanat.orders o on o.tenant_id = r.tenant_id and o.id = r.order_id
      where r.tenant_id = $1::uuid and r.last_failure is not null`,
  holds: `select r.id, 'release' as part, 1 as version, o.id as "ownerId", o.key_version as "keyVersion",
            o.data_key as "dataKey", r.release as sealed
       from amanat.holds r
       join amanat.legal_orders o on o.tenant_id = r.tenant_id and o.id = r.legal_order_id
      where r.tenant_id = $1::uuid and r.release is not null`,
  requests: `select r.id, w.part, 1 as version, o.id as "ownerId", o.key_version as "keyVersion",
            o.data_key as "dataKey", w.sealed
       from amanat.requests r
       join amanat.customers o on o.tenant_id = r.tenant_id and o.id = r.customer_id
      cross join lateral (values ('note', r.note), ('why', r.why), ('proposal', r.proposal))
            as w (part, sealed)
      where r.tenant_id = $1::uuid and w.sealed is not null`,
  break_glass: `select r.id, w.part, 1 as version, o.id as "ownerId", o.key_version as "keyVersion",
            o.data_key as "dataKey", w.sealed
       from amanat.break_glass r
       join amanat.customers o on o.tenant_id = r.tenant_id and o.id = r.customer_id
      cross join lateral (values ('reason', r.reason), ('finding', r.finding)) as w (part, sealed)
      where r.tenant_id = $1::uuid and w.sealed is not null`,
  cases: `select r.id, w.part, 1 as version, o.id as "ownerId", o.key_version as "keyVersion",
            o.data_key as "dataKey", w.sealed
       from amanat.cases r
       join amanat.customers o on o.tenant_id = r.tenant_id and o.id = r.customer_id
      cross join lateral (values ('words', r.words), ('finding', r.finding), ('remedy', r.remedy)) as w (part, sealed)
      where r.tenant_id = $1::uuid and w.sealed is not null`,
  supplementary_requests: `select r.id, 'answers' as part, 1 as version, o.id as "ownerId",
            o.key_version as "keyVersion", o.data_key as "dataKey", r.answers as sealed
       from amanat.supplementary_requests r
       join amanat.customers o on o.tenant_id = r.tenant_id and o.id = r.customer_id
      where r.tenant_id = $1::uuid and r.answers is not null`,
  permissions: `select r.id, 'said' as part, 1 as version, o.id as "ownerId", o.key_version as "keyVersion",
            o.data_key as "dataKey", r.said as sealed
       from amanat.permissions r
       join amanat.customers o on o.tenant_id = r.tenant_id and o.id = r.customer_id
      where r.tenant_id = $1::uuid and r.said is not null`,
  contact_assurances: `select r.id, r.point || '/call' as part, 1 as version, o.id as "ownerId",
            o.key_version as "keyVersion", o.data_key as "dataKey", r.call_reference as sealed
       from (select a.*, a.customer_id as id from amanat.contact_assurances a where a.tenant_id = $1::uuid) r
       join amanat.customers o on o.tenant_id = r.tenant_id and o.id = r.customer_id
      where r.call_reference is not null`,
} as const;
export type AttachedKind = keyof typeof attached;
export const attachedKinds = Object.keys(attached) as AttachedKind[];

/** All parts of a row come in one page. */
export function selectAttached(
  tenantId: string,
  kind: AttachedKind,
  afterId: string | undefined,
  limit: number,
): Statement<AttachedRow> {
  return statement(
    `select_attached_${kind}`,
    `with page as (
       ${attached[kind]}
        and ($2::uuid is null or r.id > $2::uuid)
      order by r.id
      fetch first ($3::integer) rows with ties
     )
     select p.id, p.part, p.version, p."ownerId", p."keyVersion", p."dataKey", p.sealed from page p order by p.id`,
    [tenantId, afterId ?? null, limit],
  );
}

/** Everything that stands under one record's key. */
export function selectAttachedTo(tenantId: string, kind: AttachedKind, ownerId: string): Statement<AttachedRow> {
  return statement(
    `select_attached_to_${kind}`,
    `${attached[kind]} and o.id = $2::uuid
      order by 1, 2`,
    [tenantId, ownerId],
  );
}

/** The columns of the parts, and how a row is told from the others. */
interface AttachedParts {
  readonly id: string;
  /** Where a part is a row of its own: what its name is made of. */
  readonly part?: string;
  readonly columns: Readonly<Record<string, string>>;
}

export const attachedParts: Readonly<Record<AttachedKind, AttachedParts>> = {
  grants: { id: 'id', columns: { externalRef: 'external_ref', account: 'account' } },
  shipments: { id: 'id', columns: { lastFailure: 'last_failure' } },
  holds: { id: 'id', columns: { release: 'release' } },
  requests: { id: 'id', columns: { note: 'note', why: 'why', proposal: 'proposal' } },
  break_glass: { id: 'id', columns: { reason: 'reason', finding: 'finding' } },
  cases: { id: 'id', columns: { words: 'words', finding: 'finding', remedy: 'remedy' } },
  supplementary_requests: { id: 'id', columns: { answers: 'answers' } },
  permissions: { id: 'id', columns: { said: 'said' } },
  contact_assurances: { id: 'customer_id', part: `r.point || '/call'`, columns: { call: 'call_reference' } },
};

/** Guarded: conflict unless everything under a record's key was sealed under the one that has this commitment. */
export function requireAllRenewed(
  tenantId: string,
  kind: AttachedKind,
  ownerId: string,
  commitment: Buffer,
): Statement {
  // The commitment follows the format's byte in either format (crypto/envelope.ts, crypto/valueEnvelope.ts).
  return statement(
    `require_all_renewed_${kind}`,
    `select amanat.require(not exists (
       select 1 from (${attached[kind]} and o.id = $2::uuid) w where substr(w.sealed, 2, 32) <> $3::bytea), 'conflict')`,
    [tenantId, ownerId, commitment],
  );
}
