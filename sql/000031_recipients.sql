-- Who acts for the shop, or is trusted by it, and the undertakings of confidentiality: of those, and of members of staff. Names,
-- contracts and signers are sealed; the scan of an undertaking stays with the shop, its digest is here.
create table amanat.recipients (
  tenant_id uuid not null references amanat.tenants (id),
  id uuid not null,
  kind text not null check (kind in ('courier', 'payment_processor', 'trusted_body')),
  purpose text not null,
  fields text[] not null,
  expires_at timestamptz not null,
  created_at timestamptz not null,
  created_by uuid not null,
  created_actor text not null,
  undertaking_id uuid,
  client_ids uuid[] not null,
  revoked_at timestamptz,
  revoked_by uuid,
  revoked_actor text,
  key_version integer not null,
  data_key bytea not null,
  sealed bytea not null,
  mac bytea not null,
  primary key (tenant_id, id)
);

create table amanat.undertakings (
  tenant_id uuid not null references amanat.tenants (id),
  id uuid not null,
  recipient_id uuid,
  actor text,
  signed_on text not null,
  document_sha256 bytea not null,
  recorded_at timestamptz not null,
  recorded_by uuid not null,
  recorded_actor text not null,
  revoked_at timestamptz,
  revoked_by uuid,
  revoked_actor text,
  key_version integer not null,
  data_key bytea not null,
  sealed bytea not null,
  mac bytea not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, recipient_id) references amanat.recipients (tenant_id, id),
  check ((recipient_id is null) <> (actor is null))
);
create index undertakings_by_recipient on amanat.undertakings (tenant_id, recipient_id, id);
create index undertakings_of_staff on amanat.undertakings (tenant_id, id) where actor is not null;
create unique index undertakings_one_of_staff on amanat.undertakings (tenant_id, lower(actor))
  where actor is not null and revoked_at is null;

-- What the two come to for a client that belongs to a recipient, and for a member of staff: opaque ids and times. Every process
-- looks here every second, so that no read has to ask. A client that stands here without `valid_from` reads nothing.
create table amanat.admissions (
  tenant_id uuid not null references amanat.tenants (id),
  kind text not null check (kind in ('client', 'actor')),
  subject text not null,
  fields text[] not null,
  valid_from timestamptz,
  valid_until timestamptz,
  changed_at timestamptz not null,
  mac bytea not null,
  primary key (tenant_id, kind, subject)
);
create index admissions_by_change on amanat.admissions (changed_at);

alter table amanat.recipients enable row level security;
alter table amanat.undertakings enable row level security;
alter table amanat.admissions enable row level security;
create policy tenant on amanat.recipients
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
create policy tenant on amanat.undertakings
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
create policy tenant on amanat.admissions
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]) or (select amanat.directory_in_scope()));
grant select, insert, update (undertaking_id, client_ids, revoked_at, revoked_by, revoked_actor, mac)
  on amanat.recipients to amanat_service;
grant select, insert, update (revoked_at, revoked_by, revoked_actor, mac) on amanat.undertakings to amanat_service;
grant select, insert, update on amanat.admissions to amanat_service;
