-- What the vault sends to a person in another system's name: the durable outbox. The address is nowhere in it: it is looked up
-- when the message goes out. `sealed`, under a key of its own, holds the text until it is settled, and is then gone.
--
-- due_at: when somebody may try next. Whoever claims a message moves due_at behind the longest a try can take and leaves its own
-- `claim`: a process that dies gives the message back by doing nothing. mac: src/vault/rowMac.ts.
create table amanat.messages (
  tenant_id uuid not null,
  id uuid not null,
  customer_id uuid not null,
  purpose text not null,
  channel text not null check (channel in ('sms', 'email')),
  client_id uuid not null,
  role text not null,
  department text,
  actor text,
  request_id uuid not null,
  state text not null check (state in ('queued', 'sent', 'withheld', 'dead')),
  reason text,
  attempts integer not null,
  due_at timestamptz not null,
  claim uuid,
  key_version integer not null,
  data_key bytea,
  sealed bytea,
  created_at timestamptz not null,
  settled_at timestamptz,
  mac bytea not null,
  primary key (tenant_id, id),
  check ((state = 'queued') = (sealed is not null)),
  check ((state = 'queued') = (data_key is not null)),
  check ((state = 'queued') = (settled_at is null))
);
create index messages_due on amanat.messages (tenant_id, due_at, id) where state = 'queued';
create index messages_of_customer on amanat.messages (tenant_id, customer_id) where state = 'queued';

-- What waits for somebody who leaves goes at once, whichever path it is that takes them away.
create function amanat.drop_messages() returns trigger
  language plpgsql
  as $$
begin
  update amanat.messages
     set state = 'withheld', reason = 'customer', sealed = null, data_key = null, claim = null, settled_at = new.updated_at
   where tenant_id = new.tenant_id and customer_id = new.id and state = 'queued';
  return null;
end
$$;
create trigger messages_go after update on amanat.customers
  for each row when (old.status is distinct from new.status and new.status not in ('active', 'deactivated'))
  execute function amanat.drop_messages();

alter table amanat.messages enable row level security;
create policy tenant on amanat.messages
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
grant select, insert,
  update (state, reason, attempts, due_at, claim, data_key, sealed, settled_at) on amanat.messages to amanat_service;
