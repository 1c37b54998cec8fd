-- The legal desk: grounds beside orders, several approvals that run out, later reviews, packages that are handed out once and
-- whose delivery is known. What an order says stays sealed; these columns repeat what the gate and the lists judge by.
alter table amanat.legal_orders
  add column ground text not null default 'judicial_order',
  -- Approvals given to the record as it stands; the order is approved when its ground's number is reached.
  add column approvals integer not null default 0 check (approvals >= 0),
  add column approval_expires timestamptz,
  add column review_due timestamptz,
  add column reviewed_at timestamptz;
alter table amanat.legal_orders alter column ground drop default;
create index legal_orders_review on amanat.legal_orders (tenant_id, review_due)
  where review_due is not null and reviewed_at is null;

-- `statement`: receipt and minutes of the export, sealed under a key of their own, since the package's key goes with the package.
-- delivery: waiting (not fetched), handed_out (under way, or its process died), delivered, aborted, discarded.
alter table amanat.exports
  add column format text not null default 'json' check (format in ('json', 'html', 'cms')),
  add column delivery text not null default 'waiting'
    check (delivery in ('waiting', 'handed_out', 'delivered', 'aborted', 'discarded')),
  add column expires_at timestamptz not null default '-infinity',
  add column delivered_at timestamptz,
  add column reissues integer not null default 0,
  add column statement_key_version integer not null default 1,
  add column statement_version integer not null default 1,
  add column statement_key bytea,
  add column statement bytea;
alter table amanat.exports
  drop column receipt,
  alter column format drop default,
  alter column delivery drop default,
  alter column expires_at drop default,
  alter column statement_key_version drop default;
