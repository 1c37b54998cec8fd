-- How many versions of its policy a tenant has published, and the MAC of the last: a version that is taken away from the end shows.
-- Moved by the commit that publishes; a tenant that has published none since its first has no row. mac: src/vault/rowMac.ts.
create table amanat.policy_heads (
  tenant_id uuid not null references amanat.tenants (id),
  number integer not null,
  last bytea not null,
  mac bytea not null,
  primary key (tenant_id)
);
alter table amanat.policy_heads enable row level security;
create policy tenant on amanat.policy_heads
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]) or (select amanat.directory_in_scope()));
grant select, insert, update (number, last, mac) on amanat.policy_heads to amanat_service;
