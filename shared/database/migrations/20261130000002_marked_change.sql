-- A change that an operator makes to see the way of an event from a commit on, for `wagrun doctor --end-to-end`.
--
-- Intent: the change takes the way of an editor's one, the doorbell included. It is of no table of the site, and its event is for a
-- subscriber that does not exist.

create function wagrun.mark(subscriber text) returns table (captured_at text, doorbell_function text)
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    insert into wagrun.outbox (relation, kind, model, object, key, is_own_row, after, rings)
    values (0, 'table', 'wagrun.mark', 'subscriber/' || subscriber, to_jsonb(subscriber), true, '{}', true)
    returning
        to_char(captured_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        (select value from wagrun.setting where name = 'doorbell_function')
$$;
comment on function wagrun.mark is
    'Captures a change of no object, whose event goes to this subscriber only. Returns the time of the capture, and the function that '
    'its commit rings; null for a ring by the server''s log.';
revoke all on function wagrun.mark from public;
