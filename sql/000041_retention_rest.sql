-- What goes when its time is over: the records of legal orders, the proofs of a relation, accounts of whom nobody hears.

-- The sweep deletes what tells of an order that has gone.
grant delete on amanat.notices to amanat_service;
create index legal_orders_kept on amanat.legal_orders (tenant_id, id) where data_key is not null;

-- Consents, acceptances and requests are append-only for the service. When the relation has been over for as long as the policy says,
-- they go: of customers who were erased, and of nobody else, whoever asks. With the owner's rights, inside the tenant in scope.
create index customers_erased on amanat.customers (tenant_id, updated_at) where status = 'erased';
create function amanat.forget_relations(tenant uuid, gone uuid[]) returns boolean
  language plpgsql security definer set search_path = ''
  as $$
begin
  perform amanat.require(tenant = any (amanat.tenants_in_scope()), 'not_found');
  perform amanat.require(not exists (
    select 1
      from unnest(gone) as g (id)
     where not exists (
       select 1 from amanat.customers c where c.tenant_id = tenant and c.id = g.id and c.status = 'erased')), 'conflict');
  delete from amanat.consents k where k.tenant_id = tenant and k.customer_id = any (gone);
  delete from amanat.consent_heads h where h.tenant_id = tenant and h.customer_id = any (gone);
  delete from amanat.acceptances a where a.tenant_id = tenant and a.customer_id = any (gone);
  delete from amanat.requests r where r.tenant_id = tenant and r.customer_id = any (gone);
  return true;
end
$$;
revoke all on function amanat.forget_relations(uuid, uuid[]) from public;
grant execute on function amanat.forget_relations(uuid, uuid[]) to amanat_service;

-- When the person was last signed in to their own view; written once a day at most.
alter table amanat.customers add column seen_at timestamptz;

-- Persons of whom nobody has heard since `idle_since` and who were told that their account will be deactivated. mac: rowMac.ts.
create table amanat.idle_notices (
  tenant_id uuid not null,
  customer_id uuid not null,
  idle_since timestamptz not null,
  told_at timestamptz not null,
  mac bytea not null,
  primary key (tenant_id, customer_id),
  foreign key (tenant_id, customer_id) references amanat.customers (tenant_id, id)
);
alter table amanat.idle_notices enable row level security;
create policy tenant on amanat.idle_notices
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
grant select, insert, update on amanat.idle_notices to amanat_service;
