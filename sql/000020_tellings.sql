-- What the vault tells people by itself goes through the same outbox. telling: which of the profile's `tells` it is, null for what
-- another system asked for. about: the id of what it tells of. recipient_order: it goes to the alternate recipient of this order,
-- not to the customer. A message that the clock brought about names no client.
alter table amanat.messages
  add column telling text,
  add column about uuid,
  add column recipient_order uuid,
  alter column client_id drop not null,
  add check ((telling is null) = (about is null)),
  add check (telling is not null or (client_id is not null and recipient_order is null));

-- Of these a person is told once by each channel, whoever comes first and however often.
create unique index messages_told_once on amanat.messages (tenant_id, telling, about, customer_id, channel)
  where telling in ('disclosure', 'policy_version', 'incident');
