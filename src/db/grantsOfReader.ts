import { statement, type Statement } from './statement.ts';

/** Open grants that name one of these clients or members of staff (in lower case). Not a parcel's, nor what a legal order rests on. */
export function selectGrantsFor(
  tenantId: string,
  clientIds: readonly string[],
  actors: readonly string[],
  limit: number,
): Statement<{ readonly id: string; readonly customerId: string }> {
  return statement(
    'select_grants_for_readers',
    `select g.id, g.customer_id as "customerId"
       from amanat.grants g
      where g.tenant_id = $1::uuid and g.closed_at is null and g.kind not in ('legal_order', 'shipment')
        and (g.grantee_client_id = any ($2::uuid[]) or lower(g.actor) = any ($3::text[]))
      order by g.id
      limit $4::integer`,
    [tenantId, clientIds, actors, limit],
  );
}

/** What somebody else closed meanwhile stays as it is. */
export function closeGrantsFor(tenantId: string, ids: readonly string[], now: Date): Statement {
  return statement(
    'close_grants_for_readers',
    `update amanat.grants
        set closed_at = $3::timestamptz, closed_reason = 'incident'
      where tenant_id = $1::uuid and id = any ($2::uuid[]) and closed_at is null`,
    [tenantId, ids, now],
  );
}
