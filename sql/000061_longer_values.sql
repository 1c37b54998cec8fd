-- A value sealed in format 2 (src/crypto/valueEnvelope.ts) is 12 bytes longer than the same in format 1. What is under a key of its own
-- is sealed anew in format 2, whichever it was in before.

-- Of two containers (src/crypto/container.ts, format 1): the same number of values, and as long, or each value longer by what format 2 takes.
create function amanat.holds_as_much(was bytea, anew bytea) returns boolean
  language sql
  immutable
  return octet_length(was) = octet_length(anew)
    or (octet_length(was) > 2 and substring(was from 1 for 3) = substring(anew from 1 for 3)
      and octet_length(anew) - octet_length(was) = 12 * ('x' || encode(substring(was from 2 for 2), 'hex'))::bit(16)::integer);

-- With the owner's rights, because the service may change what is sealed of few of them. Aborts with `conflict` unless the record is as
-- it was read, what takes its place holds as much, and an invoice says what it said.
create or replace function amanat.renew_own_key(place text, tenant uuid, record uuid, was bytea, was_value bytea, anew bytea, under integer,
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
        and amanat.holds_as_much($8, $4) %7$s',
    p.inside, case p.prefix when '' then 'data_key' else 'statement_key' end, p.prefix || 'key_version', p.prefix || 'key_since',
    p.held, p.more, p.guard)
  using anew, under, at, value, tenant, record, was, was_value, hash, commitment;
  get diagnostics changed = row_count;
  return amanat.require(changed = 1, 'conflict');
end
$$;

-- A chunk of a scan, under its order's key. To be followed by the order itself, whose version says whether the scan is still its.
create or replace function amanat.renew_document_chunk(tenant uuid, ordered uuid, document uuid, of_number integer, value bytea) returns boolean
  language plpgsql security definer set search_path = ''
  as $$
declare
  changed integer;
begin
  perform amanat.require(tenant = any (amanat.tenants_in_scope()), 'conflict');
  update amanat.legal_document_chunks c
     set sealed = value
   where c.tenant_id = tenant and c.document_id = document and c.number = of_number
     and octet_length(value) - octet_length(c.sealed) in (0, 12)
     and exists (select 1 from amanat.legal_documents d
                  where d.tenant_id = tenant and d.id = document and d.legal_order_id = ordered);
  get diagnostics changed = row_count;
  return amanat.require(changed = 1, 'conflict');
end
$$;

-- An invoice of somebody who is held changes in one way only: another key, the same said, as its next version, and a leaf of the same
-- transaction that binds what is stored now. Held or not, the same is looked at.
create or replace function amanat.keep_held_invoice() returns trigger
  language plpgsql
  as $$
declare
  tenant uuid := new.tenant_id;
  renewed constant text[] := array['data_key', 'key_version', 'key_since', 'sealed', 'version', 'content_hash'];
begin
  if new.data_key is not null and new.sealed is not null and old.data_key <> new.data_key
    and amanat.holds_as_much(old.sealed, new.sealed) and new.version = old.version + 1
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
