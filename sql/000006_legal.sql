-- Legal orders. The record itself (authority, letter, scope, recipient …) is sealed under the order's own data key; what is
-- clear here is what the gate judges; the same facts stand inside `sealed`, so that changing a column passes nothing.
-- number_tag is a keyed hash of authority and letter number, under this version of the index key: one order, one record.
create table amanat.legal_orders (
  tenant_id uuid not null references amanat.tenants (id),
  id uuid not null,
  version integer not null check (version > 0),
  status text not null check (status in ('registered', 'approved', 'rejected', 'revoked', 'executed')),
  kind text not null,
  authority_kind text not null,
  number_tag bytea not null,
  index_version integer not null,
  registered_by uuid not null,
  registered_actor text not null,
  registered_at timestamptz not null,
  decided_by uuid,
  decided_actor text,
  decided_at timestamptz,
  -- Digest of the exact record the decision was taken on; the record holds a salt, so no dictionary reverses it.
  decided_digest bytea,
  revoked_by uuid,
  revoked_actor text,
  revoked_at timestamptz,
  valid_until timestamptz not null,
  executed_at timestamptz,
  key_version integer not null,
  data_key bytea,
  sealed bytea,
  primary key (tenant_id, id)
);
create unique index legal_orders_number on amanat.legal_orders (tenant_id, number_tag) where status <> 'rejected';

-- The register of disclosures. `sealed` holds the package under the export's own data key until it has been fetched or the
-- order is revoked.
create table amanat.exports (
  tenant_id uuid not null,
  id uuid not null,
  legal_order_id uuid not null,
  version integer not null default 1,
  executed_by uuid not null,
  executed_actor text not null,
  executed_at timestamptz not null,
  records integer not null,
  not_found integer not null,
  outside_period integer not null,
  fields text[] not null,
  sha256 bytea not null,
  receipt text not null,
  key_version integer not null,
  data_key bytea,
  sealed bytea,
  fetched_by uuid,
  fetched_actor text,
  fetched_at timestamptz,
  primary key (tenant_id, id),
  foreign key (tenant_id, legal_order_id) references amanat.legal_orders (tenant_id, id)
);
-- One export per order: the second of two concurrent executions fails here whatever else went wrong.
create unique index exports_one_per_order on amanat.exports (tenant_id, legal_order_id);

alter table amanat.legal_orders enable row level security;
alter table amanat.exports enable row level security;

create policy tenant on amanat.legal_orders
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
create policy tenant on amanat.exports
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));

grant select, insert, update on amanat.legal_orders, amanat.exports to amanat_service;
