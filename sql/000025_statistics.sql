-- Figures about many, frozen once for each measure and closed month: what is published and nothing of what was suppressed, so that
-- whoever reads the tables learns no more than whoever may ask. Never changed: a figure that moved would tell who moved it.
-- cells: canonical JSON. mac: src/vault/rowMac.ts.
create table amanat.statistics (
  tenant_id uuid not null,
  measure text not null,
  period text not null check (period ~ '^1[2-5][0-9]{2}-[01][0-9]$'),
  id uuid not null,
  threshold integer not null check (threshold > 1),
  cells text not null,
  policy_version text not null,
  frozen_at timestamptz not null,
  mac bytea not null,
  primary key (tenant_id, measure, period)
);

alter table amanat.statistics enable row level security;
create policy tenant on amanat.statistics
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));
grant select, insert on amanat.statistics to amanat_service;
