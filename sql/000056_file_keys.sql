-- Since when each of the vault's keys that are files is in use: when the first process had it. Names of keys, never keys; of the vault and
-- no tenant's. What is written here once stays.
create table amanat.file_keys (
  name text primary key,
  first_seen timestamptz not null
);
alter table amanat.file_keys enable row level security;
create policy directory on amanat.file_keys using ((select amanat.directory_in_scope()));
grant select, insert on amanat.file_keys to amanat_service;
