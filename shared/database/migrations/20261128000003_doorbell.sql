-- The doorbell: once per transaction that captured something, content-events is told to look.
--
-- Intent: the call carries nothing but the transaction's id, and its failure never fails a save.
-- It rings just before COMMIT (a deferred trigger is the last that SQL can do), so content-events waits for the commit.
-- A doorbell that failed leaves a server-log line in a fixed form, which is the second doorbell:
--     wagrun doorbell {"xid":"<transaction id>"} <why>

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
    -- An editor waits for this call, and one click in the admin is up to three commits that ring: three times the longest
    -- wait must stay under the second that a save may lose. A call that is given up may still have arrived, which is no harm.
    -- Set here and not in the function's definition: PostgreSQL lets only a superuser store a setting that no library has
    -- registered yet. Where the server refuses them, the extension's own defaults count.
    begin
        perform set_config('aws_lambda.connect_timeout_ms', '200', true),
                set_config('aws_lambda.request_timeout_ms', '250', true);
    exception when others then
        raise log 'wagrun can''t set the doorbell''s time-outs: %', sqlerrm;
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
    -- As they were, for calls that the site itself makes. When the call fails they are undone with it.
    perform set_config('aws_lambda.connect_timeout_ms', coalesce(connect_timeout, ''), true),
            set_config('aws_lambda.request_timeout_ms', coalesce(request_timeout, ''), true);
-- A statement time-out that strikes here is caught as well: the save itself is done.
exception when query_canceled or others then
    raise log 'wagrun doorbell {"xid":"%"} failed: %', xid, sqlerrm;
end
$$;
comment on function wagrun.ring is 'Tells content-events to look once this transaction has ended; never raises.';

create function wagrun.ring_at_commit() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- The drainer folds whole transactions, and knows one by its last row. After `set constraints all immediate` it may come too
    -- early; the rest is then folded by itself, later.
    insert into wagrun.outbox (relation, kind, model, is_own_row, ends) values (0, '', '', false, true);
    perform wagrun.ring(pg_current_xact_id()::text);
    return null;
end
$$;
comment on function wagrun.ring_at_commit is
    'Deferred trigger of what is captured: writes the last row of this transaction, and rings for it.';

-- The condition is judged when the row is written, so that the many rows of a bulk change queue no calls.
create constraint trigger doorbell
after insert on wagrun.outbox
deferrable initially deferred
for each row when (new.rings) execute function wagrun.ring_at_commit();

revoke all on function wagrun.ring, wagrun.ring_at_commit from public;
