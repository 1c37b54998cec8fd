-- Every record that has a data key of its own can be given another, and what it holds is sealed anew under it: what customers and
-- orders have since 000051. key_since: since when its key is this one; null for the first. content_hash: a hash, under a key of the
-- tenant's that never turns over, of what an invoice says: whoever seals it anew, it says the same.
alter table amanat.invoices add column key_since timestamptz, add column content_hash bytea;
alter table amanat.legal_orders add column key_since timestamptz, add column key_commitment bytea;
alter table amanat.exports add column key_since timestamptz, add column statement_key_since timestamptz;
alter table amanat.messages add column key_since timestamptz;
alter table amanat.incidents add column key_since timestamptz;
alter table amanat.webhooks add column key_since timestamptz;
alter table amanat.recipients add column key_since timestamptz;
alter table amanat.undertakings add column key_since timestamptz;
alter table amanat.feedback add column key_since timestamptz;
alter table amanat.anomalies add column key_since timestamptz;
alter table amanat.decoy_lists add column key_since timestamptz;
alter table amanat.idempotent_answers add column key_since timestamptz;
grant update (key_since) on amanat.idempotent_answers to amanat_service;

-- With the owner's rights, because the service may change what is sealed of few of them. Aborts with `conflict` unless the record is as
-- it was read, what takes its place is as long, and an invoice says what it said.
create function amanat.renew_own_key(place text, tenant uuid, record uuid, was bytea, was_value bytea, anew bytea, under integer,
  commitment bytea, at timestamptz, value bytea, hash bytea) returns boolean
  language plpgsql security definer set search_path = ''
  as $$
declare
  p record;
  changed integer;
begin
  perform amanat.require(tenant = any (amanat.tenants_in_scope()), 'conflict');
  select * into p from (values
    ('invoices', 'invoices', '', 'sealed', ', version = r.version + 1, content_hash = $9',
     'and $9 is not null and (r.content_hash is null or r.content_hash = $9)'),
    ('legal_orders', 'legal_orders', '', 'sealed', ', version = r.version + 1, key_commitment = $10', ''),
    ('exports', 'exports', '', 'sealed', '', ''),
    ('statements', 'exports', 'statement_', 'statement', '', ''),
    ('messages', 'messages', '', 'sealed', '', ''),
    ('incidents', 'incidents', '', 'sealed', ', version = r.version + 1', ''),
    ('webhooks', 'webhooks', '', 'sealed', '', ''),
    ('recipients', 'recipients', '', 'sealed', '', ''),
    ('undertakings', 'undertakings', '', 'sealed', '', ''),
    ('feedback', 'feedback', '', 'sealed', '', ''),
    ('anomalies', 'anomalies', '', 'sealed', '', ''),
    ('decoy_lists', 'decoy_lists', '', 'sealed', ', version = r.version + 1', '')
  ) as v (place, inside, prefix, held, more, guard) where v.place = renew_own_key.place;
  perform amanat.require(found, 'conflict');
  execute format(
    'update amanat.%1$I r
        set %2$I = $1, %3$I = $2, %4$I = $3, %5$I = $4 %6$s
      where r.tenant_id = $5 and r.id = $6 and r.%2$I = $7 and r.%5$I = $8 and r.%2$I <> $1
        and octet_length($4) = octet_length($8) %7$s',
    p.inside, case p.prefix when '' then 'data_key' else 'statement_key' end, p.prefix || 'key_version', p.prefix || 'key_since',
    p.held, p.more, p.guard)
  using anew, under, at, value, tenant, record, was, was_value, hash, commitment;
  get diagnostics changed = row_count;
  return amanat.require(changed = 1, 'conflict');
end
$$;

-- A chunk of a scan, under its order's key. To be followed by the order itself, whose version says whether the scan is still its.
create function amanat.renew_document_chunk(tenant uuid, ordered uuid, document uuid, of_number integer, value bytea) returns boolean
  language plpgsql security definer set search_path = ''
  as $$
declare
  changed integer;
begin
  perform amanat.require(tenant = any (amanat.tenants_in_scope()), 'conflict');
  update amanat.legal_document_chunks c
     set sealed = value
   where c.tenant_id = tenant and c.document_id = document and c.number = of_number
     and octet_length(c.sealed) = octet_length(value)
     and exists (select 1 from amanat.legal_documents d
                  where d.tenant_id = tenant and d.id = document and d.legal_order_id = ordered);
  get diagnostics changed = row_count;
  return amanat.require(changed = 1, 'conflict');
end
$$;

revoke execute on function
  amanat.renew_own_key(text, uuid, uuid, bytea, bytea, bytea, integer, bytea, timestamptz, bytea, bytea),
  amanat.renew_document_chunk(uuid, uuid, uuid, integer, bytea)
  from public;
grant execute on function
  amanat.renew_own_key(text, uuid, uuid, bytea, bytea, bytea, integer, bytea, timestamptz, bytea, bytea),
  amanat.renew_document_chunk(uuid, uuid, uuid, integer, bytea)
  to amanat_service;

-- An invoice of somebody who is held changes in one way only: another key, the same said, as its next version, and a leaf of the same
-- transaction that binds what is stored now. Held or not, the same is looked at.
create function amanat.keep_held_invoice() returns trigger
  language plpgsql
  as $$
declare
  tenant uuid := new.tenant_id;
  renewed constant text[] := array['data_key', 'key_version', 'key_since', 'sealed', 'version', 'content_hash'];
begin
  if new.data_key is not null and new.sealed is not null and old.data_key <> new.data_key
    and octet_length(new.sealed) = octet_length(old.sealed) and new.version = old.version + 1
    and new.content_hash is not null and coalesce(old.content_hash, new.content_hash) = new.content_hash
    and to_jsonb(new) - renewed = to_jsonb(old) - renewed
    and exists (
      select 1 from amanat.audit_leaves l
       where l.tenant_id = tenant and l.subject_id = new.customer_id and l.xmin = pg_current_xact_id()::xid
         and position(sha256(new.sealed) in l.leaf) > 0) then
    return new;
  end if;
  perform amanat.require_unheld(old.tenant_id, old.customer_id);
  return new;
end
$$;
drop trigger held_stays on amanat.invoices;
create trigger held_stays before update on amanat.invoices
  for each row when (
    (old.data_key is not null and new.data_key is null) or old.sealed is distinct from new.sealed
    or old.content_hash is distinct from new.content_hash
    or old.customer_id <> new.customer_id or old.id <> new.id or old.tenant_id <> new.tenant_id)
  execute function amanat.keep_held_invoice();

-- The hash is set once, and goes with what it is of.
create function amanat.keep_content_hash() returns trigger
  language plpgsql
  as $$
begin
  if new.data_key is null then
    new.content_hash := null;
  else
    perform amanat.require(old.content_hash is null or old.content_hash is not distinct from new.content_hash, 'conflict');
  end if;
  return new;
end
$$;
create trigger content_stays before update on amanat.invoices
  for each row when (old.content_hash is distinct from new.content_hash or (old.content_hash is not null and new.data_key is null))
  execute function amanat.keep_content_hash();

-- Why a hold was let go stands under its order's key.
create trigger commitment_goes before update on amanat.legal_orders
  for each row when (old.data_key is not null and new.data_key is null) execute function amanat.drop_commitment();
create function amanat.require_order_key_of_now() returns trigger
  language plpgsql
  as $$
declare
  tenant uuid := new.tenant_id;
  of_now bytea;
begin
  select o.key_commitment into of_now
    from amanat.legal_orders o where o.tenant_id = tenant and o.id = new.legal_order_id for key share;
  -- After the format's byte (src/crypto/envelope.ts).
  perform amanat.require(of_now is null or substr(new.release, 2, 32) = of_now, 'conflict');
  return new;
end
$$;
create trigger key_of_now_still before update of release on amanat.holds
  for each row when (new.release is not null and new.release is distinct from old.release)
  execute function amanat.require_order_key_of_now();

-- The same as in 000053, with the tenant named as everywhere.
create or replace function amanat.key_is_open() returns trigger
  language plpgsql
  as $$
declare
  tenant uuid := new.tenant_id;
begin
  perform amanat.require(not exists (
    select 1 from amanat.tenant_keys k
     where k.tenant_id = tenant and k.use = 'data' and k.version = new.key_version and k.closed_at is not null), 'conflict');
  return new;
end
$$;
