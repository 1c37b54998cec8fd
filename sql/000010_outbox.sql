-- What somebody has to know or do: the outbox of events, and what data subjects are to be told of. Ids, kinds and times only,
-- and never a word of an order.

-- One row for each role that is to hear of it, so that what one role has seen another has not. A row for a shop's system names
-- no legal order. due_at is the moment the event is about: whoever raises it, and however often, a kind, an object and a
-- moment make one event.
create table amanat.events (
  tenant_id uuid not null,
  id uuid not null,
  audience text not null,
  kind text not null,
  object_kind text not null,
  object_id uuid not null,
  legal_order_id uuid,
  customer_id uuid,
  due_at timestamptz not null,
  created_at timestamptz not null,
  acknowledged_by uuid,
  acknowledged_actor text,
  acknowledged_at timestamptz,
  primary key (tenant_id, id),
  check (audience <> 'shop_backend' or legal_order_id is null)
);
create unique index events_once on amanat.events (tenant_id, object_id, kind, due_at, audience);
create index events_open on amanat.events (tenant_id, audience, id) where acknowledged_at is null;
create index events_heard on amanat.events (tenant_id, audience, id);

-- due_at is null while the secrecy of the order has no known end. What is not due yet is outside the part of notices_due that a
-- shop's system reads.
create table amanat.notices (
  tenant_id uuid not null,
  id uuid not null,
  legal_order_id uuid not null,
  export_id uuid not null,
  customer_id uuid not null,
  due_at timestamptz,
  created_at timestamptz not null,
  told_by uuid,
  told_actor text,
  told_at timestamptz,
  channel text,
  cancelled_at timestamptz,
  mac bytea not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, export_id) references amanat.exports (tenant_id, id)
);
create unique index notices_once on amanat.notices (tenant_id, export_id, customer_id);
create index notices_due on amanat.notices (tenant_id, due_at, id) where due_at is not null and cancelled_at is null;
create index notices_of_order on amanat.notices (tenant_id, legal_order_id);

-- What the sweep of time-driven events looks for.
create index legal_orders_approval_expires on amanat.legal_orders (tenant_id, approval_expires) where status = 'approved';

alter table amanat.events enable row level security;
alter table amanat.notices enable row level security;

create policy tenant on amanat.events
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
create policy tenant on amanat.notices
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));

grant select, insert, update on amanat.events, amanat.notices to amanat_service;
