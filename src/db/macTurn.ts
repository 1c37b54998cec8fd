/** Rows that carry a MAC, paged by the key of their table, and their MACs made anew. */
import { columnOf, macTableOf } from './integritySweep.ts';
import { statement, type Statement } from './statement.ts';

/** A column of a table's key, without the tenant, as PostgreSQL calls its type. */
export interface KeyColumn {
  readonly column: string;
  readonly type: string;
}

export function selectKeyColumns(kind: string): Statement<KeyColumn> {
  return statement(
    'select_key_columns',
    `select a.attname::text as column, format_type(a.atttypid, a.atttypmod) as type
       from pg_catalog.pg_index x
      cross join lateral unnest(x.indkey::smallint[]) with ordinality as k (attnum, place)
       join pg_catalog.pg_attribute a on a.attrelid = x.indrelid and a.attnum = k.attnum
      where x.indrelid = to_regclass('amanat.' || $1::text) and x.indisprimary and a.attname <> 'tenant_id'
      order by k.place`,
    [macTableOf(kind).table],
  );
}

/** With the row's key, as text, in `at`. */
export type SignedPageRow = Readonly<Record<string, unknown>> & {
  readonly mac: Buffer | null;
  readonly at: readonly string[];
};

const quoted = ({ column }: KeyColumn): string => `r.${column}`;

/** Names come from tables of our own and the catalog, never from a request. */
export function selectSignedPage(
  tenantId: string,
  kind: string,
  members: readonly string[],
  key: readonly KeyColumn[],
  after: readonly string[] | undefined,
  limit: number,
): Statement<SignedPageRow> {
  const { table, mac } = macTableOf(kind);
  const columns = members.map((name) => `r.${columnOf(name)} as "${name}"`);
  const places = key.map(quoted);
  const begin = after === undefined || key.length === 0;
  const beyond = begin
    ? ''
    : `and (${places.join(', ')}) > (${key.map(({ type }, i) => `$${i + 3}::${type}`).join(', ')})`;
  return statement(
    `select_signed_page_${kind}`,
    `select ${columns.join(', ')}, r.${mac} as mac, array[${places.map((p) => `${p}::text`).join(', ')}]::text[] as at
       from amanat.${table} r
      where r.tenant_id = $1::uuid ${beyond}
      order by ${[...places, 'r.tenant_id'].join(', ')}
      limit $2::integer`,
    [tenantId, limit, ...(begin ? [] : after)],
  );
}

export interface Resigned {
  readonly at: readonly string[];
  readonly was: Buffer;
  readonly mac: Buffer;
}

/** Changes nothing but the MAC, and only where it is still the one that was read. */
export function resignRows(
  tenantId: string,
  kind: string,
  key: readonly KeyColumn[],
  rows: readonly Resigned[],
): Statement<{ readonly count: number }> {
  const { table, mac } = macTableOf(kind);
  const given = key.map((_, i) => `$${i + 4}::text[]`);
  const names = key.map((_, i) => `k${i}`);
  const same = key.map(({ column, type }, i) => `and r.${column} = p.k${i}::${type}`);
  return statement(
    `resign_rows_${kind}`,
    `with signed as (
       update amanat.${table} r
          set ${mac} = p.mac
         from unnest(${['$2::bytea[]', '$3::bytea[]', ...given].join(', ')}) as p (${['was', 'mac', ...names].join(', ')})
        where r.tenant_id = $1::uuid and r.${mac} = p.was ${same.join(' ')}
       returning 1
     )
     select count(*)::integer as count from signed`,
    [tenantId, rows.map((r) => r.was), rows.map((r) => r.mac), ...key.map((_, i) => rows.map((r) => r.at[i]))],
  );
}
