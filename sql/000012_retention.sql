-- The sweep of what has had its time destroys invoices too, when the law needs them no more.
grant update (version, data_key, sealed) on amanat.invoices to amanat_service;

-- Which orders and invoices still hold something, oldest first: what the sweep looks through.
create index orders_holding on amanat.orders (tenant_id, id) where data_key is not null;
create index invoices_holding on amanat.invoices (tenant_id, created_at) where data_key is not null;
