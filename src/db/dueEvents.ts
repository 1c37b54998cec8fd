import type { CaseKind } from './cases.ts';
import type { NoticeFacts } from './notices.ts';
import { statement, type Statement } from './statement.ts';

/** Something whose moment has come and of which nobody was told yet. */
export interface DueRow {
  readonly objectId: string;
  readonly legalOrderId: string | null;
  readonly dueAt: Date;
}

/** Executions whose later review was not made in time. */
export function selectOverdueReviews(tenantId: string, now: Date, limit: number): Statement<DueRow> {
  return statement(
    'select_overdue_reviews',
    `select o.id as "objectId", o.id as "legalOrderId", o.review_due as "dueAt"
       from amanat.legal_orders o
      where o.tenant_id = $1::uuid and o.review_due <= $2::timestamptz and o.reviewed_at is null
        and not exists (
          select 1 from amanat.events e
           where e.tenant_id = $1::uuid and e.kind = 'review.overdue' and e.object_id = o.id and e.due_at = o.review_due)
      order by o.review_due
      limit $3::integer`,
    [tenantId, now, limit],
  );
}

/** Approvals that ran out before anybody executed the order. Preservation has nothing to execute; its hold is told of. */
export function selectExpiredApprovals(tenantId: string, now: Date, limit: number): Statement<DueRow> {
  return statement(
    'select_expired_approvals',
    `select o.id as "objectId", o.id as "legalOrderId", o.approval_expires as "dueAt"
       from amanat.legal_orders o
      where o.tenant_id = $1::uuid and o.status = 'approved' and o.kind <> 'preservation'
        and o.approval_expires <= $2::timestamptz
        and not exists (
          select 1 from amanat.events e
           where e.tenant_id = $1::uuid and e.kind = 'legal_order.approval_expired' and e.object_id = o.id
             and e.due_at = o.approval_expires)
      order by o.approval_expires
      limit $3::integer`,
    [tenantId, now, limit],
  );
}

/** Orders whose holds end within a day; one, however many persons it holds. */
export function selectEndingHolds(tenantId: string, now: Date, limit: number): Statement<DueRow> {
  return statement(
    'select_ending_holds',
    `select h.legal_order_id as "objectId", h.legal_order_id as "legalOrderId",
            h.ends_at - interval '24 hours' as "dueAt"
       from amanat.holds h
      where h.tenant_id = $1::uuid and h.released_at is null and h.ends_at <= $2::timestamptz + interval '24 hours'
        and not exists (
          select 1 from amanat.events e
           where e.tenant_id = $1::uuid and e.kind = 'hold.ending' and e.object_id = h.legal_order_id
             and e.due_at = h.ends_at - interval '24 hours')
      group by h.legal_order_id, h.ends_at
      order by h.ends_at
      limit $3::integer`,
    [tenantId, now, limit],
  );
}

/** Notices that fell due: the shop has to tell somebody. */
export function selectFallenNotices(tenantId: string, now: Date, limit: number): Statement<NoticeFacts> {
  return statement(
    'select_fallen_notices',
    `select n.id, n.legal_order_id as "legalOrderId", n.export_id as "exportId", n.customer_id as "customerId",
            n.due_at as "dueAt", n.created_at as "createdAt", n.mac
       from amanat.notices n
      where n.tenant_id = $1::uuid and n.due_at <= $2::timestamptz and n.told_at is null and n.cancelled_at is null
        and not exists (
          select 1 from amanat.events e
           where e.tenant_id = $1::uuid and e.kind = 'notice.due' and e.object_id = n.id and e.due_at = n.due_at)
      order by n.due_at, n.id
      limit $3::integer`,
    [tenantId, now, limit],
  );
}

export interface OverdueRequest {
  readonly id: string;
  readonly customerId: string;
  readonly dueAt: Date;
}

/** Requests that nobody has decided by their day, and of which nobody was told yet. */
export function selectOverdueRequests(tenantId: string, now: Date, limit: number): Statement<OverdueRequest> {
  return statement(
    'select_overdue_requests',
    `select r.id, r.customer_id as "customerId", r.due_at as "dueAt"
       from amanat.requests r
      where r.tenant_id = $1::uuid and r.state = 'open' and r.outcome is null and r.due_at <= $2::timestamptz
        and not exists (
          select 1 from amanat.events e
           where e.tenant_id = $1::uuid and e.kind = 'request.overdue' and e.object_id = r.id and e.due_at = r.due_at)
      order by r.due_at
      limit $3::integer`,
    [tenantId, now, limit],
  );
}

export interface OverdueCase {
  readonly id: string;
  readonly kind: CaseKind;
  readonly customerId: string;
  readonly dueAt: Date;
}

/** Cases whose day has passed and of which nobody was told yet. */
export function selectOverdueCases(tenantId: string, now: Date, limit: number): Statement<OverdueCase> {
  return statement(
    'select_overdue_cases',
    `select c.id, c.kind, c.customer_id as "customerId", c.due_at as "dueAt"
       from amanat.cases c
      where c.tenant_id = $1::uuid and c.state <> 'closed' and c.due_at <= $2::timestamptz
        and not exists (
          select 1 from amanat.events e
           where e.tenant_id = $1::uuid and e.kind = c.kind || '.overdue' and e.object_id = c.id
             and e.due_at = c.due_at)
      order by c.due_at
      limit $3::integer`,
    [tenantId, now, limit],
  );
}
