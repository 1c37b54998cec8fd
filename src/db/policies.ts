import { statement, type Statement } from './statement.ts';
import type { PolicyRow } from './tenants.ts';

/** Who published a further version, and whether they call it an important change. */
export interface PublicationRow {
  readonly tenantId: string;
  readonly number: number;
  readonly material: boolean;
  readonly publishedBy: string;
  readonly publishedActor: string | null;
  readonly mac: Buffer;
}

export interface PolicyNoticeRow {
  readonly tenantId: string;
  readonly id: string;
  readonly number: number;
  readonly channel: string;
  readonly givenAt: Date;
  readonly audience: number | null;
  readonly recordedAt: Date;
  readonly recordedBy: string;
  readonly recordedActor: string | null;
  readonly mac: Buffer;
}

/** A further version has taken effect, and the grants it forbids are closed. */
export interface PolicyChangeRow {
  readonly tenantId: string;
  readonly number: number;
  readonly inForceFrom: Date;
  readonly sweptAt: Date;
  readonly mac: Buffer;
}

/** A version with what has come to it since; null where nothing has. */
export interface StoredVersionRow extends PolicyRow {
  readonly sourceSha256: Buffer;
  readonly material: boolean | null;
  readonly publishedBy: string | null;
  readonly publishedActor: string | null;
  readonly publicationMac: Buffer | null;
  readonly inForceFrom: Date | null;
  readonly sweptAt: Date | null;
  readonly changeMac: Buffer | null;
}

const columns = `p.tenant_id as "tenantId", p.number, p.profile, p.source, p.source_sha256 as "sourceSha256",
            p.published_at as "publishedAt", p.effective_from as "effectiveFrom", p.mac,
            b.material, b.published_by as "publishedBy", b.published_actor as "publishedActor",
            b.mac as "publicationMac", c.in_force_from as "inForceFrom", c.swept_at as "sweptAt",
            c.mac as "changeMac"`;
const joined = `amanat.policy_versions p
       left join amanat.policy_publications b on b.tenant_id = p.tenant_id and b.number = p.number
       left join amanat.policy_changes c on c.tenant_id = p.tenant_id and c.number = p.number`;

/**
 * Directory scope: versions, future ones too, that come after the one the caller knows; of a tenant it does not know, those
 * from the last on that is known to have taken effect. Ascending.
 */
export function selectPolicyVersions(
  known: readonly { tenantId: string; number: number }[],
): Statement<StoredVersionRow> {
  return statement(
    'select_policy_versions',
    `select ${columns}
       from ${joined}
       left join unnest($1::uuid[], $2::integer[]) as k (tenant_id, number) on k.tenant_id = p.tenant_id
      where p.number > k.number
         or (k.number is null and p.number >= coalesce((
              select max(d.number) from amanat.policy_changes d where d.tenant_id = p.tenant_id), 1))
      order by p.tenant_id, p.number`,
    [known.map((k) => k.tenantId), known.map((k) => k.number)],
  );
}

/** Tenant scope: every version there is. Ascending. */
export function selectPolicyHistory(tenantId: string): Statement<StoredVersionRow> {
  return statement(
    'select_policy_history',
    `select ${columns}
       from ${joined}
      where p.tenant_id = $1::uuid
      order by p.number`,
    [tenantId],
  );
}

export function insertPublication(row: PublicationRow): Statement {
  return statement(
    'insert_publication',
    `insert into amanat.policy_publications (tenant_id, number, material, published_by, published_actor, mac)
     values ($1::uuid, $2::integer, $3::boolean, $4::uuid, $5::text, $6::bytea)`,
    [row.tenantId, row.number, row.material, row.publishedBy, row.publishedActor, row.mac],
  );
}

export function insertPolicyNotice(row: PolicyNoticeRow): Statement {
  return statement(
    'insert_policy_notice',
    `insert into amanat.policy_notices
       (tenant_id, id, number, channel, given_at, audience, recorded_at, recorded_by, recorded_actor, mac)
     values ($1::uuid, $2::uuid, $3::integer, $4::text, $5::timestamptz, $6::integer, $7::timestamptz, $8::uuid, $9::text,
             $10::bytea)`,
    [
      row.tenantId,
      row.id,
      row.number,
      row.channel,
      row.givenAt,
      row.audience,
      row.recordedAt,
      row.recordedBy,
      row.recordedActor,
      row.mac,
    ],
  );
}

const noticeColumns = `n.tenant_id as "tenantId", n.id, n.number, n.channel, n.given_at as "givenAt", n.audience,
            n.recorded_at as "recordedAt", n.recorded_by as "recordedBy", n.recorded_actor as "recordedActor", n.mac`;

/** Directory scope: notices recorded since, and every one of the tenants that the caller does not know. */
export function selectRecentPolicyNotices(knownTenants: readonly string[], since: Date): Statement<PolicyNoticeRow> {
  return statement(
    'select_recent_policy_notices',
    `select ${noticeColumns}
       from amanat.policy_notices n
      where n.recorded_at >= $2::timestamptz or n.tenant_id <> all ($1::uuid[])`,
    [knownTenants, since],
  );
}

/** Tenant scope. Oldest first. */
export function selectPolicyNotices(tenantId: string): Statement<PolicyNoticeRow> {
  return statement(
    'select_policy_notices',
    `select ${noticeColumns}
       from amanat.policy_notices n
      where n.tenant_id = $1::uuid
      order by n.id`,
    [tenantId],
  );
}

/** Fails with policy_changes_pkey when another process has said so before. */
export function insertPolicyChange(row: PolicyChangeRow): Statement {
  return statement(
    'insert_policy_change',
    `insert into amanat.policy_changes (tenant_id, number, in_force_from, swept_at, mac)
     values ($1::uuid, $2::integer, $3::timestamptz, $4::timestamptz, $5::bytea)`,
    [row.tenantId, row.number, row.inForceFrom, row.sweptAt, row.mac],
  );
}

/** No row: the change of this version is not done with. */
export function selectPolicyChange(tenantId: string, number: number): Statement<PolicyChangeRow> {
  return statement(
    'select_policy_change',
    `select c.tenant_id as "tenantId", c.number, c.in_force_from as "inForceFrom", c.swept_at as "sweptAt", c.mac
       from amanat.policy_changes c
      where c.tenant_id = $1::uuid and c.number = $2::integer`,
    [tenantId, number],
  );
}
