-- A link by which a person opens their copy once, without signing in. `secret_hash` is a keyed hash: whoever reads this table
-- has no link. One for a request at a time; a new one takes the place of the one before. mac: src/vault/rowMac.ts, over all but
-- `tries` and `used_at`, which only take away.
create table amanat.copy_links (
  tenant_id uuid not null,
  request_id uuid not null,
  customer_id uuid not null,
  secret_hash bytea not null,
  made_by uuid not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  tries integer not null default 0,
  used_at timestamptz,
  mac bytea not null,
  primary key (tenant_id, request_id),
  foreign key (tenant_id, request_id) references amanat.requests (tenant_id, id)
);
create index copy_links_by_customer on amanat.copy_links (tenant_id, customer_id);
create index copy_links_by_end on amanat.copy_links (tenant_id, expires_at);

-- Whoever leaves has no link either, whichever path it is that takes them away.
create function amanat.drop_copy_links() returns trigger
  language plpgsql
  as $$
begin
  delete from amanat.copy_links where tenant_id = new.tenant_id and customer_id = new.id;
  return null;
end
$$;
create trigger copy_links_go after update on amanat.customers
  for each row when (old.status is distinct from new.status and new.status not in ('active', 'deactivated'))
  execute function amanat.drop_copy_links();

alter table amanat.copy_links enable row level security;
create policy tenant on amanat.copy_links
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
grant select, insert, update, delete on amanat.copy_links to amanat_service;
