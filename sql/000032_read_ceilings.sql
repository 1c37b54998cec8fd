-- How many reads in full each member of staff has made on a day in Tehran: what all processes have counted together. Each process adds what it counted every second; the leaves of the audit are the record, this is only a brake.
create table amanat.full_reads (
  tenant_id uuid not null,
  reader text not null,
  who text not null,
  day date not null,
  count integer not null check (count > 0),
  expires_at timestamptz not null,
  primary key (tenant_id, reader, who, day)
);
create index full_reads_by_expiry on amanat.full_reads (tenant_id, expires_at);

alter table amanat.full_reads enable row level security;
create policy tenant on amanat.full_reads
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
grant select, insert, update (count), delete on amanat.full_reads to amanat_service;
