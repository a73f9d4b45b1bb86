-- The doorbell: once per transaction that captured something, content-events is told to look.
--
-- Intent: the call carries nothing but the transaction's id, and its failure never fails a save.
-- It rings just before COMMIT (a deferred trigger is the last that SQL can do), so content-events waits for the commit.
-- A doorbell that failed leaves a server-log line in a fixed form, which is the second doorbell:
--     wagrun doorbell {"xid":"<transaction id>"} <why>

create function wagrun.ring(xid text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
-- An editor waits for this call, and one click in the admin is up to three commits that ring: three times the longest
-- wait must stay under the second that a save may lose. A call that is given up may still have arrived, which is no harm.
set aws_lambda.connect_timeout_ms = '200'
set aws_lambda.request_timeout_ms = '250'
as $$
declare
    doorbell_function text := (select value from wagrun.setting where name = 'doorbell_function');
    status integer;
begin
    if doorbell_function is null then
        raise log 'wagrun doorbell {"xid":"%"} by log', xid;
        return;
    end if;
    select reply.status_code into status
    from aws_lambda.invoke(
        function_name => doorbell_function,
        payload => jsonb_build_object('xid', xid),
        invocation_type => 'Event'::text
    ) as reply;
    if status is distinct from 202 then
        raise log 'wagrun doorbell {"xid":"%"} answered %', xid, status;
    end if;
-- A statement time-out that strikes here is caught as well: the save itself is done.
exception when query_canceled or others then
    raise log 'wagrun doorbell {"xid":"%"} failed: %', xid, sqlerrm;
end
$$;
comment on function wagrun.ring is 'Tells content-events to look once this transaction has ended; never raises.';

create function wagrun.ring_once() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    this_transaction text := pg_current_xact_id()::text;
begin
    if current_setting('wagrun.rung', true) is distinct from this_transaction then
        perform set_config('wagrun.rung', this_transaction, true);
        perform wagrun.ring(this_transaction);
    end if;
    return null;
end
$$;
comment on function wagrun.ring_once is 'Deferred trigger of the outbox: rings for the first row of a transaction, and for no other.';

create constraint trigger doorbell
after insert on wagrun.outbox
deferrable initially deferred
for each row execute function wagrun.ring_once();

revoke all on function wagrun.ring, wagrun.ring_once from public;
