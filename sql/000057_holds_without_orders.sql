-- A database that was restored may have lost an order whose hold the log's journal still tells of: the hold stands again without it,
-- until the order was registered anew.
alter table amanat.holds drop constraint holds_tenant_id_legal_order_id_fkey;
