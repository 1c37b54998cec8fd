-- An order holds, under its own data key, whom and where to deliver: a copy of the customer's delivery data or the
-- alternate recipient, who is searchable by nothing.
create table amanat.orders (
  tenant_id uuid not null,
  id uuid not null,
  customer_id uuid not null,
  status text not null check (status in ('placed', 'dispatched', 'delivered', 'returned', 'cancelled')),
  delivery_to text not null check (delivery_to in ('customer', 'recipient')),
  version integer not null check (version > 0),
  key_version integer not null,
  data_key bytea,
  sealed bytea,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, customer_id) references amanat.customers (tenant_id, id)
);
create index orders_by_customer on amanat.orders (tenant_id, customer_id, id);

-- The one mechanism by which anything is read in full. Everything but closing and counting is fixed at opening.
create table amanat.grants (
  tenant_id uuid not null,
  id uuid not null,
  kind text not null,
  purpose text not null,
  customer_id uuid not null,
  order_id uuid,
  grantee_role text,
  grantee_client_id uuid,
  grantee_department text,
  actor text,
  fields text[],
  -- The shop's own reference (a ticket number, say), sealed under the customer's data key.
  external_ref bytea,
  legal_order_id uuid,
  policy_version integer not null,
  opened_by uuid not null,
  opened_at timestamptz not null,
  opens_at timestamptz not null,
  closes_at timestamptz not null,
  max_reads integer check (max_reads > 0),
  reads integer not null default 0,
  closed_at timestamptz,
  closed_reason text,
  mac bytea not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, customer_id) references amanat.customers (tenant_id, id),
  foreign key (tenant_id, order_id) references amanat.orders (tenant_id, id),
  check ((grantee_role is null) <> (grantee_client_id is null))
);
create index grants_by_customer on amanat.grants (tenant_id, customer_id, id);
create index grants_by_order on amanat.grants (tenant_id, order_id, id) where order_id is not null;

create table amanat.shipments (
  tenant_id uuid not null,
  id uuid not null,
  order_id uuid not null,
  customer_id uuid not null,
  grant_id uuid not null,
  courier_client_id uuid not null,
  status text not null check (status in ('open', 'delivered', 'returned', 'cancelled', 'reassigned')),
  -- The code's hash and the MAC of it both go when the parcel closes.
  code_hash bytea,
  code_mac bytea,
  code_expires_at timestamptz not null,
  code_tries integer not null default 0,
  attempts integer not null default 0,
  -- Why the last attempt failed, in the courier's words, sealed under the order's data key.
  last_failure bytea,
  created_at timestamptz not null,
  closed_at timestamptz,
  mac bytea not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, order_id) references amanat.orders (tenant_id, id),
  foreign key (tenant_id, grant_id) references amanat.grants (tenant_id, id)
);
create index shipments_by_order on amanat.shipments (tenant_id, order_id);
create index shipments_by_courier on amanat.shipments (tenant_id, courier_client_id, id) where status = 'open';
create unique index shipments_one_open on amanat.shipments (tenant_id, order_id) where status = 'open';

-- The identity an invoice needs, frozen under the invoice's own data key.
create table amanat.invoices (
  tenant_id uuid not null,
  id uuid not null,
  order_id uuid not null,
  customer_id uuid not null,
  version integer not null default 1,
  key_version integer not null,
  data_key bytea,
  sealed bytea,
  created_at timestamptz not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, order_id) references amanat.orders (tenant_id, id)
);
create index invoices_by_order on amanat.invoices (tenant_id, order_id);

alter table amanat.orders enable row level security;
alter table amanat.grants enable row level security;
alter table amanat.shipments enable row level security;
alter table amanat.invoices enable row level security;

create policy tenant on amanat.orders
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
create policy tenant on amanat.grants
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
create policy tenant on amanat.shipments
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
create policy tenant on amanat.invoices
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));

grant select, insert, update on amanat.orders, amanat.grants, amanat.shipments to amanat_service;
grant select, insert on amanat.invoices to amanat_service;
