/** Former states of customers and orders: written by the database itself at every edit (sql/000009_holds.sql). */
import { statement, type Statement } from './statement.ts';

const tables = { customers: 'customer_versions', orders: 'order_versions' } as const;
const ids = { customers: 'customer_id', orders: 'order_id' } as const;
export type VersionedKind = keyof typeof tables;

export interface FormerVersion {
  /** The customer or the order. */
  readonly id: string;
  readonly customerId: string;
  readonly version: number;
}

/** What a customer was, sealed as the version it was; what opens it is the key of now. */
export interface FormerState {
  readonly version: number;
  readonly sealed: Buffer;
  readonly capturedAt: Date;
  readonly replacedAt: Date;
}

/**
 * Former states of a customer that were replaced no longer ago than `keep` (an ISO 8601 duration; undefined: ever), the newest
 * first.
 */
export function selectFormerStates(
  tenantId: string,
  customerId: string,
  keep: string | undefined,
  at: Date,
  limit: number,
): Statement<FormerState> {
  return statement(
    'select_former_states',
    `select v.version, v.sealed, v.captured_at as "capturedAt", v.replaced_at as "replacedAt"
       from amanat.customer_versions v
      where v.tenant_id = $1::uuid and v.customer_id = $2::uuid
        and ($3::interval is null or v.replaced_at > $4::timestamptz - $3::interval)
      order by v.version desc
      limit $5::integer`,
    [tenantId, customerId, keep ?? null, at, limit],
  );
}

/**
 * Replaced longer ago than `keep` (an ISO 8601 duration; undefined keeps all), of customers without a standing hold; the
 * oldest first. Of customers, then of orders.
 */
export function selectDueVersions(
  tenantId: string,
  keep: Readonly<Record<VersionedKind, string | undefined>>,
  at: Date,
  limit: number,
): readonly [Statement<FormerVersion>, Statement<FormerVersion>] {
  const due = (kind: VersionedKind): Statement<FormerVersion> =>
    statement<FormerVersion>(
      `select_due_versions_${kind}`,
      `select v.${ids[kind]} as id, v.customer_id as "customerId", v.version
         from amanat.${tables[kind]} v
        where v.tenant_id = $1::uuid and v.replaced_at <= $3::timestamptz - $2::interval
          and not exists (
            select 1 from amanat.holds h
             where h.tenant_id = $1::uuid and h.customer_id = v.customer_id and h.released_at is null)
        order by v.replaced_at
        limit $4::integer`,
      [tenantId, keep[kind] ?? null, at, limit],
    );
  return [due('customers'), due('orders')];
}

/** A former state of a customer: opens with the customer's data key of now. */
export interface FormerCustomer {
  readonly version: number;
  readonly sealed: Buffer;
}

/**
 * Those below a version that were replaced no longer ago than `keep` (undefined: ever), newest first: what a hold keeps beyond
 * that is not among them.
 */
export function selectFormerCustomers(
  tenantId: string,
  customerId: string,
  keep: string | undefined,
  at: Date,
  before: number | undefined,
  limit: number,
): Statement<FormerCustomer> {
  return statement(
    'select_former_customers',
    `select v.version, v.sealed
       from amanat.customer_versions v
      where v.tenant_id = $1::uuid and v.customer_id = $2::uuid and ($5::integer is null or v.version < $5::integer)
        and ($3::text is null or v.replaced_at > $4::timestamptz - $3::interval)
      order by v.version desc
      limit $6::integer`,
    [tenantId, customerId, keep ?? null, at, before ?? null, limit],
  );
}

/** Aborts with conflict when a hold of one of their customers stands. */
export function deleteVersions(
  tenantId: string,
  versions: Readonly<Record<VersionedKind, readonly FormerVersion[]>>,
): Statement[] {
  return (['customers', 'orders'] as const).map((kind) =>
    statement(
      `delete_versions_${kind}`,
      `delete from amanat.${tables[kind]} v
        using unnest($2::uuid[], $3::integer[]) as d (id, version)
        where v.tenant_id = $1::uuid and v.${ids[kind]} = d.id and v.version = d.version`,
      [tenantId, versions[kind].map((v) => v.id), versions[kind].map((v) => v.version)],
    ),
  );
}

/** All former states of a customer and of its orders. Aborts with conflict when a hold of the customer stands. */
export function deleteVersionsOf(tenantId: string, customerId: string): Statement[] {
  return (['customers', 'orders'] as const).map((kind) =>
    statement(
      `delete_versions_of_customer_${kind}`,
      `delete from amanat.${tables[kind]} v where v.tenant_id = $1::uuid and v.customer_id = $2::uuid`,
      [tenantId, customerId],
    ),
  );
}
