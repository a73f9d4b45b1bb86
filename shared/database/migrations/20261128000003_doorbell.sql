-- The doorbell: invokes content-events once for each transaction that captured a change.
--
-- Intent: the call carries only the transaction's id, and its failure never fails a save.
-- It rings just before COMMIT, because a deferred trigger is the last step that SQL allows. So content-events waits for the
-- commit. A failed call leaves a line in the server's log in a fixed form, which is the second doorbell:
--     wagrun doorbell {"xid":"<transaction id>"} <cause>

create function wagrun.ring(xid text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    doorbell_function text := (select value from wagrun.setting where name = 'doorbell_function');
    connect_timeout   text := current_setting('aws_lambda.connect_timeout_ms', true);
    request_timeout   text := current_setting('aws_lambda.request_timeout_ms', true);
    status integer;
begin
    if doorbell_function is null then
        raise log 'wagrun doorbell {"xid":"%"} by log', xid;
        return;
    end if;
    -- An editor waits for this call, and one click in the admin makes up to three commits that ring. So three times the
    -- maximum wait must stay under the second that a save may lose. A call that times out may still arrive, which is harmless.
    -- The settings are not in the function's definition, because PostgreSQL lets only a superuser store a setting that no
    -- library has registered yet. When the server refuses them, the extension's own defaults apply.
    begin
        perform set_config('aws_lambda.connect_timeout_ms', '200', true),
                set_config('aws_lambda.request_timeout_ms', '250', true);
    exception when others then
        raise log 'wagrun cannot set the doorbell''s time-outs: %', sqlerrm;
    end;
    select reply.status_code into status
    from aws_lambda.invoke(
        function_name => doorbell_function,
        payload => jsonb_build_object('xid', xid),
        invocation_type => 'Event'::text
    ) as reply;
    if status is distinct from 202 then
        raise log 'wagrun doorbell {"xid":"%"} answered %', xid, status;
    end if;
    -- Restores the settings for calls of the site itself. A failed call undoes them in any case.
    perform set_config('aws_lambda.connect_timeout_ms', coalesce(connect_timeout, ''), true),
            set_config('aws_lambda.request_timeout_ms', coalesce(request_timeout, ''), true);
-- A statement time-out during the call is caught as well, because the save itself is done.
exception when query_canceled or others then
    raise log 'wagrun doorbell {"xid":"%"} failed: %', xid, sqlerrm;
end
$$;
comment on function wagrun.ring is 'Invokes content-events for a transaction. Never raises an error.';

create function wagrun.ring_at_commit() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- The drainer folds whole transactions, and recognises a whole one by this last row. After `set constraints all immediate`
    -- the row may come too early. The rows after it are then folded by themselves, later.
    insert into wagrun.outbox (relation, kind, model, is_own_row, ends) values (0, '', '', false, true);
    perform wagrun.ring(pg_current_xact_id()::text);
    return null;
end
$$;
comment on function wagrun.ring_at_commit is
    'Deferred trigger of the outbox. Writes the last row of the transaction, and rings the doorbell for it.';

-- The condition is evaluated when a row is written, so the many rows of a bulk change do not queue calls.
create constraint trigger doorbell
after insert on wagrun.outbox
deferrable initially deferred
for each row when (new.rings) execute function wagrun.ring_at_commit();

revoke all on function wagrun.ring, wagrun.ring_at_commit from public;
