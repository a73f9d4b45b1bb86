-- A ring is skipped when the run that it would start would leave at once, because two others are there.
--
-- Intent: in a burst of saves an editor does not wait for a call of content-events that changes nothing.
-- A run is present while its session holds one of two advisory locks, which end in 8 and 9 as hexadecimal numbers. Before a run ends
-- its presence, it takes a third one exclusively, which ends in a, and looks at the outbox again. A commit that skips its ring shares
-- that lock until its rows are visible. So one of the runs sees them. Nobody waits for any of these locks: they are tried.
-- shared/database/src/outbox/presence.rs has the other half, and tests/model the protocol.

-- The body is one expression, so PostgreSQL puts it into the expression that calls it. A lock that can be shared is released at once,
-- because a run needs it for itself. Nothing that can fail is between the two calls.
create function wagrun.are_two_present() returns boolean
language sql volatile
return case
    when pg_try_advisory_lock_shared(8602270504548433928) then not pg_advisory_unlock_shared(8602270504548433928)
    when pg_try_advisory_lock_shared(8602270504548433929) then not pg_advisory_unlock_shared(8602270504548433929)
    else true
end;
comment on function wagrun.are_two_present is
    'Returns true when two runs of content-events are present, which look at the outbox again before they leave.';

create or replace function wagrun.ring_at_commit() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    is_awaited boolean := false;
begin
    -- The drainer folds whole transactions, and recognises a whole one by this last row. After `set constraints all immediate`
    -- the row may come too early. The rows after it are then folded by themselves, later.
    insert into wagrun.outbox (relation, kind, model, is_own_row, ends) values (0, '', '', false, true);
    begin
        -- The runs count only after the shared lock is held: until then they may leave. An exclusive lock means that one leaves.
        if wagrun.are_two_present() then
            if pg_try_advisory_xact_lock_shared(8602270504548433930) then
                is_awaited := wagrun.are_two_present();
            end if;
        end if;
    -- A server without room for another lock harms no save.
    exception when query_canceled or others then
        is_awaited := false;
    end;
    if not is_awaited then
        perform wagrun.ring(pg_current_xact_id()::text);
    end if;
    return null;
end
$$;
comment on function wagrun.ring_at_commit is
    'Deferred trigger of the outbox. Writes the last row of the transaction, and rings the doorbell for it, unless two runs of '
    'content-events look at the outbox again after it.';

revoke all on function wagrun.are_two_present from public;
