/** What `amanat verify` reads: every sealed value with the key it stands under, and every row that carries a MAC. */
import { statement, type Statement } from './statement.ts';

/** One sealed record, or one former state of a record, as it stands. */
export interface SealedRow {
  readonly id: string;
  readonly version: number;
  readonly keyVersion: number;
  readonly dataKey: Buffer;
  readonly sealed: Buffer;
  /** Of an invoice: what it says (vault/contentHash.ts). */
  readonly contentHash?: Buffer | null;
}

/** What of a customer's is looked at together with it: `r` of the customers in $2. */
const ofCustomers = {
  customers: `amanat.customers r
      where r.tenant_id = $1::uuid and r.id = any ($2::uuid[])`,
  orders: `amanat.orders r
      where r.tenant_id = $1::uuid and r.customer_id = any ($2::uuid[])`,
  invoices: `amanat.invoices r
      where r.tenant_id = $1::uuid and r.customer_id = any ($2::uuid[])`,
} as const;
export type CustomerRecords = keyof typeof ofCustomers;

/** What is held of these customers and still has its key. */
export function selectSealedOf(
  tenantId: string,
  kind: CustomerRecords,
  customerIds: readonly string[],
): Statement<SealedRow> {
  return statement(
    `select_sealed_of_${kind}`,
    `select r.id, r.version, r.key_version as "keyVersion", r.data_key as "dataKey", r.sealed
            ${kind === 'invoices' ? ', r.content_hash as "contentHash"' : ''}
       from ${ofCustomers[kind]} and (r.data_key is not null or r.sealed is not null)
      order by r.id`,
    [tenantId, customerIds],
  );
}

/** Former states open with the record's key of now, as the version that they were. */
export function selectFormerCustomers(tenantId: string, customerIds: readonly string[]): Statement<SealedRow> {
  return statement(
    'select_former_customers',
    `select v.customer_id as id, v.version, c.key_version as "keyVersion", c.data_key as "dataKey", v.sealed
       from amanat.customer_versions v
       join amanat.customers c on c.tenant_id = v.tenant_id and c.id = v.customer_id
      where v.tenant_id = $1::uuid and v.customer_id = any ($2::uuid[])
      order by v.customer_id, v.version`,
    [tenantId, customerIds],
  );
}

export function selectFormerOrders(tenantId: string, customerIds: readonly string[]): Statement<SealedRow> {
  return statement(
    'select_former_orders',
    `select v.order_id as id, v.version, o.key_version as "keyVersion", o.data_key as "dataKey", v.sealed
       from amanat.order_versions v
       join amanat.orders o on o.tenant_id = v.tenant_id and o.id = v.order_id
      where v.tenant_id = $1::uuid and v.customer_id = any ($2::uuid[])
      order by v.order_id, v.version`,
    [tenantId, customerIds],
  );
}

/** Records of the desk and the outbox, by id. `statements` are the receipts that stay when their packages have gone. */
const ownRecords = {
  legal_orders: `select r.id, r.version, r.key_version as "keyVersion", r.data_key as "dataKey", r.sealed
       from amanat.legal_orders r
      where r.tenant_id = $1::uuid and (r.data_key is not null or r.sealed is not null)`,
  exports: `select r.id, r.version, r.key_version as "keyVersion", r.data_key as "dataKey", r.sealed
       from amanat.exports r
      where r.tenant_id = $1::uuid and (r.data_key is not null or r.sealed is not null)`,
  statements: `select r.id, 1 as version, r.statement_key_version as "keyVersion", r.statement_key as "dataKey",
            r.statement as sealed
       from amanat.exports r
      where r.tenant_id = $1::uuid and (r.statement_key is not null or r.statement is not null)`,
  messages: `select r.id, 1 as version, r.key_version as "keyVersion", r.data_key as "dataKey", r.sealed
       from amanat.messages r
      where r.tenant_id = $1::uuid and (r.data_key is not null or r.sealed is not null)`,
  incidents: `select r.id, r.version, r.key_version as "keyVersion", r.data_key as "dataKey", r.sealed
       from amanat.incidents r
      where r.tenant_id = $1::uuid`,
  anomalies: `select r.id, r.version, r.key_version as "keyVersion", r.data_key as "dataKey", r.sealed
       from amanat.anomalies r
      where r.tenant_id = $1::uuid`,
  webhooks: `select r.id, r.version, r.key_version as "keyVersion", r.data_key as "dataKey", r.sealed
       from amanat.webhooks r
      where r.tenant_id = $1::uuid`,
  recipients: `select r.id, 1 as version, r.key_version as "keyVersion", r.data_key as "dataKey", r.sealed
       from amanat.recipients r
      where r.tenant_id = $1::uuid`,
  undertakings: `select r.id, 1 as version, r.key_version as "keyVersion", r.data_key as "dataKey", r.sealed
       from amanat.undertakings r
      where r.tenant_id = $1::uuid`,
  feedback: `select r.id, 1 as version, r.key_version as "keyVersion", r.data_key as "dataKey", r.sealed
       from amanat.feedback r
      where r.tenant_id = $1::uuid and (r.data_key is not null or r.sealed is not null)`,
  decoy_lists: `select r.id, r.version, r.key_version as "keyVersion", r.data_key as "dataKey", r.sealed
       from amanat.decoy_lists r
      where r.tenant_id = $1::uuid`,
} as const;
export type OwnRecords = keyof typeof ownRecords;
export const ownRecordKinds = Object.keys(ownRecords) as OwnRecords[];

export function selectOwnRecords(
  tenantId: string,
  kind: OwnRecords,
  afterId: string | undefined,
  limit: number,
): Statement<SealedRow> {
  return statement(
    `select_own_records_${kind}`,
    `${ownRecords[kind]}
        and ($2::uuid is null or r.id > $2::uuid)
      order by r.id
      limit $3::integer`,
    [tenantId, afterId ?? null, limit],
  );
}

/** A row with its MAC, and the place where it stands in its table. */
export type MacRow = Readonly<Record<string, unknown>> & { readonly place: string; readonly mac: Buffer | null };

export const columnOf = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The table of a kind of row that carries a MAC, and the MAC's column. */
export const macTableOf = (kind: string): { readonly table: string; readonly mac: string } =>
  kind === 'delivery_codes' ? { table: 'shipments', mac: 'code_mac' } : { table: kind, mac: 'mac' };

/**
 * Rows of a kind that carries a MAC, with the members that it covers, in the order in which they stand. By place and not by key:
 * whatever the rows say, each is looked at. One that is written meanwhile may be looked at twice or not.
 */
export function selectMacRows(
  tenantId: string,
  kind: string,
  members: readonly string[],
  afterPlace: string | undefined,
  limit: number,
): Statement<MacRow> {
  const { table, mac } = macTableOf(kind);
  const columns = members.map((name) => `r.${columnOf(name)} as "${name}"`);
  return statement(
    `select_mac_rows_${kind}`,
    `select ${columns.join(', ')}, r.${mac} as mac, r.ctid::text as place
       from amanat.${table} r
      where r.tenant_id = $1::uuid and r.ctid > $2::tid
      order by r.ctid
      limit $3::integer`,
    [tenantId, afterPlace ?? '(0,0)', limit],
  );
}

/** Customers from this id on, with their rows erased or not: where a sample begins. */
export function selectCustomersFrom(
  tenantId: string,
  fromId: string,
  limit: number,
): Statement<{ readonly id: string }> {
  return statement(
    'select_customers_from',
    `select c.id
       from amanat.customers c
      where c.tenant_id = $1::uuid and c.id >= $2::uuid
      order by c.id
      limit $3::integer`,
    [tenantId, fromId, limit],
  );
}

/** First and last id, to draw between; null where there is nobody. */
export function selectCustomerSpan(
  tenantId: string,
): Statement<{ readonly first: string | null; readonly last: string | null; readonly count: number }> {
  return statement(
    'select_customer_span',
    `select (select c.id from amanat.customers c where c.tenant_id = $1::uuid order by c.id limit 1) as first,
            (select c.id from amanat.customers c where c.tenant_id = $1::uuid order by c.id desc limit 1) as last,
            (select count(*)::integer from amanat.customers c where c.tenant_id = $1::uuid) as count`,
    [tenantId],
  );
}
