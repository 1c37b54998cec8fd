-- What the sweep looks through every ten minutes, so that it looks at what can be due and not at everything that is held.

-- By the order's own time: nothing of it is over before the shortest of its terms since then is.
drop index amanat.orders_holding;
create index orders_holding on amanat.orders (tenant_id, delivery_to, created_at, id) where data_key is not null;
-- Accounts by when their record was last written.
create index customers_unwritten on amanat.customers (tenant_id, updated_at, id) where status = 'active';
-- Parcels under way, and codes that nobody has used: few, however many there have been.
create index grants_of_parcels on amanat.grants (tenant_id, id) where kind = 'shipment' and closed_at is null;
create index shipments_with_code on amanat.shipments (tenant_id, id) where code_hash is not null;
