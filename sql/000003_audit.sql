-- The audit: one leaf per act or refusal. `leaf` is the record (src/crypto/leaf.ts has its byte layout); the other columns
-- repeat parts of it so that it can be found, and prove nothing. Ids are version 7 UUIDs, so they sort by time.
-- The service role may insert and read. It may never update or delete.
create table amanat.audit_leaves (
  tenant_id uuid not null,
  id uuid not null,
  client_id uuid,
  subject_id uuid,
  grant_id uuid,
  leaf bytea not null,
  leaf_hash bytea not null,
  primary key (tenant_id, id)
);
create index audit_leaves_by_subject on amanat.audit_leaves (tenant_id, subject_id, id) where subject_id is not null;
create index audit_leaves_by_client on amanat.audit_leaves (tenant_id, client_id, id);
create index audit_leaves_by_grant on amanat.audit_leaves (tenant_id, grant_id, id) where grant_id is not null;

alter table amanat.audit_leaves enable row level security;
create policy tenant on amanat.audit_leaves
  using (tenant_id = any ((select amanat.tenants_in_scope())::uuid[]));

grant select, insert on amanat.audit_leaves to amanat_service;
