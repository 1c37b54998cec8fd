-- Requests of persons about their own data, and erasure.
--
-- leaving: erasure was decided. Nobody outside the legal roles reaches the person any more, from that commit on and whether or
-- not a hold stands; the key goes as soon as nothing holds it. Until then nobody can tell whether it has gone.
alter table amanat.customers drop constraint customers_status_check;
alter table amanat.customers
  add constraint customers_status_check check (status in ('active', 'deactivated', 'leaving', 'erased'));
create index customers_leaving on amanat.customers (tenant_id, updated_at) where status = 'leaving';

-- The register. What is in words (`note` of who asked, `why` of who decided) is sealed under the customer's own data key and
-- goes with it. An erasure stays open after its decision, until its day has come and its key has gone. `certificate` is the
-- signed statement of an erasure, without personal data, made when the key went.
create table amanat.requests (
  tenant_id uuid not null,
  id uuid not null,
  customer_id uuid not null,
  kind text not null check (kind in ('copy', 'correct', 'deactivate', 'erase', 'object', 'portability')),
  state text not null check (state in ('open', 'done', 'partly', 'refused')),
  asked_by uuid not null,
  asked_role text not null,
  asked_actor text,
  asker text not null,
  checked text not null,
  purpose text,
  asked_at timestamptz not null,
  due_at timestamptz not null,
  decided_by uuid,
  decided_actor text,
  decided_at timestamptz,
  outcome text check (outcome in ('done', 'partly', 'refused')),
  reason text,
  clauses text[] not null,
  closed_at timestamptz,
  copy_expires_at timestamptz,
  fetched_at timestamptz,
  certificate text,
  note bytea,
  why bytea,
  mac bytea not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, customer_id) references amanat.customers (tenant_id, id)
);
create index requests_by_customer on amanat.requests (tenant_id, customer_id, id);
create index requests_open on amanat.requests (tenant_id, due_at) where state = 'open';
-- What is decided once is asked once at a time.
create unique index requests_one_open on amanat.requests (tenant_id, customer_id, kind)
  where state = 'open' and kind in ('deactivate', 'erase');

-- Whose answer it is, so that it goes with them. What is left of it says only that the key was used.
alter table amanat.idempotent_answers add column subject_id uuid;
create index idempotent_answers_by_subject on amanat.idempotent_answers (tenant_id, subject_id)
  where subject_id is not null;

-- For processes that still have the key, or facts of the customer, in memory: they look here every second. Kept for an hour.
create table amanat.destroyed_keys (
  tenant_id uuid not null references amanat.tenants (id),
  record_id uuid not null,
  customer_id uuid not null,
  destroyed_at timestamptz not null,
  primary key (tenant_id, record_id)
);
create index destroyed_keys_by_time on amanat.destroyed_keys (destroyed_at);

alter table amanat.requests enable row level security;
alter table amanat.destroyed_keys enable row level security;

create policy tenant on amanat.requests
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
create policy tenant on amanat.destroyed_keys
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]) or (select amanat.directory_in_scope()));

grant select, insert, update on amanat.requests to amanat_service;
grant select, insert, delete on amanat.destroyed_keys to amanat_service;
grant update (body_hash, data_key, answer) on amanat.idempotent_answers to amanat_service;
