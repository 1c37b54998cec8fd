-- What a person is shown of their own dealings is found by the person: the newest messages, and disclosures that may be told.
create index messages_by_customer on amanat.messages (tenant_id, customer_id, id);
create index notices_by_customer on amanat.notices (tenant_id, customer_id, id);
