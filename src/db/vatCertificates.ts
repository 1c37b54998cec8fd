import { statement, type Statement } from './statement.ts';

export interface VatCertificateRow {
  readonly invoiceId: string;
  readonly customerId: string;
  readonly requestedBy: string;
  readonly requestedAt: Date;
  readonly mac: Buffer;
}

/** Guarded: conflict unless the invoice still holds something. Fails with vat_certificates_pkey where one was asked for. */
export function insertVatCertificate(tenantId: string, certificate: VatCertificateRow): Statement {
  const { invoiceId, customerId, requestedBy, requestedAt, mac } = certificate;
  return statement(
    'insert_vat_certificate',
    `with inserted as (
       insert into amanat.vat_certificates (tenant_id, invoice_id, customer_id, requested_by, requested_at, mac)
       select $1::uuid, i.id, i.customer_id, $4::uuid, $5::timestamptz, $6::bytea
         from amanat.invoices i
        where i.tenant_id = $1::uuid and i.id = $2::uuid and i.customer_id = $3::uuid and i.data_key is not null
       returning 1
     )
     select amanat.require(count(*) = 1, 'conflict') from inserted`,
    [tenantId, invoiceId, customerId, requestedBy, requestedAt, mac],
  );
}

export function selectVatCertificate(tenantId: string, invoiceId: string): Statement<VatCertificateRow> {
  return statement(
    'select_vat_certificate',
    `select v.invoice_id as "invoiceId", v.customer_id as "customerId", v.requested_by as "requestedBy",
            v.requested_at as "requestedAt", v.mac
       from amanat.vat_certificates v
      where v.tenant_id = $1::uuid and v.invoice_id = $2::uuid`,
    [tenantId, invoiceId],
  );
}
