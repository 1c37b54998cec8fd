-- What was said of an emergency goes when the person goes; that there was one stays.
alter table amanat.break_glass alter column reason drop not null;
grant update (reason) on amanat.break_glass to amanat_service;
create index break_glass_by_customer on amanat.break_glass (tenant_id, customer_id);
