-- A read in an emergency by whoever runs the system: its grant (the same id), and its later review. reason and finding are sealed
-- under the customer's data key and go with it. slot counts those of a day of Tehran, so that of many at once no more than the
-- policy allows are opened.
create table amanat.break_glass (
  tenant_id uuid not null,
  id uuid not null,
  customer_id uuid not null,
  opened_by uuid not null,
  opened_actor text not null,
  opened_at timestamptz not null,
  closes_at timestamptz not null,
  day date not null,
  slot integer not null check (slot > 0),
  review_due timestamptz not null,
  reviewed_by uuid,
  reviewed_actor text,
  reviewed_at timestamptz,
  outcome text check (outcome in ('upheld', 'not_justified')),
  reason bytea not null,
  finding bytea,
  mac bytea not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, id) references amanat.grants (tenant_id, id),
  constraint break_glass_daily unique (tenant_id, day, slot)
);
create index break_glass_review on amanat.break_glass (tenant_id, review_due) where reviewed_at is null;

alter table amanat.break_glass enable row level security;
create policy tenant on amanat.break_glass
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
grant select, insert,
  update (reviewed_by, reviewed_actor, reviewed_at, outcome, finding, mac) on amanat.break_glass to amanat_service;
