-- Watching the log for what is unusual. The pass reads every leaf once, in the order of their ids; after_id is how far it came.
create table amanat.reader_watch (
  tenant_id uuid not null references amanat.tenants (id),
  after_id uuid not null,
  mac bytea not null,
  primary key (tenant_id)
);

-- How much a reader did in a window: a client by its id, a member of staff by their opaque id. seen: keyed hashes, cut to six
-- bytes, of the different persons counted, up to the threshold. Kept for as long as readers are held against their own past.
create table amanat.reader_counts (
  tenant_id uuid not null references amanat.tenants (id),
  measure text not null,
  reader_kind text not null check (reader_kind in ('client', 'person')),
  reader text not null,
  window_start timestamptz not null,
  count integer not null,
  seen bytea not null,
  mac bytea not null,
  primary key (tenant_id, measure, reader_kind, reader, window_start)
);
create index reader_counts_by_time on amanat.reader_counts (tenant_id, window_start);

-- What was found. mark: a keyed hash of what, who and when, so that one thing is told once. Everything else is sealed: whether a
-- row tells of a decoy, and of whom, the table does not say.
create table amanat.anomalies (
  tenant_id uuid not null references amanat.tenants (id),
  id uuid not null,
  mark bytea not null,
  version integer not null,
  key_version integer not null,
  data_key bytea not null,
  sealed bytea not null,
  created_at timestamptz not null,
  primary key (tenant_id, id),
  unique (tenant_id, mark)
);

-- Which customers are decoys: one sealed list of a fixed size, whatever stands in it.
create table amanat.decoy_lists (
  tenant_id uuid not null references amanat.tenants (id),
  id uuid not null,
  version integer not null,
  key_version integer not null,
  data_key bytea not null,
  sealed bytea not null,
  primary key (tenant_id)
);

alter table amanat.reader_watch enable row level security;
alter table amanat.reader_counts enable row level security;
alter table amanat.anomalies enable row level security;
alter table amanat.decoy_lists enable row level security;
create policy tenant on amanat.reader_watch
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
create policy tenant on amanat.reader_counts
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
create policy tenant on amanat.anomalies
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
create policy tenant on amanat.decoy_lists
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));

grant select, insert, update on amanat.reader_watch, amanat.decoy_lists to amanat_service;
grant select, insert, update, delete on amanat.reader_counts to amanat_service;
grant select, insert, delete on amanat.anomalies to amanat_service;
