/** Every place where a data key stands, wrapped under a version of the tenant's data key. */
import { statement, type Statement } from './statement.ts';

export interface KeyPlace {
  readonly table: string;
  /** What the data key is bound to beside its record's id (crypto/label.ts). */
  readonly kind: string;
  /** The record's id; null where the tenant has one row at most. */
  readonly id: string;
  readonly dataKey: string;
  readonly keyVersion: string;
  /** What the table is paged by: its key, without the tenant. */
  readonly key: readonly (readonly [column: string, type: 'uuid' | 'bytea'])[];
}

const placeOf = (table: string, kind: string, more: Partial<KeyPlace> = {}): KeyPlace => ({
  table,
  kind,
  id: 'id',
  dataKey: 'data_key',
  keyVersion: 'key_version',
  key: [['id', 'uuid']],
  ...more,
});

export const keyPlaces = {
  customers: placeOf('customers', 'customer'),
  orders: placeOf('orders', 'order'),
  invoices: placeOf('invoices', 'invoice'),
  legal_orders: placeOf('legal_orders', 'legal_order'),
  exports: placeOf('exports', 'export'),
  statements: placeOf('exports', 'statement', { dataKey: 'statement_key', keyVersion: 'statement_key_version' }),
  messages: placeOf('messages', 'message'),
  incidents: placeOf('incidents', 'incident'),
  webhooks: placeOf('webhooks', 'webhook'),
  recipients: placeOf('recipients', 'recipient'),
  undertakings: placeOf('undertakings', 'undertaking'),
  feedback: placeOf('feedback', 'feedback'),
  anomalies: placeOf('anomalies', 'anomaly'),
  decoy_lists: placeOf('decoy_lists', 'decoys'),
  idempotent_answers: placeOf('idempotent_answers', 'answer', {
    id: 'answer_id',
    key: [
      ['client_id', 'uuid'],
      ['key_hash', 'bytea'],
    ],
  }),
} as const satisfies Readonly<Record<string, KeyPlace>>;
export type KeyPlaceName = keyof typeof keyPlaces;
export const keyPlaceNames = Object.keys(keyPlaces) as KeyPlaceName[];

/** Where a page ended: the values of the place's key. */
export type Cursor = readonly unknown[];

/** One data key as it stands. */
export interface StandingKey {
  readonly id: string;
  readonly keyVersion: number;
  /** Null where it needs no wrapping anew, or was destroyed. */
  readonly dataKey: Buffer | null;
  readonly k0: unknown;
  readonly k1?: unknown;
}

export const cursorAfter = ({ k0, k1 }: Pick<StandingKey, 'k0' | 'k1'>): Cursor => (k1 === undefined ? [k0] : [k0, k1]);

export const keyColumns = ({ key }: KeyPlace): string => key.map(([column], i) => `r.${column} as k${i}`).join(', ');
export const keyList = ({ key }: KeyPlace): string => key.map(([column]) => `r.${column}`).join(', ');

/** The place's key comes after the parameters from this one on. No `or`, which would keep the planner from its index. */
export function isAfter(place: KeyPlace, first: number): string {
  const parameters = place.key.map(([, type], i) => `$${first + i}::${type}`);
  return `(${keyList(place)}) > (${parameters.join(', ')})`;
}

const least = { uuid: '00000000-0000-0000-0000-000000000000', bytea: Buffer.alloc(0) } as const;

export const cursorValues = ({ key }: KeyPlace, after: Cursor | undefined): readonly unknown[] =>
  after ?? key.map(([, type]) => least[type]);

/** A page of all rows, however many there are to change: with the keys that are not wrapped under this version. */
export function selectKeyPage(
  tenantId: string,
  name: KeyPlaceName,
  version: number,
  after: Cursor | undefined,
  limit: number,
): Statement<StandingKey> {
  const at: KeyPlace = keyPlaces[name];
  return statement(
    `select_key_page_${name}`,
    `select r.${at.id} as id, r.${at.keyVersion} as "keyVersion",
            case when r.${at.keyVersion} <> $2::integer then r.${at.dataKey} end as "dataKey", ${keyColumns(at)}
       from amanat.${at.table} r
      where r.tenant_id = $1::uuid and ${isAfter(at, 4)}
      order by ${keyList(at)}
      limit $3::integer`,
    [tenantId, version, limit, ...cursorValues(at, after)],
  );
}

export interface VersionOnly {
  readonly keyVersion: number | null;
  readonly k0: unknown;
  readonly k1?: unknown;
}

/** A page of all rows with the version that their key is wrapped under; null for one whose key was destroyed. */
export function selectKeyVersions(
  tenantId: string,
  name: KeyPlaceName,
  after: Cursor | undefined,
  limit: number,
): Statement<VersionOnly> {
  const at: KeyPlace = keyPlaces[name];
  return statement(
    `select_key_versions_${name}`,
    `select case when r.${at.dataKey} is not null then r.${at.keyVersion} end as "keyVersion", ${keyColumns(at)}
       from amanat.${at.table} r
      where r.tenant_id = $1::uuid and ${isAfter(at, 3)}
      order by ${keyList(at)}
      limit $2::integer`,
    [tenantId, limit, ...cursorValues(at, after)],
  );
}

export interface Rewrapped {
  /** Of the row: the values of the place's key. */
  readonly at: Cursor;
  readonly was: Buffer;
  readonly dataKey: Buffer;
}

/**
 * Wraps data keys anew, and changes nothing else of their rows. One that was destroyed or wrapped otherwise since it was read stays
 * as it is. Answers with how many were changed.
 */
export function rewrapKeys(
  tenantId: string,
  name: KeyPlaceName,
  version: number,
  rows: readonly Rewrapped[],
): Statement<{ readonly count: number }> {
  const at: KeyPlace = keyPlaces[name];
  const names = at.key.map((_, i) => `k${i}`);
  const arrays = at.key.map(([, type], i) => `$${5 + i}::${type}[]`);
  const same = at.key.map(([column], i) => `r.${column} = p.k${i}`);
  return statement(
    `rewrap_keys_${name}`,
    `with rewrapped as (
       update amanat.${at.table} r
          set ${at.dataKey} = p.data_key, ${at.keyVersion} = $2::integer
         from unnest($3::bytea[], $4::bytea[], ${arrays.join(', ')}) as p (was, data_key, ${names.join(', ')})
        where r.tenant_id = $1::uuid and ${same.join(' and ')} and r.${at.dataKey} = p.was
       returning 1
     )
     select count(*)::integer as count from rewrapped`,
    [
      tenantId,
      version,
      rows.map((r) => r.was),
      rows.map((r) => r.dataKey),
      ...at.key.map((_, i) => rows.map((r) => r.at[i])),
    ],
  );
}
