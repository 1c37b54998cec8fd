-- A row's MAC begins with the version of the key that made it: 4 bytes, then 32 of the MAC. Of before it is 32 bytes, and says nothing of
-- its version; it is made anew when the key next turns over.
create function amanat.mac_version(mac bytea) returns integer
  language sql
  immutable
  return case
    when octet_length(mac) = 36 then ('x' || encode(substr(mac, 1, 4), 'hex'))::bit(32)::integer
  end;

-- A former version is closed before what rests on it is counted: as with the other keys (000053), nothing new is stored under it.
create function amanat.mac_is_open() returns trigger
  language plpgsql
  as $$
declare
  tenant uuid := new.tenant_id;
begin
  perform amanat.require(not exists (
    select 1 from amanat.tenant_keys k
     where k.tenant_id = tenant and k.use = 'mac' and k.version = amanat.mac_version(new.mac) and k.closed_at is not null),
    'conflict');
  return new;
end
$$;

do $$
declare
  place text;
begin
  foreach place in array array['acceptances', 'admissions', 'audit_epochs', 'audit_heads', 'break_glass', 'cases', 'client_secrets',
    'clients', 'consent_heads', 'consents', 'contact_assurances', 'contact_verifications', 'copy_links', 'extracts', 'feedback', 'grants',
    'holds', 'idle_notices', 'incident_extents', 'incident_subjects', 'incident_tellings', 'messages', 'notices', 'permissions',
    'policy_changes', 'policy_heads', 'policy_mailings', 'policy_notices', 'policy_publications', 'policy_versions', 'reader_counts',
    'reader_freezes', 'reader_watch', 'recipients', 'requests', 'seals', 'shipments', 'statistics', 'supplementary_requests',
    'undertakings', 'vat_certificates', 'webhooks'] loop
    execute format(
      'create policy open_mac on amanat.%1$I as restrictive for insert with check (not exists (
         select 1 from amanat.tenant_keys k
          where k.tenant_id = %1$I.tenant_id and k.use = ''mac'' and k.version = amanat.mac_version(%1$I.mac)
            and k.closed_at is not null))',
      place);
    execute format(
      'create trigger open_mac before update of mac on amanat.%I for each row
         when (old.mac is distinct from new.mac) execute function amanat.mac_is_open()', place);
  end loop;
end
$$;

-- A parcel's code has a MAC of its own.
create policy open_code_mac on amanat.shipments as restrictive for insert with check (not exists (
  select 1 from amanat.tenant_keys k
   where k.tenant_id = shipments.tenant_id and k.use = 'mac' and k.version = amanat.mac_version(shipments.code_mac)
     and k.closed_at is not null));
create function amanat.code_mac_is_open() returns trigger
  language plpgsql
  as $$
declare
  tenant uuid := new.tenant_id;
begin
  perform amanat.require(not exists (
    select 1 from amanat.tenant_keys k
     where k.tenant_id = tenant and k.use = 'mac' and k.version = amanat.mac_version(new.code_mac)
       and k.closed_at is not null),
    'conflict');
  return new;
end
$$;
create trigger open_code_mac before update of code_mac on amanat.shipments for each row
  when (old.code_mac is distinct from new.code_mac) execute function amanat.code_mac_is_open();
