-- How far the shop may rely on a contact point: a phone, the e-mail address or an address of a customer, `point` being its id or
-- `email`. Counts only while the value is the one that `value_hash` (keyed) was made of, so that changing it takes the assurance
-- away without anybody's thinking of it. call_reference: of the call in which the person said so, sealed under the customer's
-- data key. mac: src/vault/rowMac.ts.
create table amanat.contact_assurances (
  tenant_id uuid not null,
  customer_id uuid not null,
  point text not null,
  level text not null check (level in ('deemed_confirmed', 'verified')),
  value_hash bytea not null,
  set_at timestamptz not null,
  set_by uuid not null,
  set_role text not null,
  actor text,
  call_reference bytea,
  mac bytea not null,
  primary key (tenant_id, customer_id, point),
  foreign key (tenant_id, customer_id) references amanat.customers (tenant_id, id)
);

-- The vault's own one-time codes: only their keyed hashes. Kept for a day, because the limits count them.
create table amanat.contact_verifications (
  tenant_id uuid not null,
  id uuid not null,
  customer_id uuid not null,
  point text not null,
  value_hash bytea not null,
  code_hash bytea not null,
  tries integer not null default 0,
  started_at timestamptz not null,
  expires_at timestamptz not null,
  used_at timestamptz,
  mac bytea not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, customer_id) references amanat.customers (tenant_id, id)
);
create index contact_verifications_by_customer on amanat.contact_verifications (tenant_id, customer_id, started_at);
create index contact_verifications_by_value on amanat.contact_verifications (tenant_id, value_hash, started_at);

alter table amanat.contact_assurances enable row level security;
alter table amanat.contact_verifications enable row level security;

create policy tenant on amanat.contact_assurances
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
create policy tenant on amanat.contact_verifications
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));

grant select, insert, update, delete on amanat.contact_assurances to amanat_service;
grant select, insert, delete, update (tries, used_at) on amanat.contact_verifications to amanat_service;
