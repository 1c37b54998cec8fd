-- A record gets a new data key, and everything that was sealed under the one before is sealed anew. key_commitment is what every
-- value sealed under the present key begins with (src/crypto/envelope.ts); null for a record that has had one key only.
alter table amanat.customers add column key_commitment bytea, add column key_since timestamptz;
alter table amanat.orders add column key_commitment bytea, add column key_since timestamptz;

-- Records whose key is older than this get a new one; null where no such turn is under way.
alter table amanat.tenants add column record_keys_before timestamptz;
grant update (record_keys_before) on amanat.tenants to amanat_service;

-- A record may get a new key and be erased within the hour.
grant update (destroyed_at) on amanat.destroyed_keys to amanat_service;

-- The new key and every state sealed under it, in one: no hold is in the way, because nothing is lost, and nobody can tell by it
-- whether one stands. With the owner's rights, because the service writes no former states; the state of before is kept as by any
-- edit, then sealed anew with the others. The key first and the value after it: a key that is replaced together with what it opens is
-- what a hold forbids. Aborts with `conflict` unless record and former states are those that were read.
create function amanat.renew_customer_key(tenant uuid, customer uuid, was bytea, was_version integer, anew bytea,
  under integer, commitment bytea, at timestamptz, value bytea, versions integer[], states bytea[]) returns boolean
  language plpgsql security definer set search_path = ''
  as $$
declare
  changed integer;
begin
  perform amanat.require(tenant = any (amanat.tenants_in_scope()), 'conflict');
  -- Stronger than an update's own lock: whoever seals something for this record waits, and finds the new key.
  perform 1 from amanat.customers c where c.tenant_id = tenant and c.id = customer for update;
  update amanat.customers c
     set data_key = anew, key_version = under, key_commitment = commitment, key_since = at
   where c.tenant_id = tenant and c.id = customer and c.data_key = was and c.version = was_version;
  get diagnostics changed = row_count;
  perform amanat.require(changed = 1, 'conflict');
  update amanat.customers c set sealed = value, version = c.version + 1 where c.tenant_id = tenant and c.id = customer;
  update amanat.customer_versions v
     set sealed = n.sealed, key_version = under
    from unnest(versions, states) as n (version, sealed)
   where v.tenant_id = tenant and v.customer_id = customer and v.version = n.version;
  get diagnostics changed = row_count;
  return amanat.require(changed = cardinality(versions) and changed = (
    select count(*) from amanat.customer_versions v where v.tenant_id = tenant and v.customer_id = customer), 'conflict');
end
$$;

create function amanat.renew_order_key(tenant uuid, ordered uuid, was bytea, was_version integer, anew bytea,
  under integer, commitment bytea, at timestamptz, value bytea, versions integer[], states bytea[]) returns boolean
  language plpgsql security definer set search_path = ''
  as $$
declare
  changed integer;
begin
  perform amanat.require(tenant = any (amanat.tenants_in_scope()), 'conflict');
  perform 1 from amanat.orders o where o.tenant_id = tenant and o.id = ordered for update;
  update amanat.orders o
     set data_key = anew, key_version = under, key_commitment = commitment, key_since = at
   where o.tenant_id = tenant and o.id = ordered and o.data_key = was and o.version = was_version;
  get diagnostics changed = row_count;
  perform amanat.require(changed = 1, 'conflict');
  update amanat.orders o set sealed = value, version = o.version + 1 where o.tenant_id = tenant and o.id = ordered;
  update amanat.order_versions v
     set sealed = n.sealed, key_version = under
    from unnest(versions, states) as n (version, sealed)
   where v.tenant_id = tenant and v.order_id = ordered and v.version = n.version;
  get diagnostics changed = row_count;
  return amanat.require(changed = cardinality(versions) and changed = (
    select count(*) from amanat.order_versions v where v.tenant_id = tenant and v.order_id = ordered), 'conflict');
end
$$;

revoke execute on function
  amanat.renew_customer_key(uuid, uuid, bytea, integer, bytea, integer, bytea, timestamptz, bytea, integer[], bytea[]),
  amanat.renew_order_key(uuid, uuid, bytea, integer, bytea, integer, bytea, timestamptz, bytea, integer[], bytea[])
  from public;
grant execute on function
  amanat.renew_customer_key(uuid, uuid, bytea, integer, bytea, integer, bytea, timestamptz, bytea, integer[], bytea[]),
  amanat.renew_order_key(uuid, uuid, bytea, integer, bytea, integer, bytea, timestamptz, bytea, integer[], bytea[])
  to amanat_service;

-- Words sealed under a record's key by a request that read it before it got a new one would open no more: `conflict`, and asked
-- again they are sealed under the new one. The record's row first, so that of the two the second sees the other.
create function amanat.require_key_of_now() returns trigger
  language plpgsql
  as $$
declare
  tenant uuid := new.tenant_id;
  of_now bytea;
  word text;
begin
  if tg_argv[0] = 'orders' then
    select o.key_commitment into of_now
      from amanat.orders o where o.tenant_id = tenant and o.id = new.order_id for key share;
  else
    select c.key_commitment into of_now
      from amanat.customers c where c.tenant_id = tenant and c.id = new.customer_id for key share;
  end if;
  if of_now is not null then
    for i in 1 .. tg_nargs - 1 loop
      word := to_jsonb(new) ->> tg_argv[i];
      -- As text: \x, the format's byte, then the commitment.
      perform amanat.require(word is null or substr(word, 5, 64) = encode(of_now, 'hex'), 'conflict');
    end loop;
  end if;
  return new;
end
$$;

do $$
declare
  worded record;
  words text;
begin
  for worded in
    select * from (values
      ('grants', 'customers', array['external_ref', 'account']),
      ('break_glass', 'customers', array['reason', 'finding']),
      ('requests', 'customers', array['note', 'why', 'proposal']),
      ('cases', 'customers', array['words', 'finding', 'remedy']),
      ('supplementary_requests', 'customers', array['answers']),
      ('permissions', 'customers', array['said']),
      ('contact_assurances', 'customers', array['call_reference']),
      ('shipments', 'orders', array['last_failure'])
    ) as w (attached, owner, columns)
  loop
    select string_agg(quote_literal(c), ', ') into words from unnest(worded.columns) c;
    execute format(
      'create trigger key_of_now before insert on amanat.%I for each row when (coalesce(%s) is not null)
         execute function amanat.require_key_of_now(%L, %s)',
      worded.attached,
      (select string_agg('new.' || c, ', ') from unnest(worded.columns) c), worded.owner, words);
    execute format(
      'create trigger key_of_now_still before update of %s on amanat.%I for each row when (%s)
         execute function amanat.require_key_of_now(%L, %s)',
      (select string_agg(c, ', ') from unnest(worded.columns) c), worded.attached,
      (select string_agg(format('(new.%1$s is not null and new.%1$s is distinct from old.%1$s)', c), ' or ')
         from unnest(worded.columns) c),
      worded.owner, words);
  end loop;
end
$$;

-- What names a key goes with it.
create function amanat.drop_commitment() returns trigger
  language plpgsql
  as $$
begin
  new.key_commitment := null;
  new.key_since := null;
  return new;
end
$$;
create trigger commitment_goes before update on amanat.customers
  for each row when (old.data_key is not null and new.data_key is null) execute function amanat.drop_commitment();
create trigger commitment_goes before update on amanat.orders
  for each row when (old.data_key is not null and new.data_key is null) execute function amanat.drop_commitment();

-- The account of a refund stays while a hold stands, save for a new seal of it under the key that the customer has now.
create function amanat.keep_held_account() returns trigger
  language plpgsql
  as $$
declare
  tenant uuid := new.tenant_id;
begin
  if new.account is not null and old.customer_id = new.customer_id and old.id = new.id and old.tenant_id = tenant
    and substr(new.account, 2, 32) <> substr(old.account, 2, 32)
    and exists (
      select 1 from amanat.customers c
       where c.tenant_id = tenant and c.id = new.customer_id and c.key_commitment = substr(new.account, 2, 32)) then
    return new;
  end if;
  perform amanat.require_unheld(old.tenant_id, old.customer_id);
  return new;
end
$$;
drop trigger held_stays on amanat.grants;
create trigger held_stays before update on amanat.grants
  for each row when (
    old.account is not null and (
      old.account is distinct from new.account
      or old.customer_id <> new.customer_id or old.id <> new.id or old.tenant_id <> new.tenant_id))
  execute function amanat.keep_held_account();
