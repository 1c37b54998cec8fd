import type { DueCount } from './retention.ts';
import { statement, type Statement } from './statement.ts';

export const holdKinds = ['preservation', 'provisional', 'own'] as const;
export type HoldKind = (typeof holdKinds)[number];

/** A hold stands until `releasedAt` is written, whatever its times say; see sql/000009_holds.sql. */
export interface HoldRow {
  readonly id: string;
  readonly legalOrderId: string;
  readonly customerId: string;
  readonly kind: HoldKind;
  readonly startsAt: Date;
  readonly endsAt: Date;
  readonly releasedAt: Date | null;
  readonly createdAt: Date;
  readonly mac: Buffer;
}

/** Of `amanat.holds h`. */
const columns = `h.id, h.legal_order_id as "legalOrderId", h.customer_id as "customerId", h.kind,
            h.starts_at as "startsAt", h.ends_at as "endsAt", h.released_at as "releasedAt",
            h.created_at as "createdAt", h.mac`;

/**
 * Guarded: conflict unless all of these customers are there and not erased. Holds their rows until the commit, so that of a
 * hold and an erasure the second sees the first. Each id once.
 */
export function takeCustomersForHold(tenantId: string, customerIds: readonly string[]): Statement {
  return statement(
    'take_customers_for_hold',
    `with taken as (
       select c.id
         from amanat.customers c
        where c.tenant_id = $1::uuid and c.id = any ($2::uuid[]) and c.status <> 'erased'
        order by c.id
          for no key update
     )
     select amanat.require(count(*) = cardinality($2::uuid[]), 'conflict') from taken`,
    [tenantId, customerIds],
  );
}

/**
 * Guarded: conflict when one of these customers was under an officer's hold since then and no judge's order has come after
 * it. To follow `takeCustomersForHold`.
 */
export function requireNoOfficersHold(tenantId: string, customerIds: readonly string[], since: Date): Statement {
  return statement(
    'require_no_officers_hold',
    `select amanat.require(not exists (
              select 1
                from amanat.holds h
               where h.tenant_id = $1::uuid and h.customer_id = any ($2::uuid[]) and h.kind = 'provisional'
                 and h.created_at > $3::timestamptz
                 and not exists (
                   select 1
                     from amanat.holds j
                    where j.tenant_id = $1::uuid and j.customer_id = h.customer_id and j.kind = 'preservation'
                      and j.created_at >= h.created_at)), 'conflict')`,
    [tenantId, customerIds, since],
  );
}

/** To follow `takeCustomersForHold`. */
export function insertHolds(tenantId: string, holds: readonly HoldRow[]): Statement {
  return statement(
    'insert_holds',
    `insert into amanat.holds
       (tenant_id, id, legal_order_id, customer_id, kind, starts_at, ends_at, created_at, mac)
     select $1::uuid, h.id, h.legal_order_id, h.customer_id, h.kind, h.starts_at, h.ends_at, h.created_at, h.mac
       from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::timestamptz[], $7::timestamptz[],
                   $8::timestamptz[], $9::bytea[])
            as h (id, legal_order_id, customer_id, kind, starts_at, ends_at, created_at, mac)`,
    [
      tenantId,
      holds.map((h) => h.id),
      holds.map((h) => h.legalOrderId),
      holds.map((h) => h.customerId),
      holds.map((h) => h.kind),
      holds.map((h) => h.startsAt),
      holds.map((h) => h.endsAt),
      holds.map((h) => h.createdAt),
      holds.map((h) => h.mac),
    ],
  );
}

/** What of a hold can change, and the MAC it had when it was read. */
export interface HoldChange {
  readonly id: string;
  readonly was: Buffer;
  readonly endsAt: Date;
  readonly releasedAt: Date | null;
  readonly release: Buffer | null;
  readonly mac: Buffer;
}

/** Guarded: conflict unless every hold still stands as it was read. */
export function changeHolds(tenantId: string, changes: readonly HoldChange[]): Statement {
  return statement(
    'change_holds',
    `with changed as (
       update amanat.holds h
          set ends_at = n.ends_at, released_at = n.released_at, release = n.release, mac = n.mac
         from unnest($2::uuid[], $3::bytea[], $4::timestamptz[], $5::timestamptz[], $6::bytea[], $7::bytea[])
              as n (id, was, ends_at, released_at, release, mac)
        where h.tenant_id = $1::uuid and h.id = n.id and h.mac = n.was and h.released_at is null
        returning 1
     )
     select amanat.require(count(*) = cardinality($2::uuid[]), 'conflict') from changed`,
    [
      tenantId,
      changes.map((c) => c.id),
      changes.map((c) => c.was),
      changes.map((c) => c.endsAt),
      changes.map((c) => c.releasedAt),
      changes.map((c) => c.release),
      changes.map((c) => c.mac),
    ],
  );
}

/** Every hold of these orders, over or not. */
export function selectHoldsOfOrders(tenantId: string, legalOrderIds: readonly string[]): Statement<HoldRow> {
  return statement(
    'select_holds_of_orders',
    `select ${columns}
       from amanat.holds h
      where h.tenant_id = $1::uuid and h.legal_order_id = any ($2::uuid[])
      order by h.id`,
    [tenantId, legalOrderIds],
  );
}

/** Every hold on these customers, over or not: whether one that says so is over is the vault's to judge, by its MAC. */
export function selectHoldsOn(tenantId: string, customerIds: readonly string[]): Statement<HoldRow> {
  return statement(
    'select_holds_on',
    `select ${columns}
       from amanat.holds h
      where h.tenant_id = $1::uuid and h.customer_id = any ($2::uuid[])
      order by h.id`,
    [tenantId, customerIds],
  );
}

/** Holds whose time is over and that nobody has ended yet, the longest over first. */
export function selectLapsedHolds(
  tenantId: string,
  kinds: readonly HoldKind[],
  at: Date,
  limit: number,
): Statement<HoldRow> {
  return statement(
    'select_lapsed_holds',
    `select ${columns}
       from amanat.holds h
      where h.tenant_id = $1::uuid and h.released_at is null and h.ends_at <= $2::timestamptz
        and h.kind = any ($4::text[])
      order by h.ends_at
      limit $3::integer`,
    [tenantId, at, limit, kinds],
  );
}

export function countLapsedHolds(tenantId: string, kinds: readonly HoldKind[], at: Date): Statement<DueCount> {
  return statement(
    'count_lapsed_holds',
    `select count(*)::integer as due, 0 as held
       from amanat.holds h
      where h.tenant_id = $1::uuid and h.released_at is null and h.ends_at <= $2::timestamptz
        and h.kind = any ($3::text[])`,
    [tenantId, at, kinds],
  );
}

export function selectHold(tenantId: string, id: string): Statement<HoldRow> {
  return statement(
    'select_hold',
    `select ${columns} from amanat.holds h where h.tenant_id = $1::uuid and h.id = $2::uuid`,
    [tenantId, id],
  );
}

/** The sealed reasons for which holds of an order were released one by one. */
export function selectReleases(
  tenantId: string,
  legalOrderId: string,
): Statement<{ readonly id: string; readonly release: Buffer }> {
  return statement(
    'select_releases',
    `select h.id, h.release
       from amanat.holds h
      where h.tenant_id = $1::uuid and h.legal_order_id = $2::uuid and h.release is not null
      order by h.id`,
    [tenantId, legalOrderId],
  );
}

export interface HoldFilter {
  readonly customerId: string | undefined;
  readonly legalOrderId: string | undefined;
  /** Only those that stand at `at`, or only the others. */
  readonly active: boolean | undefined;
  readonly at: Date;
}

/** Newest first. */
export function listHolds(
  tenantId: string,
  filter: HoldFilter,
  beforeId: string | undefined,
  limit: number,
): Statement<HoldRow> {
  return statement(
    'list_holds',
    `select ${columns}
       from amanat.holds h
      where h.tenant_id = $1::uuid and ($2::uuid is null or h.customer_id = $2::uuid)
        and ($3::uuid is null or h.legal_order_id = $3::uuid)
        and ($4::boolean is null or $4::boolean = (h.released_at is null and h.ends_at > $5::timestamptz))
        and ($6::uuid is null or h.id < $6::uuid)
      order by h.id desc
      limit $7::integer`,
    [
      tenantId,
      filter.customerId ?? null,
      filter.legalOrderId ?? null,
      filter.active ?? null,
      filter.at,
      beforeId ?? null,
      limit,
    ],
  );
}
