/** Purposes that a person has closed: in the customer's own row, which every read and every new grant takes. */
import { statement, type Statement } from './statement.ts';

/**
 * Closes a purpose of a customer, and every grant under it but what a legal order rests on. Guarded: conflict unless the
 * customer is there. The customer's row is taken first, so of this and a new grant one sees the other.
 */
export function closePurpose(tenantId: string, customerId: string, purpose: string, at: Date): Statement[] {
  return [
    statement(
      'close_purpose',
      `with updated as (
         update amanat.customers
            set objected = array_append(array_remove(objected, $3::text), $3::text)
          where tenant_id = $1::uuid and id = $2::uuid and status in ('active', 'deactivated')
          returning 1
       )
       select amanat.require(count(*) = 1, 'conflict') from updated`,
      [tenantId, customerId, purpose],
    ),
    statement(
      'close_grants_of_purpose',
      `update amanat.grants
          set closed_at = $4::timestamptz, closed_reason = 'objected'
        where tenant_id = $1::uuid and customer_id = $2::uuid and purpose = $3::text and kind <> 'legal_order'
          and closed_at is null`,
      [tenantId, customerId, purpose, at],
    ),
  ];
}

/**
 * Opens it again for new work when the objection `requestId` is taken back and no other one that was granted stands; what was
 * closed stays closed. Guarded: conflict unless it is closed. To follow `takeCustomer`: of two that are taken back at once the
 * second sees the first.
 */
export function openPurpose(tenantId: string, customerId: string, purpose: string, requestId: string): Statement {
  return statement(
    'open_purpose',
    `with updated as (
       update amanat.customers
          set objected = case when exists (
                select 1 from amanat.requests r
                 where r.tenant_id = $1::uuid and r.customer_id = $2::uuid and r.kind = 'object'
                   and r.purpose = $3::text and r.state = 'done' and r.id <> $4::uuid)
              then objected else array_remove(objected, $3::text) end
        where tenant_id = $1::uuid and id = $2::uuid and status in ('active', 'deactivated')
          and objected @> array[$3::text]
        returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from updated`,
    [tenantId, customerId, purpose, requestId],
  );
}
