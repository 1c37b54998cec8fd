-- Everything lives in the schema amanat. tenant_id leads every key; the group role amanat_service owns nothing and may do
-- only what is granted here. Row level security is the second wall: the first statement of every transaction sets
-- amanat.tenants (and, for the few look-ups that come before a tenant is known, amanat.directory) for that transaction only.

grant usage on schema amanat to amanat_service;

-- The tenants the running transaction may touch; null (no row is visible) when nothing was set.
create function amanat.tenants_in_scope() returns uuid[]
  language sql stable parallel safe
  as $$ select nullif(current_setting('amanat.tenants', true), '')::uuid[] $$;

create function amanat.directory_in_scope() returns boolean
  language sql stable parallel safe
  as $$ select coalesce(current_setting('amanat.directory', true), '') = 'on' $$;

-- A guard: aborts the whole transaction with the guard's name when its condition does not hold.
create function amanat.require(holds boolean, guard text) returns boolean
  language plpgsql
  as $$
begin
  if holds is not true then
    raise exception using errcode = 'AM001', message = guard;
  end if;
  return true;
end
$$;

create table amanat.tenants (
  id uuid primary key,
  name text not null,
  created_at timestamptz not null
);

-- Keys of a tenant, wrapped by a root key that is never in the database.
create table amanat.tenant_keys (
  tenant_id uuid not null references amanat.tenants (id),
  use text not null check (use in ('data', 'index')),
  version integer not null check (version > 0),
  root_id text not null,
  wrapped bytea not null,
  created_at timestamptz not null,
  primary key (tenant_id, use, version)
);

-- Published policy versions: immutable, so the service role may insert and read, never change. `mac`, here and in other
-- tables: a keyed MAC of the row's fixed columns, made and checked by the service (src/vault/rowMac.ts).
create table amanat.policy_versions (
  tenant_id uuid not null references amanat.tenants (id),
  number integer not null check (number > 0),
  profile text not null,
  source text not null,
  source_sha256 bytea not null,
  published_at timestamptz not null,
  effective_from timestamptz not null,
  mac bytea not null,
  primary key (tenant_id, number)
);

alter table amanat.tenants enable row level security;
alter table amanat.tenant_keys enable row level security;
alter table amanat.policy_versions enable row level security;

create policy tenant on amanat.tenants
  using (id = any ((select amanat.tenants_in_scope())::uuid[]) or (select amanat.directory_in_scope()));
create policy tenant on amanat.tenant_keys
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]) or (select amanat.directory_in_scope()));
create policy tenant on amanat.policy_versions
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]) or (select amanat.directory_in_scope()));

grant select, insert on amanat.tenants, amanat.tenant_keys, amanat.policy_versions to amanat_service;
