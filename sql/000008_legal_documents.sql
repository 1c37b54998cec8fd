-- Scans of legal orders. What a scan is (media type, size, digest, who sent it) stands in the sealed order; here are only its
-- chunks, sealed under the order's own data key, and the row that says they are wanted. Nothing here is ever updated.
create table amanat.legal_documents (
  tenant_id uuid not null,
  id uuid not null,
  legal_order_id uuid not null,
  chunks integer not null check (chunks > 0),
  stored_at timestamptz not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, legal_order_id) references amanat.legal_orders (tenant_id, id)
);
-- One scan an order: another one takes its place.
create unique index legal_documents_one_per_order on amanat.legal_documents (tenant_id, legal_order_id);

-- Written while the scan arrives, before its document is there: chunks without a document are an upload under way or one
-- that its process did not live to clear away.
create table amanat.legal_document_chunks (
  tenant_id uuid not null references amanat.tenants (id),
  document_id uuid not null,
  number integer not null check (number >= 0),
  stored_at timestamptz not null,
  sealed bytea not null,
  primary key (tenant_id, document_id, number)
);
-- Sealed bytes do not compress.
alter table amanat.legal_document_chunks alter column sealed set storage external;

alter table amanat.legal_documents enable row level security;
alter table amanat.legal_document_chunks enable row level security;

create policy tenant on amanat.legal_documents
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
create policy tenant on amanat.legal_document_chunks
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));

grant select, insert, delete on amanat.legal_documents, amanat.legal_document_chunks to amanat_service;
