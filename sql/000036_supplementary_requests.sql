-- What a customer is asked for about one order, after a check of it failed. `answers` are sealed under the customer's data key; they
-- go with it, and 30 days (retention.supplementary_answers) after the request was closed. One waits for an answer at a time.
-- mac: src/vault/rowMac.ts.
create table amanat.supplementary_requests (
  tenant_id uuid not null,
  id uuid not null,
  customer_id uuid not null,
  order_id uuid not null,
  check_kind text not null,
  check_fields text[] not null,
  failed_at timestamptz not null,
  found_by text not null check (found_by in ('vault', 'caller')),
  asks text[] not null,
  purpose text not null,
  state text not null check (state in ('open', 'answered', 'expired', 'withdrawn')),
  opened_by uuid not null,
  opened_role text not null,
  opened_actor text,
  opened_at timestamptz not null,
  due_at timestamptz not null,
  closes_at timestamptz not null,
  answered_at timestamptz,
  answered_by uuid,
  answered_role text,
  answered_actor text,
  closed_at timestamptz,
  answers bytea,
  mac bytea not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, customer_id) references amanat.customers (tenant_id, id),
  foreign key (tenant_id, order_id) references amanat.orders (tenant_id, id)
);
create index supplementary_requests_by_customer on amanat.supplementary_requests (tenant_id, customer_id, id);
create index supplementary_requests_by_order on amanat.supplementary_requests (tenant_id, order_id, id);
create index supplementary_requests_standing on amanat.supplementary_requests (tenant_id, closes_at) where closed_at is null;
create index supplementary_requests_answered on amanat.supplementary_requests (tenant_id, closed_at) where answers is not null;
create unique index supplementary_requests_one_open on amanat.supplementary_requests (tenant_id, order_id)
  where state = 'open';

-- What a held person answered stays while the hold stands.
create trigger held_stays before update on amanat.supplementary_requests
  for each row when (
    (old.answers is not null and new.answers is null)
    or old.customer_id <> new.customer_id or old.id <> new.id or old.tenant_id <> new.tenant_id)
  execute function amanat.keep_held_record();

alter table amanat.supplementary_requests enable row level security;
create policy tenant on amanat.supplementary_requests
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
grant select, insert, update on amanat.supplementary_requests to amanat_service;
