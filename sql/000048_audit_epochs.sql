-- A log that goes on after a restored database was reconciled goes on under a name of its own: what was signed under the name
-- before it stays true. `size` leaves of the log before begin it; a tenant without a row is in its first epoch.
create table amanat.audit_epochs (
  tenant_id uuid not null,
  number integer not null check (number > 1),
  size bigint not null check (size >= 0),
  began_at timestamptz not null,
  mac bytea not null,
  primary key (tenant_id, number)
);
alter table amanat.audit_epochs enable row level security;
create policy tenant on amanat.audit_epochs
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
grant select, insert on amanat.audit_epochs to amanat_service;
