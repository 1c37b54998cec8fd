-- Corrections and objections that are more than entries of the register.
--
-- proposal: what a correction asks to change, sealed under the customer's data key like `note` and `why`, and gone with it.
-- applied: which parts of it were, as JSON pointers. withdrawn: taken back by whom it is about; an objection that was granted
-- is lifted by that.
alter table amanat.requests
  add column proposal bytea,
  add column applied text[],
  add column withdrawn_at timestamptz;
alter table amanat.requests drop constraint requests_state_check;
alter table amanat.requests
  add constraint requests_state_check check (state in ('open', 'done', 'partly', 'refused', 'withdrawn'));

-- Purposes that the person has closed to everybody. In the customer's own row, which every read and every new grant takes: no
-- grant under one of them opens anything from the commit on.
alter table amanat.customers add column objected text[] not null default '{}';
