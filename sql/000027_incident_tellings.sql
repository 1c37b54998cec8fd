-- Telling those whom an incident concerned: how far the list of an extent was gone through. Who was told is in amanat.messages.
create table amanat.incident_tellings (
  tenant_id uuid not null,
  id uuid not null,
  incident_id uuid not null,
  extent_id uuid not null,
  after_id uuid,
  reached integer not null,
  unreached integer not null,
  started_by uuid not null,
  started_actor text not null,
  started_at timestamptz not null,
  finished_at timestamptz,
  mac bytea not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, extent_id) references amanat.incident_extents (tenant_id, id) on delete cascade
);
create index incident_tellings_of_incident on amanat.incident_tellings (tenant_id, incident_id, id);
create index incident_tellings_running on amanat.incident_tellings (tenant_id, id) where finished_at is null;

alter table amanat.incident_tellings enable row level security;
create policy tenant on amanat.incident_tellings
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
grant select, insert, update on amanat.incident_tellings to amanat_service;
