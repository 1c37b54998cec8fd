-- OAuth 2.0 clients. A client has exactly one role.
create table amanat.clients (
  tenant_id uuid not null references amanat.tenants (id),
  id uuid not null,
  name text not null,
  role text not null,
  auth_method text not null check (auth_method in ('client_secret', 'private_key_jwt')),
  -- Canonical JSON (RFC 8785), kept as the text it was made as: its exact bytes are in the MAC.
  jwk text,
  department text,
  carrier_profile text,
  version integer not null,
  created_at timestamptz not null,
  disabled_at timestamptz,
  -- Tokens issued before this moment are revoked.
  tokens_valid_from timestamptz,
  mac bytea not null,
  primary key (tenant_id, id)
);

-- Not unique on purpose: a token request names the client before its tenant is known.
create index clients_by_id on amanat.clients (id);

create table amanat.client_secrets (
  tenant_id uuid not null,
  client_id uuid not null,
  id uuid not null,
  hash bytea not null,
  created_at timestamptz not null,
  expires_at timestamptz,
  mac bytea not null,
  primary key (tenant_id, client_id, id),
  foreign key (tenant_id, client_id) references amanat.clients (tenant_id, id)
);

create table amanat.token_revocations (
  tenant_id uuid not null references amanat.tenants (id),
  jti uuid not null,
  revoked_at timestamptz not null,
  expires_at timestamptz not null,
  primary key (tenant_id, jti)
);
create index token_revocations_by_time on amanat.token_revocations (revoked_at);
create index clients_by_change on amanat.clients (greatest(disabled_at, tokens_valid_from));

-- Client assertions already used (RFC 7523 section 3, item 7).
create table amanat.client_assertions (
  tenant_id uuid not null,
  client_id uuid not null,
  jti_hash bytea not null,
  expires_at timestamptz not null,
  primary key (tenant_id, client_id, jti_hash),
  foreign key (tenant_id, client_id) references amanat.clients (tenant_id, id)
);

alter table amanat.clients enable row level security;
alter table amanat.client_secrets enable row level security;
alter table amanat.token_revocations enable row level security;
alter table amanat.client_assertions enable row level security;

create policy tenant on amanat.clients
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]) or (select amanat.directory_in_scope()));
create policy tenant on amanat.client_secrets
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]) or (select amanat.directory_in_scope()));
create policy tenant on amanat.token_revocations
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]) or (select amanat.directory_in_scope()));
create policy tenant on amanat.client_assertions
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));

grant select, insert, update on amanat.clients, amanat.client_secrets to amanat_service;
grant select, insert, delete on amanat.token_revocations, amanat.client_assertions to amanat_service;
