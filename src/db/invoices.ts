import { statement, type Statement } from './statement.ts';

export interface InvoiceRow {
  readonly id: string;
  readonly orderId: string;
  readonly customerId: string;
  readonly version: number;
  readonly keyVersion: number;
  readonly dataKey: Buffer;
  readonly sealed: Buffer;
  readonly createdAt: Date;
  /** Of what it says (vault/contentHash.ts); null for one of an older version. */
  readonly contentHash: Buffer | null;
}

/** Guarded: conflict unless the order stands and its customer is active; both are held until the commit. */
export function insertInvoice(invoice: InvoiceRow & { readonly tenantId: string }): Statement {
  return statement(
    'insert_invoice',
    `with standing as (
       select o.id, o.customer_id
         from amanat.orders o
         join amanat.customers c on c.tenant_id = o.tenant_id and c.id = o.customer_id and c.status = 'active'
        where o.tenant_id = $1::uuid and o.id = $3::uuid and o.customer_id = $4::uuid and o.status <> 'cancelled'
          for share
     ),
     inserted as (
       insert into amanat.invoices
         (tenant_id, id, order_id, customer_id, version, key_version, data_key, sealed, created_at, content_hash)
       select $1::uuid, $2::uuid, s.id, s.customer_id, $5::integer, $6::integer, $7::bytea, $8::bytea, $9::timestamptz,
              $10::bytea
         from standing s
       returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from inserted`,
    [
      invoice.tenantId,
      invoice.id,
      invoice.orderId,
      invoice.customerId,
      invoice.version,
      invoice.keyVersion,
      invoice.dataKey,
      invoice.sealed,
      invoice.createdAt,
      invoice.contentHash,
    ],
  );
}

/**
 * Without a leaf: only for work that goes on to commit one. An invoice outlives its customer; one made before `since` has had
 * its time, whether or not it is still there.
 */
export function selectInvoice(tenantId: string, id: string, since: Date): Statement<InvoiceRow> {
  return statement(
    'select_invoice',
    `select i.id, i.order_id as "orderId", i.customer_id as "customerId", i.version, i.key_version as "keyVersion",
            i.data_key as "dataKey", i.sealed, i.created_at as "createdAt", i.content_hash as "contentHash"
       from amanat.invoices i
      where i.tenant_id = $1::uuid and i.id = $2::uuid and i.data_key is not null and i.created_at >= $3::timestamptz`,
    [tenantId, id, since],
  );
}
