-- The vault was sealed: every process drops its keys while a row stands that is not lifted. One that only says that it was lifted,
-- without the MAC of the tenant's key, stands. Rows stay.
create table amanat.seals (
  tenant_id uuid not null references amanat.tenants (id),
  id uuid not null,
  client_id uuid not null,
  actor text,
  sealed_at timestamptz not null,
  lifted_at timestamptz,
  mac bytea not null,
  primary key (tenant_id, id)
);

alter table amanat.seals enable row level security;
create policy tenant on amanat.seals
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]) or (select amanat.directory_in_scope()));
grant select, insert, update (lifted_at, mac) on amanat.seals to amanat_service;
