/** What a record that gets a new data key has under the one before, and how all of it changes in one commit. */
import { attachedParts, selectAttachedTo, type AttachedKind, type AttachedRow } from './attachedWords.ts';
import { statement, type Statement } from './statement.ts';

/** Records that have former states and words in other rows under their key. */
export type TurnedKind = 'customers' | 'orders';

const tables = {
  customers: { customerId: 'r.id', versions: 'customer_versions', owner: 'customer_id', renew: 'renew_customer_key' },
  orders: { customerId: 'r.customer_id', versions: 'order_versions', owner: 'order_id', renew: 'renew_order_key' },
} as const;

/** Rows in which words stand under a record's key. */
export const attachedOf = {
  customers: [
    'grants',
    'break_glass',
    'requests',
    'cases',
    'supplementary_requests',
    'permissions',
    'contact_assurances',
  ],
  orders: ['shipments'],
} as const satisfies Record<TurnedKind, readonly AttachedKind[]>;

const older = (kind: TurnedKind): string =>
  `amanat.${kind} r
      where r.tenant_id = $1::uuid and r.data_key is not null and r.sealed is not null
        and coalesce(r.key_since, r.created_at) < $2::timestamptz`;

/** Records whose key is older than `before`, by id. */
export function selectTurnPage(
  tenantId: string,
  kind: TurnedKind,
  before: Date,
  afterId: string | undefined,
  limit: number,
): Statement<{ readonly id: string }> {
  return statement(
    `select_turn_page_${kind}`,
    `select r.id from ${older(kind)} and r.id > $3::uuid order by r.id limit $4::integer`,
    [tenantId, before, afterId ?? '00000000-0000-0000-0000-000000000000', limit],
  );
}

/** The same of one customer: the customer, or its orders. */
export function selectTurnedOf(
  tenantId: string,
  kind: TurnedKind,
  before: Date,
  customerId: string,
): Statement<{ readonly id: string }> {
  return statement(
    `select_turned_of_${kind}`,
    `select r.id from ${older(kind)} and ${tables[kind].customerId} = $3::uuid order by r.id`,
    [tenantId, before, customerId],
  );
}

export interface TurnedRecord {
  readonly id: string;
  readonly customerId: string;
  readonly version: number;
  readonly keyVersion: number;
  readonly dataKey: Buffer;
  readonly sealed: Buffer;
}

/** Nothing where its key is gone, or is a newer one by now. */
export function selectTurned(tenantId: string, kind: TurnedKind, before: Date, id: string): Statement<TurnedRecord> {
  return statement(
    `select_turned_${kind}`,
    `select r.id, ${tables[kind].customerId} as "customerId", r.version, r.key_version as "keyVersion",
            r.data_key as "dataKey", r.sealed
       from ${older(kind)} and r.id = $3::uuid`,
    [tenantId, before, id],
  );
}

export interface FormerSealed {
  readonly version: number;
  readonly sealed: Buffer;
}

export function selectFormerOf(tenantId: string, kind: TurnedKind, id: string): Statement<FormerSealed> {
  const { versions, owner } = tables[kind];
  return statement(
    `select_former_of_${kind}`,
    `select v.version, v.sealed
       from amanat.${versions} v
      where v.tenant_id = $1::uuid and v.${owner} = $2::uuid
      order by v.version`,
    [tenantId, id],
  );
}

export const selectWordsOf = (tenantId: string, kind: TurnedKind, id: string): Statement<AttachedRow>[] =>
  attachedOf[kind].map((attached) => selectAttachedTo(tenantId, attached, id));

export interface RenewedRecord {
  readonly id: string;
  /** As they were read. */
  readonly was: Pick<TurnedRecord, 'dataKey' | 'version'>;
  readonly dataKey: Buffer;
  readonly keyVersion: number;
  readonly commitment: Buffer;
  readonly sealed: Buffer;
  /** Every former state, that of before among them. */
  readonly former: readonly FormerSealed[];
}

/** Guarded: conflict unless record and former states are as they were read. To be followed by `renewWords`, then `requireAllRenewed`. */
export function renewKey(tenantId: string, kind: TurnedKind, record: RenewedRecord, at: Date): Statement {
  const { id, was, dataKey, keyVersion, commitment, sealed, former } = record;
  return statement(
    `renew_key_${kind}`,
    `select amanat.${tables[kind].renew}($1::uuid, $2::uuid, $3::bytea, $4::integer, $5::bytea, $6::integer, $7::bytea,
            $8::timestamptz, $9::bytea, $10::integer[], $11::bytea[])`,
    [
      tenantId,
      id,
      was.dataKey,
      was.version,
      dataKey,
      keyVersion,
      commitment,
      at,
      sealed,
      former.map((f) => f.version),
      former.map((f) => f.sealed),
    ],
  );
}

export interface RenewedWord {
  readonly id: string;
  readonly part: string;
  /** As it was read. */
  readonly was: Buffer;
  readonly sealed: Buffer;
}

/**
 * All words of a row at once: in between some would be under one key and some under the other. One that is no longer as it was read
 * stays, and the guard of its row says `conflict`.
 */
export function renewWords(
  tenantId: string,
  attached: AttachedKind,
  words: readonly RenewedWord[],
): readonly Statement[] {
  if (words.length === 0) return [];
  const { id, part, columns: parts } = attachedParts[attached];
  const sameRow = part === undefined ? `n.id = r.${id}` : `n.id = r.${id} and n.part = ${part}`;
  const set = Object.entries(parts).map(([name, column]) => {
    const same = part === undefined ? `${sameRow} and n.part = '${name}'` : sameRow;
    return `${column} = coalesce((select n.sealed from given n where ${same} and n.was = r.${column}), r.${column})`;
  });
  return [
    statement(
      `renew_words_${attached}`,
      `with given as (select * from unnest($2::uuid[], $3::text[], $4::bytea[], $5::bytea[]) as g (id, part, was, sealed))
       update amanat.${attached} r
          set ${set.join(', ')}
        where r.tenant_id = $1::uuid and r.${id} = any ($2::uuid[]) and exists (select 1 from given n where ${sameRow})`,
      [tenantId, words.map((w) => w.id), words.map((w) => w.part), words.map((w) => w.was), words.map((w) => w.sealed)],
    ),
  ];
}

/** When this turn began: now, or where one was left in the middle, then. */
export function beginTurn(tenantId: string, at: Date): Statement<{ readonly before: Date; readonly begun: boolean }> {
  return statement(
    'begin_record_turn',
    `with was as (select t.record_keys_before as before from amanat.tenants t where t.id = $1::uuid for update)
     update amanat.tenants t
        set record_keys_before = coalesce(was.before, $2::timestamptz)
       from was
      where t.id = $1::uuid
     returning t.record_keys_before as before, was.before is null as begun`,
    [tenantId, at],
  );
}

/** One that is under way, or was stopped in the middle. */
export function selectRecordTurn(tenantId: string): Statement<{ readonly before: Date }> {
  return statement(
    'select_record_turn',
    `select t.record_keys_before as before from amanat.tenants t where t.id = $1::uuid and t.record_keys_before is not null`,
    [tenantId],
  );
}

/** Where it is still this one. */
export function endTurn(tenantId: string, before: Date): Statement {
  return statement(
    'end_record_turn',
    `update amanat.tenants set record_keys_before = null
      where id = $1::uuid and record_keys_before = $2::timestamptz`,
    [tenantId, before],
  );
}
