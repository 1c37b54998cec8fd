-- What is sealed of a customer begins with the one value that holds every mask (src/crypto/container.ts, format 2), and before it stands
-- in the clear by which version of the policy these were made. A read that shows masks alone fetches no more than that.
--
-- `beginning` is what such a record begins with where its masks are of the version in force: format, length and name of the version. Then
-- 3 bytes of length and the value follow. Whatever begins otherwise, and everything where it is null, is given whole. Nothing in it can
-- fail: what was cut wrong is refused by whoever opens it.
create function amanat.lead_of(sealed bytea, beginning bytea) returns bytea
  language sql
  immutable
  return case
    when substring(sealed from 1 for octet_length(beginning)) = beginning then
      substring(sealed from 1 for octet_length(beginning) + 3
        + ('x' || encode(substring(sealed from octet_length(beginning) + 1 for 3), 'hex'))::bit(24)::integer)
    else sealed
  end;
