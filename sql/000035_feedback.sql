-- Answers to surveys, and opinions. Each is sealed under a key of its own from the start, so that cutting it off whom it came from
-- is taking away `customer_id`, and erasing a person's is taking away its key. An answer need not come from anybody.
create table amanat.feedback (
  tenant_id uuid not null references amanat.tenants (id),
  id uuid not null,
  kind text not null check (kind in ('survey', 'opinion')),
  survey text,
  customer_id uuid,
  created_at timestamptz not null,
  key_version integer not null,
  data_key bytea,
  sealed bytea,
  mac bytea not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, customer_id) references amanat.customers (tenant_id, id)
);
create index feedback_by_survey on amanat.feedback (tenant_id, survey, id);
create index feedback_by_customer on amanat.feedback (tenant_id, customer_id, id) where customer_id is not null;
create index feedback_to_detach on amanat.feedback (tenant_id, created_at) where customer_id is not null;

create trigger held_stays before update on amanat.feedback
  for each row when (
    (old.data_key is not null and new.data_key is null) or (old.sealed is not null and new.sealed is null)
    or old.customer_id is distinct from new.customer_id or old.id <> new.id or old.tenant_id <> new.tenant_id)
  execute function amanat.keep_held_record();

alter table amanat.feedback enable row level security;
create policy tenant on amanat.feedback
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
grant select, insert, update (customer_id, data_key, sealed, mac) on amanat.feedback to amanat_service;
