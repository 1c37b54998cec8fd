-- Events leave to other systems as signed webhooks (Standard Webhooks 1.0.0): a kind, a time and ids.

-- An endpoint hears what its client's role hears, of the kinds it named. `sealed`, under a key of its own, holds the address and the
-- secrets it is signed with. mac: src/vault/rowMac.ts.
create table amanat.webhooks (
  tenant_id uuid not null,
  id uuid not null,
  client_id uuid not null,
  audience text not null,
  kinds text[] not null,
  version integer not null,
  key_version integer not null,
  data_key bytea not null,
  sealed bytea not null,
  created_at timestamptz not null,
  disabled_at timestamptz,
  disabled_reason text check (disabled_reason in ('asked', 'gone')),
  mac bytea not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, client_id) references amanat.clients (tenant_id, id),
  check ((disabled_at is null) = (disabled_reason is null))
);

-- The outbox: one row for each event and endpoint, made with the event. event_id is the webhook-id; a ping has one of its own and no
-- event. Claims as in amanat.messages.
create table amanat.webhook_deliveries (
  tenant_id uuid not null,
  webhook_id uuid not null,
  event_id uuid not null,
  kind text not null,
  state text not null check (state in ('queued', 'delivered', 'withheld', 'dead')),
  reason text,
  status integer,
  attempts integer not null,
  due_at timestamptz not null,
  claim uuid,
  created_at timestamptz not null,
  settled_at timestamptz,
  primary key (tenant_id, webhook_id, event_id),
  foreign key (tenant_id, webhook_id) references amanat.webhooks (tenant_id, id),
  check ((state = 'queued') = (settled_at is null))
);
create index webhook_deliveries_due on amanat.webhook_deliveries (tenant_id, due_at, event_id) where state = 'queued';

alter table amanat.webhooks enable row level security;
alter table amanat.webhook_deliveries enable row level security;
create policy tenant on amanat.webhooks
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
create policy tenant on amanat.webhook_deliveries
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));

grant select, insert, update (version, key_version, data_key, sealed, disabled_at, disabled_reason, mac)
  on amanat.webhooks to amanat_service;
grant select, insert, update (state, reason, status, attempts, due_at, claim, settled_at)
  on amanat.webhook_deliveries to amanat_service;
