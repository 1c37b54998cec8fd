-- A former version of a tenant's key is closed before what rests on it is counted: from then on nothing new is stored under it, however
-- late a commit comes that was begun before. What it opens it opens until it is destroyed.
alter table amanat.tenant_keys add column closed_at timestamptz;
grant update (closed_at) on amanat.tenant_keys to amanat_service;
-- Hardly ever holds anything, so that looking there costs next to nothing.
create index tenant_keys_closed on amanat.tenant_keys (tenant_id, use, version) where closed_at is not null;

-- What is inserted is looked at as part of its own statement. Whoever closes a version waits after it for the statements that did not see it.
create policy open_key on amanat.index_tags as restrictive for insert with check (not exists (
  select 1 from amanat.tenant_keys k
   where k.tenant_id = index_tags.tenant_id and k.use = 'index' and k.version = index_tags.key_version
     and k.closed_at is not null));
create policy open_statement_key on amanat.exports as restrictive for insert with check (not exists (
  select 1 from amanat.tenant_keys k
   where k.tenant_id = exports.tenant_id and k.use = 'data' and k.version = exports.statement_key_version
     and k.closed_at is not null));

-- An update that brings an older version back: what it was read from has been wrapped anew meanwhile.
create function amanat.key_is_open() returns trigger
  language plpgsql
  as $$
begin
  perform amanat.require(not exists (
    select 1 from amanat.tenant_keys k
     where k.tenant_id = new.tenant_id and k.use = 'data' and k.version = new.key_version and k.closed_at is not null),
    'conflict');
  return new;
end
$$;

do $$
declare
  place text;
begin
  foreach place in array array['customers', 'orders', 'invoices', 'legal_orders', 'exports', 'messages', 'incidents', 'webhooks',
    'recipients', 'undertakings', 'feedback', 'anomalies', 'decoy_lists', 'idempotent_answers'] loop
    execute format(
      'create policy open_key on amanat.%1$I as restrictive for insert with check (not exists (
         select 1 from amanat.tenant_keys k
          where k.tenant_id = %1$I.tenant_id and k.use = ''data'' and k.version = %1$I.key_version and k.closed_at is not null))',
      place);
    execute format(
      'create trigger open_key before update of key_version on amanat.%I for each row
         when (old.key_version is distinct from new.key_version) execute function amanat.key_is_open()', place);
  end loop;
end
$$;
