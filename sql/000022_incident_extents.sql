-- Work that one process at a time does for a tenant: who has it, and until when. Whoever dies gives it back by doing nothing.
create table amanat.leases (
  tenant_id uuid not null references amanat.tenants (id),
  work text not null,
  holder uuid not null,
  until timestamptz not null,
  primary key (tenant_id, work)
);

-- How far an incident went, computed from the log as of a moment. after_id is how far the log, or the register of keys, was read.
-- until_id bounds the log: what began later is none of it. digest is over all rows of incident_subjects in the order of their
-- ids. mac, in both: src/vault/rowMac.ts.
create table amanat.incident_extents (
  tenant_id uuid not null,
  id uuid not null,
  incident_id uuid not null,
  criteria text not null,
  phase text not null check (phase in ('keys', 'log', 'done')),
  after_id uuid,
  until_id uuid not null,
  leaves bigint not null,
  refused bigint not null,
  subjects integer not null,
  started_at timestamptz not null,
  finished_at timestamptz,
  digest bytea,
  mac bytea not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, incident_id) references amanat.incidents (tenant_id, id) on delete cascade
);
create index incident_extents_of_incident on amanat.incident_extents (tenant_id, incident_id, id);
create index incident_extents_running on amanat.incident_extents (tenant_id, id) where phase <> 'done';

-- One person whom an incident concerned: ids, names of fields, counts and times. No foreign key to the customer: who was
-- erased was concerned all the same.
create table amanat.incident_subjects (
  tenant_id uuid not null,
  extent_id uuid not null,
  customer_id uuid not null,
  reads integer not null,
  masked integer not null,
  writes integer not null,
  others integer not null,
  refused integer not null,
  under_order integer not null,
  fields text[] not null,
  masked_fields text[] not null,
  openable text[] not null,
  first_at timestamptz,
  last_at timestamptz,
  mac bytea not null,
  primary key (tenant_id, extent_id, customer_id),
  foreign key (tenant_id, extent_id) references amanat.incident_extents (tenant_id, id) on delete cascade
);

alter table amanat.leases enable row level security;
alter table amanat.incident_extents enable row level security;
alter table amanat.incident_subjects enable row level security;
create policy tenant on amanat.leases
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
create policy tenant on amanat.incident_extents
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
create policy tenant on amanat.incident_subjects
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));

grant select, insert, update on amanat.leases, amanat.incident_extents, amanat.incident_subjects to amanat_service;

create index invoices_by_customer on amanat.invoices (tenant_id, customer_id) where data_key is not null;
