-- Who agreed to what goes out by which channel, and who took it back: ids, states and times, and never a contact point.

-- Append-only, numbered for each customer. mac: src/vault/rowMac.ts. No foreign key: what was agreed outlives the customer's row.
create table amanat.consents (
  tenant_id uuid not null,
  customer_id uuid not null,
  number integer not null check (number > 0),
  id uuid not null,
  purpose text not null,
  channel text not null check (channel in ('sms', 'email')),
  kind text not null check (kind in ('given', 'withdrawn')),
  explicit boolean,
  method text,
  source text not null,
  text_version text,
  policy_version text not null,
  recorded_by uuid not null,
  recorded_role text not null,
  actor text,
  created_at timestamptz not null,
  mac bytea not null,
  primary key (tenant_id, customer_id, number),
  check ((kind = 'given') = (method is not null)),
  check ((kind = 'given') = (explicit is not null))
);
create index consents_page on amanat.consents (tenant_id, customer_id, id);

-- How a customer's consents stand after `number` events, as JSON under a MAC. What sends asks here; an event taken away changes
-- nothing of it, and a head that is older than its events is refused.
create table amanat.consent_heads (
  tenant_id uuid not null,
  customer_id uuid not null,
  number integer not null check (number > 0),
  states text not null,
  mac bytea not null,
  primary key (tenant_id, customer_id)
);

-- Contact points to which nothing of a purpose goes until the person opts in again: a keyed hash and nothing of whose it is, so
-- that it outlives the customer's erasure. key_version: of the tenant's index key.
create table amanat.suppressions (
  tenant_id uuid not null,
  purpose text not null,
  channel text not null check (channel in ('sms', 'email')),
  contact bytea not null,
  key_version integer not null,
  created_at timestamptz not null,
  primary key (tenant_id, purpose, channel, contact)
);

alter table amanat.consents enable row level security;
alter table amanat.consent_heads enable row level security;
alter table amanat.suppressions enable row level security;

create policy tenant on amanat.consents
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
create policy tenant on amanat.consent_heads
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
create policy tenant on amanat.suppressions
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));

grant select, insert on amanat.consents to amanat_service;
grant select, insert, update (number, states, mac) on amanat.consent_heads to amanat_service;
grant select, insert, delete on amanat.suppressions to amanat_service;
