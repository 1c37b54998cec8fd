import type { Delivery } from './exports.ts';
import type { StoredStatus } from './legalOrders.ts';
import { statement, type Statement } from './statement.ts';

/** A line of the register of disclosures. */
export interface ListedExport {
  readonly id: string;
  readonly legalOrderId: string;
  readonly orderStatus: string;
  readonly kind: string;
  readonly ground: string;
  readonly authorityKind: string;
  readonly executedAt: Date;
  readonly records: number;
  readonly notFound: number;
  readonly outsidePeriod: number;
  readonly fields: readonly string[];
  readonly format: string;
  readonly delivery: Delivery;
  readonly sha256: Buffer;
  readonly registeredBy: string;
  readonly registeredActor: string;
  readonly decidedBy: string | null;
  readonly decidedActor: string | null;
  readonly executedBy: string;
  readonly executedActor: string;
  readonly fetchedBy: string | null;
  readonly fetchedActor: string | null;
  readonly fetchedAt: Date | null;
  readonly deliveredAt: Date | null;
}

/** What the register is narrowed by; undefined is no condition. */
export interface RegisterFilter {
  /** First moment of the execution, and the first after it. */
  readonly from: Date | undefined;
  readonly to: Date | undefined;
  readonly kind: string | undefined;
  readonly ground: string | undefined;
  readonly authorityKind: string | undefined;
  readonly legalOrderId: string | undefined;
  readonly delivery: string | undefined;
}

/** Newest first. */
export function listExports(
  tenantId: string,
  filter: RegisterFilter,
  beforeId: string | undefined,
  limit: number,
): Statement<ListedExport> {
  return statement(
    'list_exports',
    `select e.id, e.legal_order_id as "legalOrderId", o.status as "orderStatus", o.kind, o.ground,
            o.authority_kind as "authorityKind", e.executed_at as "executedAt", e.records, e.not_found as "notFound",
            e.outside_period as "outsidePeriod", e.fields, e.format, e.delivery, e.sha256,
            o.registered_by as "registeredBy", o.registered_actor as "registeredActor", o.decided_by as "decidedBy",
            o.decided_actor as "decidedActor", e.executed_by as "executedBy", e.executed_actor as "executedActor",
            e.fetched_by as "fetchedBy", e.fetched_actor as "fetchedActor", e.fetched_at as "fetchedAt",
            e.delivered_at as "deliveredAt"
       from amanat.exports e
       join amanat.legal_orders o on o.tenant_id = e.tenant_id and o.id = e.legal_order_id
      where e.tenant_id = $1::uuid and ($2::uuid is null or e.id < $2::uuid) and o.data_key is not null
        and ($4::timestamptz is null or e.executed_at >= $4::timestamptz)
        and ($5::timestamptz is null or e.executed_at < $5::timestamptz)
        and ($6::text is null or o.kind = $6::text)
        and ($7::text is null or o.ground = $7::text)
        and ($8::text is null or o.authority_kind = $8::text)
        and ($9::uuid is null or e.legal_order_id = $9::uuid)
        and ($10::text is null or e.delivery = $10::text)
      order by e.id desc
      limit $3::integer`,
    [
      tenantId,
      beforeId ?? null,
      limit,
      filter.from ?? null,
      filter.to ?? null,
      filter.kind ?? null,
      filter.ground ?? null,
      filter.authorityKind ?? null,
      filter.legalOrderId ?? null,
      filter.delivery ?? null,
    ],
  );
}

/** An order that was registered or executed in a time, and what became of its package. */
export interface ReportedOrder {
  readonly id: string;
  readonly kind: string;
  readonly ground: string;
  readonly authorityKind: string;
  readonly status: StoredStatus;
  readonly registeredAt: Date;
  readonly validUntil: Date;
  readonly approvalExpires: Date | null;
  readonly executedAt: Date | null;
  readonly records: number | null;
  readonly fields: readonly string[] | null;
  readonly delivery: Delivery | null;
  /** Persons whose data were held under it. */
  readonly holds: number;
}

/** Oldest first, from after `afterId` on: what the yearly report counts. */
export function selectReportedOrders(
  tenantId: string,
  from: Date,
  to: Date,
  afterId: string | undefined,
  limit: number,
): Statement<ReportedOrder> {
  return statement(
    'select_reported_orders',
    `select o.id, o.kind, o.ground, o.authority_kind as "authorityKind", o.status, o.registered_at as "registeredAt",
            o.valid_until as "validUntil", o.approval_expires as "approvalExpires",
            o.executed_at as "executedAt", e.records, e.fields, e.delivery, count(h.id)::integer as holds
       from amanat.legal_orders o
       left join amanat.exports e on e.tenant_id = o.tenant_id and e.legal_order_id = o.id
       left join amanat.holds h on h.tenant_id = o.tenant_id and h.legal_order_id = o.id
      where o.tenant_id = $1::uuid and ($4::uuid is null or o.id > $4::uuid)
        and ((o.registered_at >= $2::timestamptz and o.registered_at < $3::timestamptz)
             or (o.executed_at >= $2::timestamptz and o.executed_at < $3::timestamptz))
      group by o.tenant_id, o.id, e.tenant_id, e.id
      order by o.id
      limit $5::integer`,
    [tenantId, from, to, afterId ?? null, limit],
  );
}
