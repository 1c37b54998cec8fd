-- What persons bring before the shop, each entry a case: a report that an account is misused, a complaint, an inquiry.
--
-- A report of misuse freezes its customer in the commit that enters it: edits, or values in full, or both, as the policy in
-- force says. Every read takes the row that these stand in anyway.
alter table amanat.customers
  add column edits_frozen boolean not null default false,
  add column reveals_frozen boolean not null default false;

-- `words`, `finding` and `remedy` are sealed under the customer's data key and go with it. `grant_ids` are the grants that
-- were opened for the case: they close when it is closed.
create table amanat.cases (
  tenant_id uuid not null,
  id uuid not null,
  kind text not null check (kind in ('complaint', 'inquiry', 'misuse')),
  customer_id uuid not null,
  state text not null check (state in ('open', 'acknowledged', 'assigned', 'closed')),
  clauses text[] not null,
  about_actor text,
  filed_by uuid not null,
  filed_role text not null,
  filed_actor text,
  filed_at timestamptz not null,
  policy_version integer not null,
  due_at timestamptz not null,
  acknowledged_at timestamptz,
  owner_role text,
  owner_department text,
  owner_actor text,
  outcome text,
  closed_by uuid,
  closed_actor text,
  closed_at timestamptz,
  grant_ids uuid[] not null,
  words bytea,
  finding bytea,
  remedy bytea,
  mac bytea not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, customer_id) references amanat.customers (tenant_id, id)
);
create index cases_by_customer on amanat.cases (tenant_id, customer_id, id);
create index cases_by_kind on amanat.cases (tenant_id, kind, id);
create index cases_open on amanat.cases (tenant_id, due_at) where state <> 'closed';
create index cases_worded on amanat.cases (tenant_id, closed_at) where words is not null and state = 'closed';
-- A customer is frozen by one report at a time.
create unique index cases_one_misuse on amanat.cases (tenant_id, customer_id) where kind = 'misuse' and state <> 'closed';

-- What a held person said stays while the hold stands, save for a new seal under the same words.
create trigger held_stays before update on amanat.cases
  for each row when (
    (old.words is not null and new.words is null) or (old.finding is not null and new.finding is null)
    or (old.remedy is not null and new.remedy is null)
    or old.customer_id <> new.customer_id or old.id <> new.id or old.tenant_id <> new.tenant_id)
  execute function amanat.keep_held_record();

alter table amanat.cases enable row level security;
create policy tenant on amanat.cases
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
grant select, insert, update on amanat.cases to amanat_service;
