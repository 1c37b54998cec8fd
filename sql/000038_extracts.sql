-- Which pseudonymous extracts were handed out, to whom, of which month: the register, not the rows, which are kept nowhere. One of
-- a month for a recipient, so that no two of them differ by who has left in between. mac: src/vault/rowMac.ts.
create table amanat.extracts (
  tenant_id uuid not null,
  id uuid not null,
  client_id uuid not null,
  actor text,
  period text not null check (period ~ '^1[2-5][0-9]{2}-[01][0-9]$'),
  purpose text not null,
  threshold integer not null check (threshold > 1),
  persons integer not null,
  sha256 bytea not null,
  policy_version text not null,
  created_at timestamptz not null,
  mac bytea not null,
  primary key (tenant_id, id)
);
create unique index extracts_one_of_month on amanat.extracts (tenant_id, client_id, period);

alter table amanat.extracts enable row level security;
create policy tenant on amanat.extracts
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
grant select, insert on amanat.extracts to amanat_service;
