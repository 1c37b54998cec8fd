-- Leaves of the log whose time is over: what they said goes, their hashes stay in the tiles, so roots, checkpoints and proofs go on.

-- What went, page by page: `note` is signed by the log's key (src/crypto/expiryNote.ts) and names each leaf that went, all of them from
-- `from_index` to before `until_index`; the leaf `leaf_id` tells of it. Columns beside the note only find it.
create table amanat.audit_expiries (
  tenant_id uuid not null,
  from_index bigint not null check (from_index >= 0),
  until_index bigint not null check (until_index > from_index),
  leaf_id uuid not null,
  note text not null,
  primary key (tenant_id, from_index)
);
alter table amanat.audit_expiries enable row level security;
create policy tenant on amanat.audit_expiries
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
grant select, insert on amanat.audit_expiries to amanat_service;

-- The action in a leaf's bytes (src/crypto/leaf.ts): the third text, after 43 bytes. Null for what is no leaf.
create function amanat.leaf_action(leaf bytea) returns text
  language plpgsql immutable strict parallel safe
  as $$
declare
  place integer := 43;
begin
  for skipped in 1..2 loop
    if length(leaf) <= place then
      return null;
    end if;
    place := place + 1 + get_byte(leaf, place);
  end loop;
  if length(leaf) <= place then
    return null;
  end if;
  return encode(substring(leaf from place + 2 for get_byte(leaf, place)), 'escape');
end
$$;

-- When a version 7 UUID was made (RFC 9562 section 5.7).
create function amanat.id_time(id uuid) returns timestamptz
  language sql immutable parallel safe
  as $$
  select to_timestamp(('x' || lpad(left(replace(id::text, '-', ''), 12), 16, '0'))::bit(64)::bigint / 1000.0)
$$;

-- The service may not delete leaves. Through this it may let go of some, whoever asks: few at once, each in the tree, made before `before`
-- and a year ago at least, and of no leaf that binds what was stored (bit 5 of its second byte) or is of a legal order (bit 4). All of
-- them or none. With the owner's rights, inside the tenant in scope.
create function amanat.expire_leaves(tenant uuid, gone uuid[], before timestamptz) returns boolean
  language plpgsql security definer set search_path = ''
  as $$
declare
  newest timestamptz;
  went bigint;
begin
  perform amanat.require(tenant = any (amanat.tenants_in_scope()), 'not_found');
  perform amanat.require(cardinality(gone) between 1 and 1000, 'conflict');
  select greatest(now(), amanat.id_time(t.max_id)) into newest
    from amanat.audit_id_tiles t where t.tenant_id = tenant order by t.max_id desc limit 1;
  perform amanat.require(before <= newest - interval '1 year', 'conflict');
  perform amanat.require(not exists (
    select 1
      from unnest(gone) as g (id)
     where amanat.id_time(g.id) >= before
        or exists (select 1 from amanat.audit_pending p where p.tenant_id = tenant and p.id = g.id)
        or not exists (
             select 1 from amanat.audit_id_tiles t
              where t.tenant_id = tenant and t.max_id >= g.id and t.min_id <= g.id
                and position(uuid_send(g.id) in t.entries) > 0)), 'conflict');
  delete from amanat.audit_leaves l
   where l.tenant_id = tenant and l.id = any (gone) and length(l.leaf) > 1 and get_byte(l.leaf, 1) & 48 = 0;
  get diagnostics went = row_count;
  return amanat.require(went = cardinality(gone), 'conflict');
end
$$;
revoke all on function amanat.expire_leaves(uuid, uuid[], timestamptz) from public;
grant execute on function amanat.expire_leaves(uuid, uuid[], timestamptz) to amanat_service;
