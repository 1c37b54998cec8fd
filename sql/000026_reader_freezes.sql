-- Readers who were stopped: a client, or a member of staff whatever the client. Nobody is served on a token of theirs, and they
-- get no other, while a row stands that is not lifted. A row that is not as the vault wrote it stands. Rows stay.
create table amanat.reader_freezes (
  tenant_id uuid not null references amanat.tenants (id),
  id uuid not null,
  client_id uuid,
  actor text,
  incident_id uuid,
  frozen_by uuid,
  frozen_actor text,
  frozen_at timestamptz not null,
  lifted_by uuid,
  lifted_actor text,
  lifted_at timestamptz,
  mac bytea not null,
  primary key (tenant_id, id),
  check ((client_id is null) <> (actor is null))
);
create unique index reader_freezes_one_standing on amanat.reader_freezes (tenant_id, client_id, actor)
  nulls not distinct where lifted_at is null;
-- Every process looks here every second for what changed, and when it starts for all there is.
create index reader_freezes_by_change on amanat.reader_freezes (greatest(frozen_at, lifted_at));

alter table amanat.reader_freezes enable row level security;
create policy tenant on amanat.reader_freezes
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]) or (select amanat.directory_in_scope()));
grant select, insert,
  update (lifted_by, lifted_actor, lifted_at, mac) on amanat.reader_freezes to amanat_service;
