import type { Delivery, NewExportRow } from './exports.ts';
import { statement, type Statement } from './statement.ts';

/** A line of the register of disclosures. */
export interface ListedExport extends Pick<
  NewExportRow,
  | 'id'
  | 'legalOrderId'
  | 'executedBy'
  | 'executedActor'
  | 'executedAt'
  | 'records'
  | 'notFound'
  | 'outsidePeriod'
  | 'fields'
  | 'format'
  | 'sha256'
> {
  readonly delivery: Delivery;
  readonly orderStatus: string;
  readonly registeredBy: string;
  readonly registeredActor: string;
  readonly decidedBy: string | null;
  readonly decidedActor: string | null;
  readonly fetchedBy: string | null;
  readonly fetchedActor: string | null;
  readonly fetchedAt: Date | null;
}

/** Newest first. */
export function listExports(tenantId: string, beforeId: string | undefined, limit: number): Statement<ListedExport> {
  return statement(
    'list_exports',
    `select e.id, e.legal_order_id as "legalOrderId", o.status as "orderStatus", e.executed_at as "executedAt",
            e.records, e.not_found as "notFound", e.outside_period as "outsidePeriod", e.fields, e.sha256,
            e.format, e.delivery,
            o.registered_by as "registeredBy", o.registered_actor as "registeredActor", o.decided_by as "decidedBy",
            o.decided_actor as "decidedActor", e.executed_by as "executedBy", e.executed_actor as "executedActor",
            e.fetched_by as "fetchedBy", e.fetched_actor as "fetchedActor", e.fetched_at as "fetchedAt"
       from amanat.exports e
       join amanat.legal_orders o on o.tenant_id = e.tenant_id and o.id = e.legal_order_id
      where e.tenant_id = $1::uuid and ($2::uuid is null or e.id < $2::uuid)
      order by e.id desc
      limit $3::integer`,
    [tenantId, beforeId ?? null, limit],
  );
}
