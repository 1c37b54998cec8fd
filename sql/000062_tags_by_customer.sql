-- Without statistics, in the first seconds of a vault's life, the planner took this index for the way to one tag, because it begins with the
-- tenant too: every tag that was looked up read all tags of the tenant. Begun with the customer it serves whom it is for, and nobody else.
drop index amanat.index_tags_by_customer;
create index index_tags_by_customer on amanat.index_tags (customer_id, tenant_id);
