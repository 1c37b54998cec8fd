-- What is told through the vault's own outbox leaves its mark where it is due.

-- When the vault tried to tell a person by itself; what became of it is the message's matter.
alter table amanat.notices add column tried_at timestamptz;
create index notices_untried on amanat.notices (tenant_id, due_at)
  where tried_at is null and told_at is null and cancelled_at is null and due_at is not null;

-- The officer has everybody told of a version. cursor: the customer up to whom messages are queued; queued_at: all are.
-- done_at: the last one is settled, and the notice is on record if it reached anybody. mac: src/vault/rowMac.ts.
create table amanat.policy_mailings (
  tenant_id uuid not null,
  id uuid not null,
  number integer not null,
  requested_by uuid not null,
  requested_actor text,
  requested_at timestamptz not null,
  cursor uuid,
  queued_at timestamptz,
  done_at timestamptz,
  mac bytea not null,
  primary key (tenant_id, number),
  foreign key (tenant_id, number) references amanat.policy_versions (tenant_id, number)
);

-- What was withheld may be told after all: a notice whose day was put off, say.
drop index amanat.messages_told_once;
create unique index messages_told_once on amanat.messages (tenant_id, telling, about, customer_id, channel)
  where telling in ('disclosure', 'policy_version', 'incident') and state in ('queued', 'sent');
create index messages_about on amanat.messages (tenant_id, about) where about is not null;

alter table amanat.policy_mailings enable row level security;
create policy tenant on amanat.policy_mailings
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
grant select, insert, update (cursor, queued_at, done_at) on amanat.policy_mailings to amanat_service;
