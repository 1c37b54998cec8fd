-- What comes to a policy version after its text: who published it, that people were told of it, that it took effect, and who
-- accepted it. Append-only: the service may insert and read. mac, in each: src/vault/rowMac.ts.

-- Beside the row of policy_versions, in the same commit. The first version of a tenant, made with the tenant, has none. A version
-- without one counts as material.
create table amanat.policy_publications (
  tenant_id uuid not null,
  number integer not null,
  material boolean not null,
  published_by uuid not null,
  published_actor text,
  mac bytea not null,
  primary key (tenant_id, number),
  foreign key (tenant_id, number) references amanat.policy_versions (tenant_id, number)
);

-- People were told that this version comes. given_at as the officer says; what counts is recorded_at.
create table amanat.policy_notices (
  tenant_id uuid not null,
  id uuid not null,
  number integer not null,
  channel text not null,
  given_at timestamptz not null,
  audience integer check (audience >= 0),
  recorded_at timestamptz not null,
  recorded_by uuid not null,
  recorded_actor text,
  mac bytea not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, number) references amanat.policy_versions (tenant_id, number)
);
create index policy_notices_recent on amanat.policy_notices (recorded_at);

-- A further version has taken effect, and every grant that it forbids is closed. Versions before it are history from here on.
create table amanat.policy_changes (
  tenant_id uuid not null,
  number integer not null,
  in_force_from timestamptz not null,
  swept_at timestamptz not null,
  mac bytea not null,
  primary key (tenant_id, number),
  foreign key (tenant_id, number) references amanat.policy_versions (tenant_id, number)
);

-- No foreign key to the customer: the proof outlives the record, and says nothing of the person but that.
create table amanat.acceptances (
  tenant_id uuid not null,
  id uuid not null,
  customer_id uuid not null,
  number integer not null,
  method text not null,
  -- SHA-256 of the sentence that the person attested, in that version; null when they attested nothing.
  attestation_sha256 bytea,
  accepted_at timestamptz not null,
  recorded_by uuid not null,
  recorded_role text not null,
  mac bytea not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, number) references amanat.policy_versions (tenant_id, number)
);
create index acceptances_of_customer on amanat.acceptances (tenant_id, customer_id, id);

-- What a new version may have to close.
create index grants_open on amanat.grants (tenant_id, id) where closed_at is null;

alter table amanat.policy_publications enable row level security;
alter table amanat.policy_notices enable row level security;
alter table amanat.policy_changes enable row level security;
alter table amanat.acceptances enable row level security;

create policy tenant on amanat.policy_publications
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]) or (select amanat.directory_in_scope()));
create policy tenant on amanat.policy_notices
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]) or (select amanat.directory_in_scope()));
create policy tenant on amanat.policy_changes
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]) or (select amanat.directory_in_scope()));
create policy tenant on amanat.acceptances
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));

grant select, insert on amanat.policy_publications, amanat.policy_notices, amanat.policy_changes, amanat.acceptances
  to amanat_service;
