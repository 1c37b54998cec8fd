-- The account that was given for one refund: it stands with the refund's grant and not in the customer's record. Sealed under the
-- customer's data key, so that it goes with it; else it goes when its time from settlement on is over (retention.refund_iban). That
-- there was one stays in `fields`, which the row's MAC covers.
alter table amanat.grants add column account bytea check (account is null or kind = 'refund');
create index grants_with_account on amanat.grants (tenant_id, customer_id, id) where account is not null;

-- What was given for a refund of a held person stays while the hold stands.
create trigger held_stays before update on amanat.grants
  for each row when (
    old.account is not null and (
      old.account is distinct from new.account
      or old.customer_id <> new.customer_id or old.id <> new.id or old.tenant_id <> new.tenant_id))
  execute function amanat.keep_held_record();
