-- Keys of a tenant turn over while the vault serves. mac and hash are keys of their own from here on; a tenant that was made before
-- gets them at the next start. introduced: every process can open with it and nobody seals under it; then current; then former, until
-- nothing rests on it. A key that was destroyed leaves its row, without the key: its number is never given out again.
alter table amanat.tenant_keys drop constraint tenant_keys_use_check;
alter table amanat.tenant_keys
  add constraint tenant_keys_use_check check (use in ('data', 'index', 'mac', 'hash')),
  add column state text not null default 'current' check (state in ('introduced', 'current', 'former', 'destroyed')),
  add column changed_at timestamptz not null default '-infinity',
  alter column wrapped drop not null,
  add check ((state = 'destroyed') = (wrapped is null));
alter table amanat.tenant_keys alter column state drop default, alter column changed_at drop default;
create unique index tenant_keys_one_current on amanat.tenant_keys (tenant_id, use) where state = 'current';
create index tenant_keys_by_change on amanat.tenant_keys (changed_at);
grant update (state, root_id, wrapped, changed_at) on amanat.tenant_keys to amanat_service;

-- Keyed hashes are made with the hash key, whose first version is what the index key's first version was.
alter table amanat.legal_orders rename column index_version to hash_version;
