-- That a company asked for a VAT certificate of an invoice, once. What the certificate says stands in the invoice, sealed; here
-- are ids and a time. mac: src/vault/rowMac.ts.
create table amanat.vat_certificates (
  tenant_id uuid not null,
  invoice_id uuid not null,
  customer_id uuid not null,
  requested_by uuid not null,
  requested_at timestamptz not null,
  mac bytea not null,
  primary key (tenant_id, invoice_id),
  foreign key (tenant_id, invoice_id) references amanat.invoices (tenant_id, id)
);

alter table amanat.vat_certificates enable row level security;
create policy tenant on amanat.vat_certificates
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
grant select, insert on amanat.vat_certificates to amanat_service;
