import { statement, type Statement } from './statement.ts';

export interface DecoyListRow {
  readonly id: string;
  readonly version: number;
  readonly keyVersion: number;
  readonly dataKey: Buffer;
  readonly sealed: Buffer;
}

export function selectDecoyList(tenantId: string): Statement<DecoyListRow> {
  return statement(
    'select_decoy_list',
    `select d.id, d.version, d.key_version as "keyVersion", d.data_key as "dataKey", d.sealed
       from amanat.decoy_lists d
      where d.tenant_id = $1::uuid`,
    [tenantId],
  );
}

/** Guarded: conflict unless the version before is there, or none where this is the first. */
export function putDecoyList(tenantId: string, list: DecoyListRow): Statement {
  return statement(
    'put_decoy_list',
    `with put as (
       insert into amanat.decoy_lists as d (tenant_id, id, version, key_version, data_key, sealed)
       values ($1::uuid, $2::uuid, $3::integer, $4::integer, $5::bytea, $6::bytea)
           on conflict (tenant_id) do update
          set version = excluded.version, sealed = excluded.sealed
        where d.id = excluded.id and d.version = excluded.version - 1
       returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from put`,
    [tenantId, list.id, list.version, list.keyVersion, list.dataKey, list.sealed],
  );
}
