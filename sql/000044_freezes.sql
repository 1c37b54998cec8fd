-- An account may be frozen by a report of misuse and by incidents at once: which incidents hold it stands here, so that the end of
-- one does not end the others'.
alter table amanat.customers add column contained_by uuid[] not null default '{}';

-- What an erasure looks up by the person.
create index shipments_open_by_customer on amanat.shipments (tenant_id, customer_id) where status = 'open';
create index order_versions_by_customer on amanat.order_versions (tenant_id, customer_id);
