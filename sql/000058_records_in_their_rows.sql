-- What is sealed of a customer stands in its row. Most of it is longer than the 2 kB from which PostgreSQL puts values into a table of
-- their own, where a read looked it up by an index of its own. Ciphertext does not shrink, so nobody tries. Rows that are there move
-- when they are written next.
alter table amanat.customers alter column sealed set storage external;
alter table amanat.customers set (toast_tuple_target = 8160);
