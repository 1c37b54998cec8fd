/** Records with a data key of their own beside customers and orders, and how one gets another key in one commit. */
import {
  cursorValues,
  isAfter,
  keyColumns,
  keyList,
  keyPlaces,
  type Cursor,
  type KeyPlace,
  type KeyPlaceName,
} from './keyPlaces.ts';
import { statement, type Statement } from './statement.ts';

interface OwnPlace {
  /** What is sealed under the key. */
  readonly value: string;
  /** The version that it is sealed as. */
  readonly version: string;
  /** Each edit seals the whole anew as the next version, and so does a new key. */
  readonly counts: boolean;
  readonly since: string;
  readonly made: string;
  /** Whose it is, where it is one person's. */
  readonly customerId: string;
}

const ownOf = (made: string, more: Partial<OwnPlace> = {}): OwnPlace => ({
  value: 'sealed',
  version: '1',
  counts: false,
  since: 'key_since',
  made,
  customerId: 'null::uuid',
  ...more,
});

/** Made where it was made: each edit of these seals the whole anew. */
const counted = { version: 'r.version', counts: true } as const;
const ofCustomer = { customerId: 'r.customer_id' } as const;

export const ownPlaces = {
  invoices: ownOf('r.created_at', { ...counted, ...ofCustomer }),
  legal_orders: ownOf('r.registered_at', counted),
  exports: ownOf('r.executed_at', { version: 'r.version' }),
  statements: ownOf('r.executed_at', { value: 'statement', since: 'statement_key_since' }),
  messages: ownOf('r.created_at', ofCustomer),
  incidents: ownOf('r.opened_at', counted),
  webhooks: ownOf('r.created_at', { version: 'r.version' }),
  recipients: ownOf('r.created_at'),
  undertakings: ownOf('r.recorded_at'),
  feedback: ownOf('r.created_at', ofCustomer),
  anomalies: ownOf('r.created_at', { version: 'r.version' }),
  decoy_lists: ownOf(`'-infinity'::timestamptz`, counted),
  idempotent_answers: ownOf('r.created_at', { value: 'answer', customerId: 'r.subject_id' }),
} as const satisfies Partial<Record<KeyPlaceName, OwnPlace>>;
export type OwnPlaceName = keyof typeof ownPlaces;
export const ownPlaceNames = Object.keys(ownPlaces) as OwnPlaceName[];

export interface OwnRecord {
  readonly k0: unknown;
  readonly k1?: unknown;
  readonly id: string;
  readonly customerId: string | null;
  readonly version: number;
  readonly keyVersion: number;
  readonly dataKey: Buffer;
  readonly value: Buffer;
  /** Of a stored answer: whose it is, and to what. */
  readonly clientId?: string;
  readonly keyHash?: Buffer;
  readonly bodyHash?: Buffer;
  /** Of an invoice that has one. */
  readonly contentHash?: Buffer | null;
}

const more: Partial<Record<OwnPlaceName, string>> = {
  invoices: ', r.content_hash as "contentHash"',
  idempotent_answers: ', r.client_id as "clientId", r.key_hash as "keyHash", r.body_hash as "bodyHash"',
};

/** `r` whose key is older than $2. */
function older(name: OwnPlaceName): string {
  const { table, dataKey } = keyPlaces[name];
  const { value, since, made } = ownPlaces[name];
  return `from amanat.${table} r
      where r.tenant_id = $1::uuid and r.${dataKey} is not null and r.${value} is not null
        and coalesce(r.${since}, ${made}) < $2::timestamptz`;
}

const columns = (name: OwnPlaceName): string => {
  const at: KeyPlace = keyPlaces[name];
  const { value, version, customerId } = ownPlaces[name];
  return `r.${at.id} as id, ${customerId} as "customerId", ${version} as version, r.${at.keyVersion} as "keyVersion",
            r.${at.dataKey} as "dataKey", r.${value} as value, ${keyColumns(at)} ${more[name] ?? ''}`;
};

/** A page of those whose key is older than `before`: of all, or of one customer. */
export function selectOlderOwn(
  tenantId: string,
  name: OwnPlaceName,
  before: Date,
  after: Cursor | undefined,
  limit: number,
  customerId: string | undefined,
): Statement<OwnRecord> {
  const at: KeyPlace = keyPlaces[name];
  return statement(
    `select_older_own_${name}`,
    `select ${columns(name)}
       ${older(name)} and ${isAfter(at, 5)} and ($4::uuid is null or ${ownPlaces[name].customerId} = $4::uuid)
      order by ${keyList(at)}
      limit $3::integer`,
    [tenantId, before, limit, customerId ?? null, ...cursorValues(at, after)],
  );
}

/** Nothing where its key is gone, or is a newer one by now. */
export function selectOwn(tenantId: string, name: OwnPlaceName, before: Date, id: string): Statement<OwnRecord> {
  return statement(
    `select_own_${name}`,
    `select ${columns(name)}
       ${older(name)} and r.${keyPlaces[name].id} = $3::uuid`,
    [tenantId, before, id],
  );
}

export interface RenewedOwn {
  readonly was: OwnRecord;
  readonly dataKey: Buffer;
  readonly keyVersion: number;
  readonly commitment: Buffer;
  readonly value: Buffer;
  /** Of an invoice. */
  readonly contentHash?: Buffer;
}

/** Guarded: conflict unless the record is as it was read. */
export function renewOwnKey(tenantId: string, name: OwnPlaceName, renewed: RenewedOwn, at: Date): Statement {
  const { was, dataKey, keyVersion, commitment, value, contentHash } = renewed;
  if (name === 'idempotent_answers') return renewAnswerKey(tenantId, renewed, at);
  return statement(
    'renew_own_key',
    `select amanat.renew_own_key($1::text, $2::uuid, $3::uuid, $4::bytea, $5::bytea, $6::bytea, $7::integer, $8::bytea,
            $9::timestamptz, $10::bytea, $11::bytea)`,
    [name, tenantId, was.id, was.dataKey, was.value, dataKey, keyVersion, commitment, at, value, contentHash ?? null],
  );
}

/** The service wrote it and may change it; found by its key, because nothing leads to its id. */
function renewAnswerKey(tenantId: string, { was, dataKey, keyVersion, value }: RenewedOwn, at: Date): Statement {
  return statement(
    'renew_answer_key',
    `with renewed as (
       update amanat.idempotent_answers
          set data_key = $5::bytea, key_version = $6::integer, answer = $7::bytea, key_since = $8::timestamptz
        where tenant_id = $1::uuid and client_id = $2::uuid and key_hash = $3::bytea and data_key = $4::bytea
       returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from renewed`,
    [tenantId, was.clientId, was.keyHash, was.dataKey, dataKey, keyVersion, value, at],
  );
}

export interface ScanOfOrder {
  readonly id: string;
  readonly chunks: number;
}

export function selectScanOf(tenantId: string, legalOrderId: string): Statement<ScanOfOrder> {
  return statement(
    'select_scan_of_order',
    `select d.id, d.chunks from amanat.legal_documents d where d.tenant_id = $1::uuid and d.legal_order_id = $2::uuid`,
    [tenantId, legalOrderId],
  );
}

/** Guarded: conflict unless it is a chunk of this order's scan. */
export function renewDocumentChunk(
  tenantId: string,
  legalOrderId: string,
  chunk: { readonly documentId: string; readonly number: number; readonly sealed: Buffer },
): Statement {
  return statement(
    'renew_document_chunk',
    `select amanat.renew_document_chunk($1::uuid, $2::uuid, $3::uuid, $4::integer, $5::bytea)`,
    [tenantId, legalOrderId, chunk.documentId, chunk.number, chunk.sealed],
  );
}
