-- A customer: what is clear here is no secret (kind, status, source, times); everything about the person is in `sealed`.
-- Erasure sets data_key and sealed to null; the row stays so that the id is never given out again.
create table amanat.customers (
  tenant_id uuid not null references amanat.tenants (id),
  id uuid not null,
  kind text not null check (kind in ('natural', 'legal')),
  status text not null check (status in ('active', 'deactivated', 'erased')),
  version integer not null check (version > 0),
  source text not null,
  key_version integer not null,
  data_key bytea,
  sealed bytea,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (tenant_id, id)
);

-- Blind index. `exclusive` tags belong to one customer of the tenant. No foreign key: the hot path of a create would pay
-- for one check a tag, and customer rows are never deleted.
create table amanat.index_tags (
  tenant_id uuid not null,
  field text not null,
  tag bytea not null,
  customer_id uuid not null,
  key_version integer not null,
  exclusive boolean not null,
  primary key (tenant_id, field, tag, customer_id)
);
create unique index index_tags_exclusive on amanat.index_tags (tenant_id, field, tag) where exclusive;
create index index_tags_by_customer on amanat.index_tags (tenant_id, customer_id);

-- Answers to requests that carried an Idempotency-Key; key and body are keyed hashes, the answer is sealed.
create table amanat.idempotent_answers (
  tenant_id uuid not null,
  client_id uuid not null,
  key_hash bytea not null,
  body_hash bytea not null,
  answer_id uuid not null,
  key_version integer not null,
  data_key bytea not null,
  answer bytea not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  primary key (tenant_id, client_id, key_hash)
);
create index idempotent_answers_by_expiry on amanat.idempotent_answers (tenant_id, expires_at);

-- What became of each line of an import, so that the same Idempotency-Key resumes it.
create table amanat.import_lines (
  tenant_id uuid not null,
  client_id uuid not null,
  key_hash bytea not null,
  line integer not null,
  line_hash bytea not null,
  result jsonb not null,
  expires_at timestamptz not null,
  primary key (tenant_id, client_id, key_hash, line)
);

-- Claims an Idempotency-Key for the running transaction: aborts it when another one holds the key right now
-- (idempotency_in_flight) or an answer is already stored (idempotency_answered). Expired answers give way.
create function amanat.claim_idempotency_key(tenant uuid, client uuid, hash bytea, at timestamptz) returns boolean
  language plpgsql
  as $$
begin
  perform amanat.require(
    pg_try_advisory_xact_lock(hashtextextended(tenant::text || client::text || encode(hash, 'hex'), 0)),
    'idempotency_in_flight');
  delete from amanat.idempotent_answers a
    where a.tenant_id = tenant and a.client_id = client and a.key_hash = hash and a.expires_at <= at;
  return amanat.require(not exists (
    select 1 from amanat.idempotent_answers a
      where a.tenant_id = tenant and a.client_id = client and a.key_hash = hash), 'idempotency_answered');
end
$$;

alter table amanat.customers enable row level security;
alter table amanat.index_tags enable row level security;
alter table amanat.idempotent_answers enable row level security;
alter table amanat.import_lines enable row level security;

create policy tenant on amanat.customers
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
create policy tenant on amanat.index_tags
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
create policy tenant on amanat.idempotent_answers
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
create policy tenant on amanat.import_lines
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));

grant select, insert, update on amanat.customers to amanat_service;
grant select, insert, update, delete on amanat.index_tags to amanat_service;
grant select, insert, delete on amanat.idempotent_answers, amanat.import_lines to amanat_service;
