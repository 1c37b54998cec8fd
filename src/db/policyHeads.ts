import { statement, type Statement } from './statement.ts';

/** The newest version there is, under `mac`. */
export interface PolicyHeadRow {
  readonly tenantId: string;
  readonly number: number;
  /** The MAC of that version's row. */
  readonly last: Buffer;
  readonly mac: Buffer;
}

const columns = `h.tenant_id as "tenantId", h.number, h.last, h.mac`;

/** Directory scope. To be read before the versions: it is moved by the commit that adds one. */
export function selectPolicyHeads(): Statement<PolicyHeadRow> {
  return statement('select_policy_heads', `select ${columns} from amanat.policy_heads h`, []);
}

/** Tenant scope. */
export function selectPolicyHead(tenantId: string): Statement<PolicyHeadRow> {
  return statement(
    'select_policy_head',
    `select ${columns}
       from amanat.policy_heads h
      where h.tenant_id = $1::uuid`,
    [tenantId],
  );
}

/** Guarded: conflict unless it stood at the version before. */
export function movePolicyHead({ tenantId, number, last, mac }: PolicyHeadRow): Statement {
  return statement(
    'move_policy_head',
    `with moved as (
       insert into amanat.policy_heads as h (tenant_id, number, last, mac)
       values ($1::uuid, $2::integer, $3::bytea, $4::bytea)
       on conflict (tenant_id) do update
          set number = excluded.number, last = excluded.last, mac = excluded.mac
        where h.number = excluded.number - 1
       returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from moved`,
    [tenantId, number, last, mac],
  );
}
