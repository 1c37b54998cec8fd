import { grantColumns, type GrantFacts } from './grantFacts.ts';
import { statement, type Statement } from './statement.ts';

/** An open grant and who reads under it, when it is one client. */
export interface OpenGrantRow extends GrantFacts {
  readonly clientRole: string | null;
  readonly clientDepartment: string | null;
  readonly clientCarrierProfile: string | null;
}

/** Grants that are open or will be, by id. Not what a legal order rests on. */
export function selectOpenGrants(
  tenantId: string,
  afterId: string | undefined,
  now: Date,
  limit: number,
): Statement<OpenGrantRow> {
  return statement(
    'select_open_grants',
    `select ${grantColumns}, c.role as "clientRole", c.department as "clientDepartment",
            c.carrier_profile as "clientCarrierProfile"
       from amanat.grants g
       left join amanat.clients c on c.tenant_id = g.tenant_id and c.id = g.grantee_client_id
      where g.tenant_id = $1::uuid and ($2::uuid is null or g.id > $2::uuid) and g.closed_at is null
        and g.closes_at > $3::timestamptz and g.kind <> 'legal_order'
      order by g.id
      limit $4::integer`,
    [tenantId, afterId ?? null, now, limit],
  );
}
