-- What the service may change where keys turn over: how a record's key is wrapped, and under which version. Never what is sealed.
grant update (key_version) on amanat.invoices, amanat.messages, amanat.feedback, amanat.idempotent_answers to amanat_service;
grant update (key_version, data_key) on amanat.incidents, amanat.recipients, amanat.undertakings, amanat.anomalies
  to amanat_service;

-- Which processes serve, and which of the vault's keys each of them has: a key comes into use when all of them have it. Names of
-- keys, never keys. Of the vault and no tenant's. A process that is silent for half a minute is gone.
create table amanat.processes (
  id uuid primary key,
  seen_at timestamptz not null,
  keys text[] not null
);
alter table amanat.processes enable row level security;
create policy directory on amanat.processes using ((select amanat.directory_in_scope()));
grant select, insert, update, delete on amanat.processes to amanat_service;

-- MACs are made anew where the mac key turns over.
do $$
declare
  signed record;
begin
  for signed in
    select c.table_name, c.column_name
      from information_schema.columns c
     where c.table_schema = 'amanat' and c.column_name in ('mac', 'code_mac')
  loop
    execute format('grant update (%I) on amanat.%I to amanat_service', signed.column_name, signed.table_name);
  end loop;
end
$$;
