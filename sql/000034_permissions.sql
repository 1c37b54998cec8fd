-- What a person agreed to, for one disclosure: to whom, which items, for what. `said`, under the customer's own data key, holds the
-- recipient and the purpose in words. mac: src/vault/rowMac.ts.
create table amanat.permissions (
  tenant_id uuid not null,
  id uuid not null,
  customer_id uuid not null,
  fields text[] not null,
  text_version text not null,
  said bytea not null,
  given_at timestamptz not null,
  recorded_by uuid not null,
  recorded_role text not null,
  recorded_actor text,
  withdrawn_at timestamptz,
  -- The one disclosure that rested on it.
  export_id uuid,
  mac bytea not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, customer_id) references amanat.customers (tenant_id, id)
);
create index permissions_of_customer on amanat.permissions (tenant_id, customer_id, id);

alter table amanat.permissions enable row level security;
create policy tenant on amanat.permissions
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
grant select, insert, update (withdrawn_at, export_id, mac) on amanat.permissions to amanat_service;
