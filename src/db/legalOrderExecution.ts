import { statement, type Statement } from './statement.ts';

/**
 * First statement of an execution: takes the order's row, so that a revocation or another execution comes wholly before
 * or wholly after it, and aborts with the refusal that then holds.
 */
export function takeLegalOrderForExecution(tenantId: string, id: string, version: number, at: Date): Statement {
  return statement(
    'take_legal_order_for_execution',
    `with taken as (
       select o.status, o.version, o.valid_until, o.approval_expires
         from amanat.legal_orders o
        where o.tenant_id = $1::uuid and o.id = $2::uuid
          for update
     ), judged as (
       select case
                when t.status = 'revoked' then 'legal_order_revoked'
                when t.status = 'executed' then 'legal_order_used'
                when t.status <> 'approved' then 'legal_order_not_approved'
                when t.valid_until <= $4::timestamptz then 'legal_order_expired'
                when t.approval_expires <= $4::timestamptz then 'legal_order_not_approved'
                when t.version <> $3::integer then 'conflict'
              end as fault
         from taken t
     )
     select amanat.require(j.fault is null, j.fault) from judged j`,
    [tenantId, id, version, at],
  );
}

/** First statement of a delivery: nothing is handed out once its order is revoked or has run out. Aborts with the refusal. */
export function holdExecutedOrder(tenantId: string, id: string, at: Date): Statement {
  return statement(
    'hold_executed_order',
    `with held as (
       select o.status, o.valid_until
         from amanat.legal_orders o
        where o.tenant_id = $1::uuid and o.id = $2::uuid
          for share
     ), judged as (
       select case
                when h.status = 'revoked' then 'legal_order_revoked'
                when h.status <> 'executed' then 'legal_order_used'
                when h.valid_until <= $3::timestamptz then 'legal_order_expired'
              end as fault
         from held h
     )
     select amanat.require(j.fault is null, j.fault) from judged j`,
    [tenantId, id, at],
  );
}
