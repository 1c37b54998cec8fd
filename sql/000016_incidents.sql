-- Incidents: what happened, whence, how far, how it was put right, and what followed in law. Everything that is said stands in
-- `sealed`, under a key of the incident's own; the columns beside it only find it.
create table amanat.incidents (
  tenant_id uuid not null references amanat.tenants (id),
  id uuid not null,
  kind text not null,
  state text not null check (state in ('open', 'contained', 'closed')),
  version integer not null,
  key_version integer not null,
  data_key bytea not null,
  sealed bytea not null,
  opened_at timestamptz not null,
  updated_at timestamptz not null,
  closed_at timestamptz,
  primary key (tenant_id, id),
  check ((state = 'closed') = (closed_at is not null))
);
create index incidents_by_state on amanat.incidents (tenant_id, state, id);

alter table amanat.incidents enable row level security;
create policy tenant on amanat.incidents
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
grant select, insert, delete,
  update (state, version, sealed, updated_at, closed_at) on amanat.incidents to amanat_service;
