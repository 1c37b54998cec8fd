-- Legal holds, and the former states of what they hold.
--
-- A hold blocks from the moment its row is there until the vault has written `released_at`, when it is released or when its
-- time is over: nothing here compares times, so no clock of this database and no setting of a session ends a hold early. The
-- vault ends a lapsed one by its own clock, first thing in the commit that needs it ended, and by housekeeping otherwise.
-- Nothing tells whether a hold is secret; that stands sealed in its order. `release` is sealed under the order's data key.
create table amanat.holds (
  tenant_id uuid not null references amanat.tenants (id),
  id uuid not null,
  legal_order_id uuid not null,
  customer_id uuid not null,
  kind text not null check (kind in ('preservation', 'provisional', 'own')),
  starts_at timestamptz not null,
  ends_at timestamptz not null check (ends_at > starts_at),
  released_at timestamptz,
  release bytea,
  created_at timestamptz not null,
  mac bytea not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, legal_order_id) references amanat.legal_orders (tenant_id, id),
  foreign key (tenant_id, customer_id) references amanat.customers (tenant_id, id)
);
create index holds_by_customer on amanat.holds (tenant_id, customer_id, id);
create index holds_by_order on amanat.holds (tenant_id, legal_order_id, id);
create index holds_standing on amanat.holds (tenant_id, ends_at) where released_at is null;

-- The sealed state that an edit replaced: kept for every record alike, so that an edit costs the same whether a hold stands
-- or not. No key of its own: it opens with the record's data key, as the version it was sealed as, and goes with that key.
-- key_version is the record's of that time; what opens it now is the record's of now. No foreign key: only the trigger below
-- writes here, beside the record's own row, and an edit would pay for one check more.
create table amanat.customer_versions (
  tenant_id uuid not null,
  customer_id uuid not null,
  version integer not null,
  key_version integer not null,
  sealed bytea not null,
  captured_at timestamptz not null,
  replaced_at timestamptz not null,
  primary key (tenant_id, customer_id, version)
);
create index customer_versions_by_time on amanat.customer_versions (tenant_id, replaced_at);

create table amanat.order_versions (
  tenant_id uuid not null,
  order_id uuid not null,
  customer_id uuid not null,
  version integer not null,
  key_version integer not null,
  sealed bytea not null,
  captured_at timestamptz not null,
  replaced_at timestamptz not null,
  primary key (tenant_id, order_id, version)
);
create index order_versions_by_time on amanat.order_versions (tenant_id, replaced_at);

-- When what is sealed now was captured. updated_at tells of the row, and moves with its status too. Null: at created_at.
alter table amanat.customers add column sealed_at timestamptz;
alter table amanat.orders add column sealed_at timestamptz;
update amanat.customers set sealed_at = updated_at where version > 1;
update amanat.orders set sealed_at = updated_at where version > 1;

-- Whoever adds a path that seals a record anew needs to think of nothing. With the owner's rights, because the service may
-- not write former states itself. A state that was captured keeps its place: a version is sealed once.
create function amanat.keep_former_customer() returns trigger
  language plpgsql security definer set search_path = ''
  as $$
begin
  insert into amanat.customer_versions
    (tenant_id, customer_id, version, key_version, sealed, captured_at, replaced_at)
  values (old.tenant_id, old.id, old.version, old.key_version, old.sealed,
          coalesce(old.sealed_at, old.created_at), new.updated_at)
  on conflict do nothing;
  new.sealed_at := new.updated_at;
  return new;
end
$$;

create function amanat.keep_former_order() returns trigger
  language plpgsql security definer set search_path = ''
  as $$
begin
  insert into amanat.order_versions
    (tenant_id, order_id, customer_id, version, key_version, sealed, captured_at, replaced_at)
  values (old.tenant_id, old.id, old.customer_id, old.version, old.key_version, old.sealed,
          coalesce(old.sealed_at, old.created_at), new.updated_at)
  on conflict do nothing;
  new.sealed_at := new.updated_at;
  return new;
end
$$;

create trigger former_state before update on amanat.customers
  for each row when (old.sealed is distinct from new.sealed and old.sealed is not null and new.sealed is not null)
  execute function amanat.keep_former_customer();
create trigger former_state before update on amanat.orders
  for each row when (old.sealed is distinct from new.sealed and old.sealed is not null and new.sealed is not null)
  execute function amanat.keep_former_order();

-- Aborts with `conflict` while a hold of this customer stands. The customer's row comes first, as for the placing of a hold:
-- of the two, the one that comes second sees the other.
create function amanat.require_unheld(tenant uuid, customer uuid) returns boolean
  language plpgsql
  as $$
begin
  perform 1 from amanat.customers c where c.tenant_id = tenant and c.id = customer for share;
  return amanat.require(not exists (
    select 1 from amanat.holds h
      where h.tenant_id = tenant and h.customer_id = customer and h.released_at is null), 'conflict');
end
$$;

-- A key or a value that goes, a key that is replaced together with what it opens, a record that changes hands.
create function amanat.keep_held_customer() returns trigger
  language plpgsql
  as $$
begin
  perform amanat.require_unheld(old.tenant_id, old.id);
  if tg_op = 'DELETE' then return old; end if;
  return new;
end
$$;

create function amanat.keep_held_record() returns trigger
  language plpgsql
  as $$
begin
  perform amanat.require_unheld(old.tenant_id, old.customer_id);
  if tg_op = 'DELETE' then return old; end if;
  return new;
end
$$;

create trigger held_stays before update on amanat.customers
  for each row when (
    (old.data_key is not null and new.data_key is null) or (old.sealed is not null and new.sealed is null)
    or (old.data_key is distinct from new.data_key and old.sealed is distinct from new.sealed)
    or (old.status <> 'erased' and new.status = 'erased') or old.id <> new.id or old.tenant_id <> new.tenant_id)
  execute function amanat.keep_held_customer();
create trigger held_stays before update on amanat.orders
  for each row when (
    (old.data_key is not null and new.data_key is null) or (old.sealed is not null and new.sealed is null)
    or (old.data_key is distinct from new.data_key and old.sealed is distinct from new.sealed)
    or old.customer_id <> new.customer_id or old.id <> new.id or old.tenant_id <> new.tenant_id)
  execute function amanat.keep_held_record();
-- An invoice is frozen: no edit of it keeps a former state, so nothing of a held one is changed but how its key is wrapped.
create trigger held_stays before update on amanat.invoices
  for each row when (
    (old.data_key is not null and new.data_key is null) or old.sealed is distinct from new.sealed
    or old.customer_id <> new.customer_id or old.id <> new.id or old.tenant_id <> new.tenant_id)
  execute function amanat.keep_held_record();
create trigger held_not_deleted before delete on amanat.customers
  for each row execute function amanat.keep_held_customer();
create trigger held_not_deleted before delete on amanat.orders
  for each row execute function amanat.keep_held_record();
create trigger held_not_deleted before delete on amanat.invoices
  for each row execute function amanat.keep_held_record();

-- Of many former states at once: one look for all of them.
create function amanat.keep_held_versions() returns trigger
  language plpgsql
  as $$
begin
  perform 1
    from amanat.customers c
    join (select distinct g.tenant_id, g.customer_id from gone g) d on d.tenant_id = c.tenant_id and d.customer_id = c.id
   order by c.tenant_id, c.id
     for share of c;
  perform amanat.require(not exists (
    select 1
      from gone g
      join amanat.holds h on h.tenant_id = g.tenant_id and h.customer_id = g.customer_id and h.released_at is null),
    'conflict');
  return null;
end
$$;

create trigger held_not_deleted after delete on amanat.customer_versions
  referencing old table as gone for each statement execute function amanat.keep_held_versions();
create trigger held_not_deleted after delete on amanat.order_versions
  referencing old table as gone for each statement execute function amanat.keep_held_versions();

alter table amanat.holds enable row level security;
alter table amanat.customer_versions enable row level security;
alter table amanat.order_versions enable row level security;

create policy tenant on amanat.holds
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
create policy tenant on amanat.customer_versions
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
create policy tenant on amanat.order_versions
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));

grant select, insert, update (ends_at, released_at, release, mac) on amanat.holds to amanat_service;
grant select, delete on amanat.customer_versions, amanat.order_versions to amanat_service;
