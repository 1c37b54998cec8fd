-- A tree grows and never shrinks. Of a head that stays, the MAC alone may be made anew: the key it is made with turns over while
-- nothing is written to the log, too.
create or replace function amanat.keep_head() returns trigger
  language plpgsql
  as $$
begin
  perform amanat.require(
    new.size > old.size
    or (new.size, new.root, new.checkpoint, new.integrated_at, new.kept_at)
       is not distinct from (old.size, old.root, old.checkpoint, old.integrated_at, old.kept_at), 'integrity_failure');
  return new;
end
$$;
