--
-- PostgreSQL database dump
--



SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: wagrun; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA wagrun;


--
-- Name: as_key(text); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.as_key(value text) RETURNS bigint
    LANGUAGE sql IMMUTABLE
    AS $_$
    select case when value ~ '^[0-9]{1,18}$' then value::bigint end
$_$;


--
-- Name: FUNCTION as_key(value text); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.as_key(value text) IS 'A captured value as an integer key, or null: a watched table may call anything locale_id.';


--
-- Name: capture(); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.capture() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $_$
declare
    watched     wagrun.watched_table;
    old_row     jsonb;
    new_row     jsonb;
    object_name text;
    names       text[];
    root_state  jsonb;
begin
    if current_setting('wagrun.capture', true) = 'off' then
        return null;
    end if;
    select * into watched from wagrun.watched_table where relation = tg_relid;
    if not found then
        return null;
    end if;

    -- This block writes nothing, so its subtransaction gets no id and costs a microsecond.
    begin
        if tg_op <> 'INSERT' then
            old_row := to_jsonb(old);
        end if;
        if tg_op <> 'DELETE' then
            new_row := to_jsonb(new);
        end if;
    exception when others then
        old_row := wagrun.row_from_json(to_json(old));
        new_row := wagrun.row_from_json(to_json(new));
    end;
    object_name := watched.object || '/' || (coalesce(new_row, old_row) ->> watched.key_column);
    if object_name is null then
        return null;
    end if;
    old_row := old_row - watched.ignored;
    new_row := new_row - watched.ignored;
    if old_row = new_row then
        return null;
    end if;
    if watched.collection is not null then
        names := array[watched.collection];
        old_row := '{}';
        new_row := '{}';
    else
        names := array(
            select name from unnest(watched.withheld) as name
            where old_row -> name is distinct from new_row -> name
        );
        old_row := old_row - watched.withheld;
        new_row := new_row - watched.withheld;
    end if;

    if watched.root is null then
        insert into wagrun.outbox as pending (xid, object, kind, model, before, after, changed)
        values (pg_current_xact_id(), object_name, watched.kind, watched.model, old_row, new_row, names)
        -- The first old state and the last new one stay; an object that was not there before has no old state.
        on conflict (xid, object) do update set
            before = coalesce(excluded.before, '{}') || pending.before,
            after = coalesce(pending.after, '{}') || excluded.after,
            changed = pending.changed || excluded.changed;
        return null;
    end if;

    update wagrun.outbox as pending set
        before = coalesce(old_row, '{}') || pending.before,
        after = pending.after || coalesce(new_row, '{}'),
        changed = pending.changed || names
    where pending.xid = pg_current_xact_id_if_assigned() and pending.object = object_name;
    if found then
        return null;
    end if;

    -- A change in a part alone: the object's own row says what it is.
    select * into watched from wagrun.watched_table where relation = watched.root;
    execute format(
        'select wagrun.row_from_json(to_json(root_row)) - $1 - $2 from %s as root_row where root_row.%I = %L',
        watched.relation, watched.key_column, substr(object_name, length(watched.object) + 2)
    ) into root_state using watched.withheld, watched.ignored;
    if root_state is null then
        return null;
    end if;
    insert into wagrun.outbox (xid, object, kind, model, before, after, changed)
    values (
        pg_current_xact_id(), object_name, watched.kind, watched.model,
        coalesce(old_row, '{}') || root_state, coalesce(new_row, '{}') || root_state, names
    );
    return null;
end
$_$;


--
-- Name: FUNCTION capture(); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.capture() IS 'Row trigger of every watched table; writes or updates this transaction''s outbox row of the object.';


--
-- Name: capture_truncate(); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.capture_truncate() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $_$
declare
    watched wagrun.watched_table;
begin
    if current_setting('wagrun.capture', true) = 'off' then
        return null;
    end if;
    select * into watched from wagrun.watched_table where relation = tg_relid;
    if not found or watched.root is not null then
        return null;
    end if;
    execute format(
        'insert into wagrun.outbox as pending (xid, object, kind, model, before, changed)
         select pg_current_xact_id(), $1.object || ''/'' || gone.%I, $1.kind, $1.model,
                wagrun.row_from_json(to_json(gone)) - $1.withheld - $1.ignored, ''{}''
         from %s as gone
         on conflict (xid, object) do update set after = null',
        watched.key_column, watched.relation
    ) using watched;
    return null;
end
$_$;


--
-- Name: FUNCTION capture_truncate(); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.capture_truncate() IS 'Statement trigger before TRUNCATE: every object in the table is deleted.';


--
-- Name: due_minutes(timestamp with time zone, integer); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.due_minutes(earliest timestamp with time zone, most integer) RETURNS SETOF timestamp with time zone
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    SET lock_timeout TO '1s'
    AS $_$
declare
    due_times text;
begin
    -- A table or a column that was dropped or renamed stays listed until the next migrate.
    select string_agg(format(
        'select %1$I as due from %2$s where %1$I is not null%3$s',
        listed.due_column, listed.relation, coalesce(' and ' || quote_ident(listed.live_column), '')
    ), ' union all ') into due_times
    from wagrun.scheduled_table as listed
    where exists (select from pg_attribute where attrelid = listed.relation and attname = listed.due_column)
      and (listed.live_column is null
           or exists (select from pg_attribute where attrelid = listed.relation and attname = listed.live_column));
    if due_times is null then
        return;
    end if;
    -- Up to the next full minute, the smallest step of a schedule. The last year that a schedule can name is 9999.
    return query execute format(
        'select distinct date_trunc(''minute'', greatest(due, $1) + interval ''1 minute'' - interval ''1 microsecond'') as minute
         from (%s) as due_times where due < ''9999-12-31'' order by minute limit $2',
        due_times
    ) using earliest, most;
end
$_$;


--
-- Name: FUNCTION due_minutes(earliest timestamp with time zone, most integer); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.due_minutes(earliest timestamp with time zone, most integer) IS 'The next full minutes at which something is to be published or to expire, none before the earliest; all that the relay role may know of schedules.';


--
-- Name: editor_name(text); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.editor_name(user_id text) RETURNS text
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    name text;
begin
    -- The site chooses its user model, so its table and columns are settings; no view, which would pin the columns.
    execute (
        select format('select %I::text from %s where %I = %L',
                      max(value) filter (where s.name = 'user_name'), max(value) filter (where s.name = 'user_table'),
                      max(value) filter (where s.name = 'user_key'), user_id)
        from wagrun.setting as s
    ) into name;
    return name;
-- The site names its editor by itself, and a name that is no key of its users must not stop the drain.
exception when data_exception then
    return null;
end
$$;


--
-- Name: FUNCTION editor_name(user_id text); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.editor_name(user_id text) IS 'The user''s name; all that the relay role may know of a user.';


--
-- Name: present_state(text, text, integer); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.present_state(of_model text, after_key text, most integer) RETURNS TABLE(key text, object text, kind text, state jsonb)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    SET lock_timeout TO '1s'
    AS $_$
declare
    watched wagrun.watched_table;
    parts   text;
begin
    -- A table that was dropped stays listed until the next migrate.
    select listed.* into watched
    from wagrun.watched_table as listed join pg_class on pg_class.oid = listed.relation
    where listed.model = of_model and listed.root is null;
    if not found then
        return;
    end if;

    -- As in capture: an object's parts add their columns to its own, and its many children add none.
    select coalesce(string_agg(format(
        ' || coalesce((select wagrun.row_from_json(to_json(part)) - %L::text[] - %L::text[] from %s as part
                       where part.%I = root_row.%I), ''{}'')',
        part_table.withheld, part_table.ignored, part_table.relation, part_table.key_column, watched.key_column
    ), '' order by part_table.relation::text), '') into parts
    from wagrun.watched_table as part_table join pg_class on pg_class.oid = part_table.relation
    where part_table.root = watched.relation and part_table.collection is null;

    -- Keys are compared as what they are, whatever type that is: the literal takes the column's. The rows are chosen before
    -- an image is made of any, and with the offset it is made once, instead of wherever it is used.
    return query execute format(
        'select root_row.%1$I::text, %2$L || (whole.image ->> %3$L), %4$L, whole.image - $1 - $2%5$s
         from (select * from %6$s as row_after where %7$s order by %1$I limit $3) as root_row
         cross join lateral (select wagrun.row_from_json(to_json(root_row)) as image offset 0) as whole
         order by root_row.%1$I',
        watched.key_column, watched.object || '/', watched.key_column, watched.kind, parts, watched.relation,
        case when after_key is null
            then format('row_after.%I is not null', watched.key_column)
            else format('row_after.%I > %L', watched.key_column, after_key)
        end
    ) using watched.withheld, watched.ignored, most;
end
$_$;


--
-- Name: FUNCTION present_state(of_model text, after_key text, most integer); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.present_state(of_model text, after_key text, most integer) IS 'The next objects of a watched model after a key, as capture would write them; all that the relay role may know of content.';


--
-- Name: ring(text); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.ring(xid text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "aws_lambda.connect_timeout_ms" TO '200'
    SET "aws_lambda.request_timeout_ms" TO '250'
    AS $$
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


--
-- Name: FUNCTION ring(xid text); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.ring(xid text) IS 'Tells content-events to look once this transaction has ended; never raises.';


--
-- Name: ring_once(); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.ring_once() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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


--
-- Name: FUNCTION ring_once(); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.ring_once() IS 'Deferred trigger of the outbox: rings for the first row of a transaction, and for no other.';


--
-- Name: row_from_json(json); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.row_from_json(image json) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    return image::jsonb;
exception when others then
    -- A plain json column may hold escapes (\u0000, half a surrogate pair) that jsonb can't: they are spelled out.
    return replace(image::text, '\u', '/u')::jsonb;
end
$$;


--
-- Name: FUNCTION row_from_json(image json); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.row_from_json(image json) IS 'A row''s image as jsonb, whatever its json columns hold.';


--
-- Name: schedule_changed(); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.schedule_changed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    -- Its columns are the trigger's arguments, and are read by name when it runs, from the row itself: a dependency on them
    -- would stop a later Django migration, and a revision's content is far too large to be made jsonb.
    due_time constant text := case tg_nargs
        when 1 then format('select ($1).%I', tg_argv[0])
        else format('select case when ($1).%2$I then ($1).%1$I end', tg_argv[0], tg_argv[1])
    end;
    old_due  timestamptz;
    new_due  timestamptz;
begin
    if tg_op <> 'INSERT' then
        execute due_time into old_due using old;
    end if;
    if tg_op <> 'DELETE' then
        execute due_time into new_due using new;
    end if;
    if old_due is distinct from new_due then
        insert into wagrun.schedule_change (xid) values (pg_current_xact_id()) on conflict do nothing;
    end if;
    return null;
-- A column that is gone until the next migrate, or anything else: the save goes on, and the next look sees what is due.
exception when others then
    raise log 'wagrun schedule of % not seen to change: %', tg_relid::regclass, sqlerrm;
    return null;
end
$_$;


--
-- Name: FUNCTION schedule_changed(); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.schedule_changed() IS 'Row trigger of every scheduled table, with its due column and where there is one its live column; never fails a save.';


--
-- Name: set_up_roles(name, name); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.set_up_roles(web_role name, relay_role name) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    role name;
begin
    foreach role in array array[web_role, relay_role] loop
        if not exists (select from pg_roles where rolname = role) then
            execute format('create role %I login', role);
        end if;
        -- On Aurora a role without a password comes in by IAM.
        if exists (select from pg_roles where rolname = 'rds_iam') then
            execute format('grant rds_iam to %I', role);
        end if;
    end loop;

    -- The web role: every table of the site's, none of wagrun's.
    execute format('grant select, insert, update, delete on all tables in schema public to %I', web_role);
    execute format('grant usage, select, update on all sequences in schema public to %I', web_role);
    execute format('alter default privileges in schema public grant select, insert, update, delete on tables to %I', web_role);
    execute format('alter default privileges in schema public grant usage, select, update on sequences to %I', web_role);

    -- The relay role: reads and settles the outbox, and reads the few columns of Wagtail's that an event shows.
    execute format('grant usage on schema wagrun to %I', relay_role);
    execute format('grant select on wagrun.watched_table to %I', relay_role);
    execute format('grant select, delete on wagrun.outbox to %I', relay_role);
    execute format(
        'grant update (sequence, claimed_at, settled_at, outcome, failures, last_error) on wagrun.outbox to %I',
        relay_role);
    execute format('grant usage on sequence wagrun.event_sequence to %I', relay_role);
    execute format('grant execute on function wagrun.ring, wagrun.editor_name, wagrun.as_key to %I', relay_role);
    execute format('grant select on django_content_type, wagtailcore_locale, wagtailcore_site to %I', relay_role);
    execute format('grant select (id, url_path) on wagtailcore_page to %I', relay_role);
    execute format('grant select (id, user_id) on wagtailcore_revision to %I', relay_role);
    execute format('grant select (page_id, user_id, timestamp) on wagtailcore_pagelogentry to %I', relay_role);

    -- And its backfills: it keeps their progress, and reads the present state by the function that withholds what capture does.
    execute format('grant select, insert, delete on wagrun.backfill to %I', relay_role);
    execute format(
        'grant update (cursor, published, sliced_at, failures, last_error, finished_at, outcome) on wagrun.backfill to %I',
        relay_role);
    execute format('grant execute on function wagrun.present_state to %I', relay_role);

    -- And the schedules: it reads what is due by the function that tells nothing else, and clears what it has seen.
    execute format('grant select, delete on wagrun.schedule_change to %I', relay_role);
    execute format('grant execute on function wagrun.due_minutes to %I', relay_role);
end
$$;


--
-- Name: FUNCTION set_up_roles(web_role name, relay_role name); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.set_up_roles(web_role name, relay_role name) IS 'Creates the web and the relay role where they are missing, and grants each what it needs.';


--
-- Name: watch(jsonb); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.watch(discovered jsonb) RETURNS integer
    LANGUAGE plpgsql
    AS $$
declare
    stale   regclass;
    watched regclass;
begin
    -- A table that Django no longer knows keeps its rows but loses its triggers.
    for stale in
        select relation from wagrun.watched_table
        where relation not in (select (entry ->> 'table')::regclass from jsonb_array_elements(discovered) as entry)
    loop
        if exists (select from pg_class where oid = stale) then
            execute format('drop trigger if exists wagrun_capture_row on %s', stale);
            execute format('drop trigger if exists wagrun_capture_update on %s', stale);
            execute format('drop trigger if exists wagrun_capture_truncate on %s', stale);
        end if;
        delete from wagrun.watched_table where relation = stale;
    end loop;

    insert into wagrun.watched_table as known
        (relation, kind, model, object, key_column, root, collection, fields, withheld, ignored)
    select
        (entry ->> 'table')::regclass, entry ->> 'kind', entry ->> 'model', entry ->> 'object',
        (entry ->> 'key_column')::name, (entry ->> 'root')::regclass, entry ->> 'collection', entry -> 'fields',
        array(select jsonb_array_elements_text(entry -> 'withheld')),
        array(select jsonb_array_elements_text(entry -> 'ignored'))
    from jsonb_array_elements(discovered) as entry
    on conflict (relation) do update set
        kind = excluded.kind, model = excluded.model, object = excluded.object, key_column = excluded.key_column,
        root = excluded.root, collection = excluded.collection, fields = excluded.fields,
        withheld = excluded.withheld, ignored = excluded.ignored;

    -- Creating a trigger locks the table against writes, so only tables without one are touched.
    for watched in
        select relation from wagrun.watched_table
        where not exists (
            select from pg_trigger where tgrelid = relation and tgname = 'wagrun_capture_truncate'
        )
    loop
        execute format(
            'create or replace trigger wagrun_capture_row after insert or delete on %s
             for each row execute function wagrun.capture()', watched);
        -- *<> compares the rows' bytes, which every type has; `is distinct from` fails on json, and naming
        -- columns would stop a later Django migration from dropping them.
        execute format(
            'create or replace trigger wagrun_capture_update after update on %s
             for each row when (old.* *<> new.*) execute function wagrun.capture()', watched);
        execute format(
            'create or replace trigger wagrun_capture_truncate before truncate on %s
             for each statement execute function wagrun.capture_truncate()', watched);
    end loop;
    return (select count(*) from wagrun.watched_table);
end
$$;


--
-- Name: FUNCTION watch(discovered jsonb); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.watch(discovered jsonb) IS 'Makes the watched tables exactly the discovered ones, attaching and detaching triggers; returns how many there are.';


--
-- Name: watch_schedules(jsonb); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.watch_schedules(discovered jsonb) RETURNS integer
    LANGUAGE plpgsql
    AS $$
declare
    stale     regclass;
    scheduled wagrun.scheduled_table;
begin
    for stale in
        select relation from wagrun.scheduled_table
        where relation not in (select (entry ->> 'table')::regclass from jsonb_array_elements(discovered) as entry)
    loop
        if exists (select from pg_class where oid = stale) then
            execute format('drop trigger if exists wagrun_schedule on %s', stale);
        end if;
        delete from wagrun.scheduled_table where relation = stale;
    end loop;

    -- Creating a trigger locks the table against writes, so only tables without the right one are touched.
    for scheduled in
        select found.* from (
            select (entry ->> 'table')::regclass as relation, (entry ->> 'due_column')::name as due_column,
                   (entry ->> 'live_column')::name as live_column
            from jsonb_array_elements(discovered) as entry
        ) as found
        left join wagrun.scheduled_table as known on known.relation = found.relation
        where (known.due_column, known.live_column) is distinct from (found.due_column, found.live_column)
           or not exists (select from pg_trigger where tgrelid = found.relation and tgname = 'wagrun_schedule')
    loop
        execute format(
            'create or replace trigger wagrun_schedule after insert or update or delete on %s
             for each row execute function wagrun.schedule_changed(%s)',
            scheduled.relation, concat_ws(', ', quote_literal(scheduled.due_column), quote_literal(scheduled.live_column)));
        insert into wagrun.scheduled_table values (scheduled.*)
        on conflict (relation) do update set due_column = excluded.due_column, live_column = excluded.live_column;
    end loop;

    -- What was due before anybody looked.
    insert into wagrun.schedule_change (xid)
    select pg_current_xact_id() from wagrun.due_minutes(statement_timestamp(), 1)
    on conflict do nothing;
    return (select count(*) from wagrun.scheduled_table);
end
$$;


--
-- Name: FUNCTION watch_schedules(discovered jsonb); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.watch_schedules(discovered jsonb) IS 'Makes the scheduled tables exactly the discovered ones, attaching and detaching triggers; returns how many there are.';


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: backfill; Type: TABLE; Schema: wagrun; Owner: -
--

CREATE TABLE wagrun.backfill (
    id uuid NOT NULL,
    request jsonb NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    requested_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    cursor jsonb NOT NULL,
    published bigint DEFAULT 0 NOT NULL,
    sliced_at timestamp with time zone,
    failures integer DEFAULT 0 NOT NULL,
    last_error text,
    finished_at timestamp with time zone,
    outcome text,
    CONSTRAINT backfill_finished_has_outcome CHECK (((finished_at IS NULL) = (outcome IS NULL))),
    CONSTRAINT backfill_outcome CHECK ((outcome = ANY (ARRAY['done'::text, 'cancelled'::text])))
);


--
-- Name: TABLE backfill; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON TABLE wagrun.backfill IS 'One row per replay or snapshot that was asked for; open until finished.';


--
-- Name: COLUMN backfill.id; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.backfill.id IS 'Stands in each of its events; a version 7 UUID, so that it says when it was asked for.';


--
-- Name: COLUMN backfill.request; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.backfill.request IS 'The payload of the request, {"replay": …} or {"snapshot": …}, as it was checked.';


--
-- Name: COLUMN backfill.xid; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.backfill.xid IS 'For the ring that has the next invocation go on: a transaction that has ended.';


--
-- Name: COLUMN backfill.cursor; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.backfill.cursor IS 'Where the next slice begins. Replay: {"after": sequence, "last": sequence}. Snapshot: {"model": label, "after": key}.';


--
-- Name: COLUMN backfill.sliced_at; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.backfill.sliced_at IS 'When its last slice was made: runs take turns.';


--
-- Name: event_sequence; Type: SEQUENCE; Schema: wagrun; Owner: -
--

CREATE SEQUENCE wagrun.event_sequence
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: SEQUENCE event_sequence; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON SEQUENCE wagrun.event_sequence IS 'Numbers events in the order in which the single drainer first saw them committed, so that it grows with commit order per object.';


--
-- Name: migration_run; Type: TABLE; Schema: wagrun; Owner: -
--

CREATE TABLE wagrun.migration_run (
    id bigint NOT NULL,
    asked_by text NOT NULL,
    deploy text,
    program text NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    ended_at timestamp with time zone,
    outcome text,
    applied text[] DEFAULT '{}'::text[] NOT NULL,
    failure text,
    CONSTRAINT migration_run_ended_has_outcome CHECK (((ended_at IS NULL) = (outcome IS NULL))),
    CONSTRAINT migration_run_failed_has_failure CHECK (((outcome = 'failed'::text) = (failure IS NOT NULL))),
    CONSTRAINT migration_run_outcome CHECK ((outcome = ANY (ARRAY['succeeded'::text, 'failed'::text, 'abandoned'::text])))
);


--
-- Name: TABLE migration_run; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON TABLE wagrun.migration_run IS 'One row per run of migrate that got the lock; the newest may still be running.';


--
-- Name: COLUMN migration_run.asked_by; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.migration_run.asked_by IS 'CloudFormation with its request, or the invocation, by id.';


--
-- Name: COLUMN migration_run.deploy; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.migration_run.deploy IS 'The image that the site and migrate ran from, where the caller named it.';


--
-- Name: COLUMN migration_run.program; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.migration_run.program IS 'Version of wagrun.';


--
-- Name: COLUMN migration_run.outcome; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.migration_run.outcome IS 'abandoned: the run was killed or lost its database, which the next run found out. Null while it runs.';


--
-- Name: COLUMN migration_run.applied; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.migration_run.applied IS 'Django''s migrations that the run applied, such as blog.0002_author.';


--
-- Name: COLUMN migration_run.failure; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.migration_run.failure IS 'Which step failed and why, with the end of what Django printed.';


--
-- Name: migration_run_id_seq; Type: SEQUENCE; Schema: wagrun; Owner: -
--

ALTER TABLE wagrun.migration_run ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME wagrun.migration_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: outbox; Type: TABLE; Schema: wagrun; Owner: -
--

CREATE TABLE wagrun.outbox (
    "position" bigint NOT NULL,
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    xid xid8 NOT NULL,
    object text NOT NULL,
    kind text NOT NULL,
    model text NOT NULL,
    captured_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    before jsonb,
    after jsonb,
    changed text[] NOT NULL,
    editor text DEFAULT NULLIF(current_setting('wagrun.editor'::text, true), ''::text),
    sequence bigint,
    claimed_at timestamp with time zone,
    settled_at timestamp with time zone,
    outcome text,
    failures integer DEFAULT 0 NOT NULL,
    last_error text,
    CONSTRAINT outbox_claimed_has_sequence CHECK (((claimed_at IS NULL) = (sequence IS NULL))),
    CONSTRAINT outbox_outcome CHECK ((outcome = ANY (ARRAY['published'::text, 'nothing'::text]))),
    CONSTRAINT outbox_settled_has_outcome CHECK (((settled_at IS NULL) = (outcome IS NULL))),
    CONSTRAINT outbox_settled_was_claimed CHECK (((settled_at IS NULL) OR (claimed_at IS NOT NULL)))
);


--
-- Name: TABLE outbox; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON TABLE wagrun.outbox IS 'One row per commit and object; pending until settled.';


--
-- Name: COLUMN outbox."position"; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.outbox."position" IS 'Order of capture. Not commit order between objects: a row may become visible after a later one.';


--
-- Name: COLUMN outbox.id; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.outbox.id IS 'The event''s id, for ever.';


--
-- Name: COLUMN outbox.before; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.outbox.before IS 'Small columns before the commit; null when the object did not exist.';


--
-- Name: COLUMN outbox.after; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.outbox.after IS 'Small columns after the commit; null when the object no longer exists.';


--
-- Name: COLUMN outbox.changed; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.outbox.changed IS 'Withheld columns and collections that some statement of the transaction changed; of all others before and after tell.';


--
-- Name: COLUMN outbox.editor; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.outbox.editor IS 'Key of the user, where the site says who is editing: set wagrun.editor.';


--
-- Name: COLUMN outbox.outcome; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.outbox.outcome IS 'published: the topic has it. nothing: the commit''s net change is none.';


--
-- Name: outbox_position_seq; Type: SEQUENCE; Schema: wagrun; Owner: -
--

ALTER TABLE wagrun.outbox ALTER COLUMN "position" ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME wagrun.outbox_position_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: schedule_change; Type: TABLE; Schema: wagrun; Owner: -
--

CREATE TABLE wagrun.schedule_change (
    xid xid8 NOT NULL
);


--
-- Name: TABLE schedule_change; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON TABLE wagrun.schedule_change IS 'One row per transaction that changed a due time, until content-events has made the schedules what they should be.';


--
-- Name: scheduled_table; Type: TABLE; Schema: wagrun; Owner: -
--

CREATE TABLE wagrun.scheduled_table (
    relation regclass NOT NULL,
    due_column name NOT NULL,
    live_column name
);


--
-- Name: TABLE scheduled_table; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON TABLE wagrun.scheduled_table IS 'Where Wagtail''s publish_scheduled looks, as discovered from Django: the revisions, and every model with drafts.';


--
-- Name: COLUMN scheduled_table.due_column; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.scheduled_table.due_column IS 'The time at which a row is due; null in a row that never is.';


--
-- Name: COLUMN scheduled_table.live_column; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.scheduled_table.live_column IS 'Where only rows that are live are due, the column that says so.';


--
-- Name: schema_migration; Type: TABLE; Schema: wagrun; Owner: -
--

CREATE TABLE wagrun.schema_migration (
    version bigint NOT NULL,
    description text NOT NULL,
    installed_on timestamp with time zone DEFAULT now() NOT NULL,
    success boolean NOT NULL,
    checksum bytea NOT NULL,
    execution_time bigint NOT NULL
);


--
-- Name: setting; Type: TABLE; Schema: wagrun; Owner: -
--

CREATE TABLE wagrun.setting (
    name text NOT NULL,
    value text NOT NULL
);


--
-- Name: TABLE setting; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON TABLE wagrun.setting IS 'What migrate found out at deployment and the triggers need: doorbell_function, user_table, user_key, user_name.';


--
-- Name: watched_table; Type: TABLE; Schema: wagrun; Owner: -
--

CREATE TABLE wagrun.watched_table (
    relation regclass NOT NULL,
    kind text NOT NULL,
    model text NOT NULL,
    object text NOT NULL,
    key_column name NOT NULL,
    root regclass,
    collection text,
    fields jsonb NOT NULL,
    withheld text[] NOT NULL,
    ignored text[] NOT NULL,
    CONSTRAINT watched_table_kind CHECK ((kind = ANY (ARRAY['page'::text, 'image'::text, 'document'::text, 'snippet'::text, 'table'::text])))
);


--
-- Name: TABLE watched_table; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON TABLE wagrun.watched_table IS 'The tables with capture triggers, as discovered from Django; rewritten by every migrate.';


--
-- Name: COLUMN watched_table.model; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.watched_table.model IS 'Django''s app.model label in lower case.';


--
-- Name: COLUMN watched_table.object; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.watched_table.object IS 'First part of the object''s name: page, image, document, or the model''s label.';


--
-- Name: COLUMN watched_table.key_column; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.watched_table.key_column IS 'The column that holds the object''s key: the primary key, or in a part the link to the root row.';


--
-- Name: COLUMN watched_table.root; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.watched_table.root IS 'Null for an object''s own row; for a part (a page type''s own table, an inline child) the table that holds the object''s row.';


--
-- Name: COLUMN watched_table.collection; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.watched_table.collection IS 'For an inline child, of which an object has many, the field that they are: a change in one is a change of that field.';


--
-- Name: COLUMN watched_table.fields; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.watched_table.fields IS 'Column name to field name, for the reader of the outbox.';


--
-- Name: COLUMN watched_table.withheld; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.watched_table.withheld IS 'Columns whose values are not captured, only that they changed: they are large, or nobody''s business.';


--
-- Name: COLUMN watched_table.ignored; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.watched_table.ignored IS 'Bookkeeping columns: a change of nothing else is no change.';


--
-- Name: backfill backfill_pkey; Type: CONSTRAINT; Schema: wagrun; Owner: -
--

ALTER TABLE ONLY wagrun.backfill
    ADD CONSTRAINT backfill_pkey PRIMARY KEY (id);


--
-- Name: migration_run migration_run_pkey; Type: CONSTRAINT; Schema: wagrun; Owner: -
--

ALTER TABLE ONLY wagrun.migration_run
    ADD CONSTRAINT migration_run_pkey PRIMARY KEY (id);


--
-- Name: outbox outbox_one_row_per_commit_and_object; Type: CONSTRAINT; Schema: wagrun; Owner: -
--

ALTER TABLE ONLY wagrun.outbox
    ADD CONSTRAINT outbox_one_row_per_commit_and_object UNIQUE (xid, object);


--
-- Name: outbox outbox_pkey; Type: CONSTRAINT; Schema: wagrun; Owner: -
--

ALTER TABLE ONLY wagrun.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY ("position");


--
-- Name: schedule_change schedule_change_pkey; Type: CONSTRAINT; Schema: wagrun; Owner: -
--

ALTER TABLE ONLY wagrun.schedule_change
    ADD CONSTRAINT schedule_change_pkey PRIMARY KEY (xid);


--
-- Name: scheduled_table scheduled_table_pkey; Type: CONSTRAINT; Schema: wagrun; Owner: -
--

ALTER TABLE ONLY wagrun.scheduled_table
    ADD CONSTRAINT scheduled_table_pkey PRIMARY KEY (relation);


--
-- Name: schema_migration schema_migration_pkey; Type: CONSTRAINT; Schema: wagrun; Owner: -
--

ALTER TABLE ONLY wagrun.schema_migration
    ADD CONSTRAINT schema_migration_pkey PRIMARY KEY (version);


--
-- Name: setting setting_pkey; Type: CONSTRAINT; Schema: wagrun; Owner: -
--

ALTER TABLE ONLY wagrun.setting
    ADD CONSTRAINT setting_pkey PRIMARY KEY (name);


--
-- Name: watched_table watched_table_pkey; Type: CONSTRAINT; Schema: wagrun; Owner: -
--

ALTER TABLE ONLY wagrun.watched_table
    ADD CONSTRAINT watched_table_pkey PRIMARY KEY (relation);


--
-- Name: outbox_history; Type: INDEX; Schema: wagrun; Owner: -
--

CREATE INDEX outbox_history ON wagrun.outbox USING btree (settled_at) WHERE (settled_at IS NOT NULL);


--
-- Name: outbox_pending; Type: INDEX; Schema: wagrun; Owner: -
--

CREATE INDEX outbox_pending ON wagrun.outbox USING btree ("position") WHERE (settled_at IS NULL);


--
-- Name: outbox_replay; Type: INDEX; Schema: wagrun; Owner: -
--

CREATE INDEX outbox_replay ON wagrun.outbox USING btree (sequence) WHERE (outcome = 'published'::text);


--
-- Name: outbox doorbell; Type: TRIGGER; Schema: wagrun; Owner: -
--

CREATE CONSTRAINT TRIGGER doorbell AFTER INSERT ON wagrun.outbox DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wagrun.ring_once();


--
-- Name: schedule_change doorbell; Type: TRIGGER; Schema: wagrun; Owner: -
--

CREATE CONSTRAINT TRIGGER doorbell AFTER INSERT ON wagrun.schedule_change DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wagrun.ring_once();


--
-- Name: SCHEMA wagrun; Type: ACL; Schema: -; Owner: -
--

GRANT USAGE ON SCHEMA wagrun TO wagrun_relay;


--
-- Name: FUNCTION as_key(value text); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.as_key(value text) FROM PUBLIC;
GRANT ALL ON FUNCTION wagrun.as_key(value text) TO wagrun_relay;


--
-- Name: FUNCTION capture(); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.capture() FROM PUBLIC;


--
-- Name: FUNCTION capture_truncate(); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.capture_truncate() FROM PUBLIC;


--
-- Name: FUNCTION due_minutes(earliest timestamp with time zone, most integer); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.due_minutes(earliest timestamp with time zone, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION wagrun.due_minutes(earliest timestamp with time zone, most integer) TO wagrun_relay;


--
-- Name: FUNCTION editor_name(user_id text); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.editor_name(user_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION wagrun.editor_name(user_id text) TO wagrun_relay;


--
-- Name: FUNCTION present_state(of_model text, after_key text, most integer); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.present_state(of_model text, after_key text, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION wagrun.present_state(of_model text, after_key text, most integer) TO wagrun_relay;


--
-- Name: FUNCTION ring(xid text); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.ring(xid text) FROM PUBLIC;
GRANT ALL ON FUNCTION wagrun.ring(xid text) TO wagrun_relay;


--
-- Name: FUNCTION ring_once(); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.ring_once() FROM PUBLIC;


--
-- Name: FUNCTION row_from_json(image json); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.row_from_json(image json) FROM PUBLIC;


--
-- Name: FUNCTION schedule_changed(); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.schedule_changed() FROM PUBLIC;


--
-- Name: FUNCTION set_up_roles(web_role name, relay_role name); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.set_up_roles(web_role name, relay_role name) FROM PUBLIC;


--
-- Name: FUNCTION watch(discovered jsonb); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.watch(discovered jsonb) FROM PUBLIC;


--
-- Name: FUNCTION watch_schedules(discovered jsonb); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.watch_schedules(discovered jsonb) FROM PUBLIC;


--
-- Name: TABLE backfill; Type: ACL; Schema: wagrun; Owner: -
--

GRANT SELECT,INSERT,DELETE ON TABLE wagrun.backfill TO wagrun_relay;


--
-- Name: COLUMN backfill.cursor; Type: ACL; Schema: wagrun; Owner: -
--

GRANT UPDATE(cursor) ON TABLE wagrun.backfill TO wagrun_relay;


--
-- Name: COLUMN backfill.published; Type: ACL; Schema: wagrun; Owner: -
--

GRANT UPDATE(published) ON TABLE wagrun.backfill TO wagrun_relay;


--
-- Name: COLUMN backfill.sliced_at; Type: ACL; Schema: wagrun; Owner: -
--

GRANT UPDATE(sliced_at) ON TABLE wagrun.backfill TO wagrun_relay;


--
-- Name: COLUMN backfill.failures; Type: ACL; Schema: wagrun; Owner: -
--

GRANT UPDATE(failures) ON TABLE wagrun.backfill TO wagrun_relay;


--
-- Name: COLUMN backfill.last_error; Type: ACL; Schema: wagrun; Owner: -
--

GRANT UPDATE(last_error) ON TABLE wagrun.backfill TO wagrun_relay;


--
-- Name: COLUMN backfill.finished_at; Type: ACL; Schema: wagrun; Owner: -
--

GRANT UPDATE(finished_at) ON TABLE wagrun.backfill TO wagrun_relay;


--
-- Name: COLUMN backfill.outcome; Type: ACL; Schema: wagrun; Owner: -
--

GRANT UPDATE(outcome) ON TABLE wagrun.backfill TO wagrun_relay;


--
-- Name: SEQUENCE event_sequence; Type: ACL; Schema: wagrun; Owner: -
--

GRANT USAGE ON SEQUENCE wagrun.event_sequence TO wagrun_relay;


--
-- Name: TABLE outbox; Type: ACL; Schema: wagrun; Owner: -
--

GRANT SELECT,DELETE ON TABLE wagrun.outbox TO wagrun_relay;


--
-- Name: COLUMN outbox.sequence; Type: ACL; Schema: wagrun; Owner: -
--

GRANT UPDATE(sequence) ON TABLE wagrun.outbox TO wagrun_relay;


--
-- Name: COLUMN outbox.claimed_at; Type: ACL; Schema: wagrun; Owner: -
--

GRANT UPDATE(claimed_at) ON TABLE wagrun.outbox TO wagrun_relay;


--
-- Name: COLUMN outbox.settled_at; Type: ACL; Schema: wagrun; Owner: -
--

GRANT UPDATE(settled_at) ON TABLE wagrun.outbox TO wagrun_relay;


--
-- Name: COLUMN outbox.outcome; Type: ACL; Schema: wagrun; Owner: -
--

GRANT UPDATE(outcome) ON TABLE wagrun.outbox TO wagrun_relay;


--
-- Name: COLUMN outbox.failures; Type: ACL; Schema: wagrun; Owner: -
--

GRANT UPDATE(failures) ON TABLE wagrun.outbox TO wagrun_relay;


--
-- Name: COLUMN outbox.last_error; Type: ACL; Schema: wagrun; Owner: -
--

GRANT UPDATE(last_error) ON TABLE wagrun.outbox TO wagrun_relay;


--
-- Name: TABLE schedule_change; Type: ACL; Schema: wagrun; Owner: -
--

GRANT SELECT,DELETE ON TABLE wagrun.schedule_change TO wagrun_relay;


--
-- Name: TABLE watched_table; Type: ACL; Schema: wagrun; Owner: -
--

GRANT SELECT ON TABLE wagrun.watched_table TO wagrun_relay;


--
-- PostgreSQL database dump complete
--
