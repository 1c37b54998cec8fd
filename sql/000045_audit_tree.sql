-- The log over the leaves: a Merkle tree (RFC 9162) of each tenant, stored as C2SP tlog-tiles has it, 256 entries a tile.
-- A leaf is queued by the statement that stores it; the integrator takes it from there and gives it the next index. So a leaf
-- that commits late gets a later index, and none is passed over: the order of the tree is the order of integration.
create table amanat.audit_pending (
  tenant_id uuid not null,
  id uuid not null,
  primary key (tenant_id, id)
)
-- Everything in it is gone a second later: what is dead is cleared often, so that a look at it stays a look at one page.
with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_insert_scale_factor = 0.2);

-- level 0: hashes of leaves; level n + 1: one hash for each whole tile of level n. entries: 32 bytes each, one behind the other.
create table amanat.audit_tiles (
  tenant_id uuid not null,
  level smallint not null check (level >= 0),
  tile bigint not null check (tile >= 0),
  entries bytea not null check (octet_length(entries) between 32 and 8192 and octet_length(entries) % 32 = 0),
  primary key (tenant_id, level, tile)
);
alter table amanat.audit_tiles alter column entries set storage external;

-- The ids of the same leaves as in the tile of level 0, 16 bytes each; min_id and max_id of them find a leaf's tile.
create table amanat.audit_id_tiles (
  tenant_id uuid not null,
  tile bigint not null check (tile >= 0),
  entries bytea not null check (octet_length(entries) between 16 and 4096 and octet_length(entries) % 16 = 0),
  min_id uuid not null,
  max_id uuid not null,
  primary key (tenant_id, tile)
);
alter table amanat.audit_id_tiles alter column entries set storage external;
create index audit_id_tiles_by_id on amanat.audit_id_tiles (tenant_id, max_id, min_id);

-- How far the tree has come: its size and root under a MAC, and the checkpoint that was signed over them.
create table amanat.audit_heads (
  tenant_id uuid not null,
  size bigint not null check (size > 0),
  root bytea not null,
  checkpoint text not null,
  integrated_at timestamptz not null,
  kept_at timestamptz not null,
  mac bytea not null,
  primary key (tenant_id)
);

-- Checkpoints that are kept, one a minute at most: what was signed once can be held against the tree of later.
create table amanat.audit_checkpoints (
  tenant_id uuid not null,
  size bigint not null check (size > 0),
  checkpoint text not null,
  signed_at timestamptz not null,
  primary key (tenant_id, size)
);

-- A tile grows at its end and is never rewritten; one that is full has no room to grow.
create function amanat.keep_entries() returns trigger
  language plpgsql
  as $$
begin
  perform amanat.require(
    substring(new.entries from 1 for octet_length(old.entries)) = old.entries
    and octet_length(new.entries) > octet_length(old.entries), 'integrity_failure');
  return new;
end
$$;
create trigger keep_entries before update on amanat.audit_tiles
  for each row execute function amanat.keep_entries();
create trigger keep_entries before update on amanat.audit_id_tiles
  for each row execute function amanat.keep_entries();

-- A tree grows and never shrinks.
create function amanat.keep_head() returns trigger
  language plpgsql
  as $$
begin
  perform amanat.require(new.size > old.size, 'integrity_failure');
  return new;
end
$$;
create trigger keep_head before update on amanat.audit_heads
  for each row execute function amanat.keep_head();

alter table amanat.audit_pending enable row level security;
alter table amanat.audit_tiles enable row level security;
alter table amanat.audit_id_tiles enable row level security;
alter table amanat.audit_heads enable row level security;
alter table amanat.audit_checkpoints enable row level security;
create policy tenant on amanat.audit_pending
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
create policy tenant on amanat.audit_tiles
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
create policy tenant on amanat.audit_id_tiles
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
create policy tenant on amanat.audit_heads
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
create policy tenant on amanat.audit_checkpoints
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));

grant select, insert, delete on amanat.audit_pending to amanat_service;
grant select, insert, update (entries) on amanat.audit_tiles to amanat_service;
grant select, insert, update (entries, min_id, max_id) on amanat.audit_id_tiles to amanat_service;
grant select, insert, update (size, root, checkpoint, integrated_at, kept_at, mac) on amanat.audit_heads to amanat_service;
grant select, insert on amanat.audit_checkpoints to amanat_service;

-- Leaves of before there was a tree; the integrator takes the oldest first.
insert into amanat.audit_pending (tenant_id, id)
select l.tenant_id, l.id from amanat.audit_leaves l order by l.tenant_id, l.id;
