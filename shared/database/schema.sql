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
-- Name: add_present_state(text, bigint[]); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.add_present_state(of_model text, sequences bigint[]) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    SET "DateStyle" TO 'ISO, MDY'
    SET "IntervalStyle" TO 'postgres'
    SET bytea_output TO 'hex'
    SET extra_float_digits TO '1'
    AS $$
declare
    watched wagrun.watched_table;
    chosen  text;
    states  jsonb := '{}';
    earlier jsonb;
    problem text;
    added   bigint;
begin
    select listed.* into watched
    from wagrun.watched_table as listed join pg_class on pg_class.oid = listed.relation
    where listed.model = of_model and listed.root is null and listed.collection is null;
    if not found then
        problem := format('%s is not watched any more', of_model);
    else
        begin
            select string_agg(distinct quote_literal(event.key #>> '{}'), ', ') into chosen
            from wagrun.event as event where event.sequence = any (sequences);
            execute format(
                'with chosen as (select wagrun_row as own_row from %s as wagrun_row where wagrun_row.%I in (%s))
                 select coalesce(jsonb_object_agg(present.object, present.state), ''{}'') from (%s) as present',
                watched.relation, wagrun.present_key(watched), chosen, wagrun.state_query(watched)
            ) into states;
            if row_security_active(watched.relation) then
                problem := format('row security hides rows of %s from its owner', watched.relation);
            end if;
        exception
            -- A migration alters the table. A later call can read it.
            when lock_not_available or deadlock_detected then
                raise;
            when others then
                problem := sqlerrm;
        end;
    end if;
    -- One object that cannot be read does not affect the others.
    if problem is not null and cardinality(sequences) > 1 then
        return (select sum(wagrun.add_present_state(of_model, array[one])) from unnest(sequences) as one);
    end if;
    -- Later than the states, so a change that they show is found.
    earlier := wagrun.rows_at_restriction(sequences);
    -- An object that no longer exists has no state, so its event has no net change. The deletion has an event of its own.
    with complete as (
        select event.sequence, event.before as part_before, event.after as part_after,
            (states -> event.object) || coalesce(earlier -> event.sequence::text, '{}') as state
        from wagrun.event as event where event.sequence = any (sequences) and event.is_part_only
    )
    update wagrun.event as event set
        before = case when problem is null or state is not null then state || coalesce(part_before, '{}') else part_before end,
        after = case when problem is null or state is not null then state || coalesce(part_after, '{}') else part_after end,
        bytes = event.bytes + 2 * coalesce(octet_length(state::text), 0),
        incomplete = case when state is null then problem end,
        is_part_only = false
    from complete
    where event.sequence = complete.sequence;
    get diagnostics added = row_count;
    return added;
end
$$;


--
-- Name: FUNCTION add_present_state(of_model text, sequences bigint[]); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.add_present_state(of_model text, sequences bigint[]) IS 'Adds the state of the object to events of one model that changed only parts. It is the present one, with the row that a page had when its restrictions changed. Returns the number of events.';


--
-- Name: append_children(oid, text[], jsonb[]); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.append_children(relation oid, arguments text[], changes jsonb[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    path    constant text := nullif(arguments[9], '');
    owners  constant jsonb := nullif(arguments[11], '');
    parents jsonb;
    failure text;
begin
    if path is not null then
        begin
            execute path into parents using array(select change ->> 0 from unnest(changes) as change);
        exception when others then
            failure := sqlerrm;
        end;
        if failure is not null then
            perform wagrun.note_failure(relation, arguments[1], arguments[2], failure);
            return;
        end if;
    end if;
    insert into wagrun.outbox (relation, kind, model, object, key, is_own_row, before, after, changed, rings)
    select append_children.relation, owner ->> 'kind', owner ->> 'model', (owner ->> 'object') || '/' || (parent #>> '{}'), parent,
           false, '{}', '{}', jsonb_build_object(owner ->> 'collection', sum(number)), wagrun.is_first_of_transaction()
    from (
        select case when path is null then change -> 0 else parents -> (change ->> 0) end as parent,
               case when owners is null then
                    jsonb_build_object('object', arguments[0], 'kind', arguments[1], 'model', arguments[2], 'collection', arguments[8])
               else owners -> (change ->> 1) end as owner,
               (change ->> 2)::numeric as number
        from unnest(changes) as change
    ) as resolved
    where parent <> 'null' and owner is not null
    group by owner, parent
    having sum(number) <> 0;
end
$$;


--
-- Name: FUNCTION append_children(relation oid, arguments text[], changes jsonb[]); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.append_children(relation oid, arguments text[], changes jsonb[]) IS 'Appends the changes of children, given as key, content type and number, to the outbox. The arguments are those of the trigger, and begin with the index 0.';


--
-- Name: as_key(text); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.as_key(value text) RETURNS bigint
    LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN (value ~ '^[0-9]{1,18}$'::text) THEN (value)::bigint ELSE NULL::bigint END;


--
-- Name: FUNCTION as_key(value text); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.as_key(value text) IS 'Returns a captured value as an integer key, or null when it is not one. A watched table may have any column named locale_id.';


--
-- Name: capture_children(); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.capture_children() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    SET "DateStyle" TO 'ISO, MDY'
    SET "IntervalStyle" TO 'postgres'
    SET bytea_output TO 'hex'
    SET extra_float_digits TO '1'
    AS $_$
-- A child's column may have the name of a variable. No column has the name of the alias wagrun_row.
#variable_conflict use_variable
declare
    key_column text := tg_argv[3];
    ignored    constant text[] := tg_argv[7];
    seed       constant bigint := wagrun.digest_seed();
    changes    jsonb[];
begin
    if current_setting('wagrun.capture', true) = 'off' then
        return null;
    end if;
    -- Each change is the key, the content type and the number. A child that moved to another parent counts for both parents.
    begin
        if tg_op = 'INSERT' then
            changes := array(
                select jsonb_build_array(image -> key_column, image -> tg_argv[10], sum(wagrun.digest(image - ignored, seed)))
                from (select to_jsonb(wagrun_row) as image from new_rows as wagrun_row offset 0) as images
                group by image -> key_column, image -> tg_argv[10]);
        elsif tg_op = 'DELETE' then
            changes := array(
                select jsonb_build_array(image -> key_column, image -> tg_argv[10], sum(-wagrun.digest(image - ignored, seed)))
                from (select to_jsonb(wagrun_row) as image from old_rows as wagrun_row offset 0) as images
                group by image -> key_column, image -> tg_argv[10]);
        else
            changes := array(
                select jsonb_build_array(image -> key_column, image -> tg_argv[10], sum(sign * wagrun.digest(image - ignored, seed)))
                from (
                    select 1 as sign, to_jsonb(wagrun_row) as image from new_rows as wagrun_row
                    union all
                    select -1, to_jsonb(wagrun_row) from old_rows as wagrun_row
                ) as images
                group by image -> key_column, image -> tg_argv[10]
                having sum(sign * wagrun.digest(image - ignored, seed)) <> 0);
        end if;
    exception when others then
        changes := null;
    end;
    if changes is null or exists (select from unnest(changes) as change where change -> 0 = 'null') and not exists (
        select from pg_attribute where attrelid = tg_relid and attname = key_column and not attisdropped
    ) then
        -- A value that JSON cannot hold, or a renamed key column.
        begin
            key_column := wagrun.present_column(tg_relid, tg_argv[4]::smallint);
            execute format(
                'select array(
                     select jsonb_build_array(image -> $2, image -> $3, sum(sign * wagrun.digest(image - $4, $5)))
                     from (%s) as images
                     group by image -> $2, image -> $3
                     having sum(sign * wagrun.digest(image - $4, $5)) <> 0)',
                concat_ws(' union all ',
                    case when tg_op <> 'DELETE' then
                        'select 1 as sign, wagrun.row_image($1, wagrun_row) as image from new_rows as wagrun_row' end,
                    case when tg_op <> 'INSERT' then
                        'select -1 as sign, wagrun.row_image($1, wagrun_row) as image from old_rows as wagrun_row' end)
            ) into changes using tg_relid, key_column, tg_argv[10], ignored, seed;
        exception when others then
            perform wagrun.note_failure(tg_relid, tg_argv[1], tg_argv[2], sqlerrm);
            return null;
        end;
    end if;
    perform wagrun.append_children(tg_relid, tg_argv, changes);
    return null;
end
$_$;


--
-- Name: FUNCTION capture_children(); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.capture_children() IS 'Statement trigger of a table of inline children or of links. Appends one row to the outbox for each object whose children changed.';


--
-- Name: capture_row(); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.capture_row() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    SET "DateStyle" TO 'ISO, MDY'
    SET "IntervalStyle" TO 'postgres'
    SET bytea_output TO 'hex'
    SET extra_float_digits TO '1'
    AS $$
declare
    omitted        constant text[] := tg_argv[6]::text[] || tg_argv[7]::text[];
    is_bookkeeping boolean := false;
    key_column     text;
    old_row        jsonb;
    new_row        jsonb;
    old_key        jsonb;
    new_key        jsonb;
    changed        jsonb;
    seed           bigint;
    name           text;
begin
    if current_setting('wagrun.capture', true) = 'off' then
        return null;
    end if;
    -- This block writes no row, so its subtransaction gets no id and costs a microsecond.
    begin
        if tg_op = 'UPDATE' then
            old_row := to_jsonb(old);
            new_row := to_jsonb(new);
        elsif tg_op = 'INSERT' then
            new_row := to_jsonb(new);
        else
            old_row := to_jsonb(old);
        end if;
    exception when others then
        if tg_op <> 'INSERT' then
            old_row := wagrun.row_image(tg_relid, old);
        end if;
        if tg_op <> 'DELETE' then
            new_row := wagrun.row_image(tg_relid, new);
        end if;
    end;

    -- A part without an object is not content, so its key counts as absent.
    old_key := nullif(old_row -> tg_argv[3], 'null');
    new_key := nullif(new_row -> tg_argv[3], 'null');
    if (old_key = new_key) is not true then
        if not coalesce(new_row, old_row) ? tg_argv[3] then
            key_column := wagrun.present_column(tg_relid, tg_argv[4]::smallint);
            if key_column is null or not coalesce(new_row, old_row) ? key_column then
                perform wagrun.note_failure(tg_relid, tg_argv[1], tg_argv[2],
                    format('column %s with the object''s key is gone', tg_argv[3]));
                return null;
            end if;
            old_key := nullif(old_row -> key_column, 'null');
            new_key := nullif(new_row -> key_column, 'null');
        end if;
        if coalesce(new_key, old_key) is null then
            return null;
        end if;
        if old_key <> new_key then
            -- A new key means another object: the old object is deleted and a new one is created.
            old_row := old_row - tg_argv[7]::text[];
            new_row := new_row - tg_argv[7]::text[];
            seed := wagrun.digest_seed();
            insert into wagrun.outbox (relation, kind, model, object, key, is_own_row, before, after, changed, rings)
            values (tg_relid, tg_argv[1], tg_argv[2], tg_argv[0] || '/' || (old_key #>> '{}'), old_key, tg_argv[5]::boolean,
                    old_row - omitted, null, wagrun.digests(old_row, tg_argv[6]::text[], -1, seed),
                    wagrun.is_first_of_transaction()),
                   (tg_relid, tg_argv[1], tg_argv[2], tg_argv[0] || '/' || (new_key #>> '{}'), new_key, tg_argv[5]::boolean,
                    null, new_row - omitted, wagrun.digests(new_row, tg_argv[6]::text[], 1, seed), false);
            return null;
        end if;
    end if;

    -- Most updates change no bookkeeping column, and are not compared as a whole.
    foreach name in array omitted loop
        if old_row -> name is distinct from new_row -> name then
            if name = any (tg_argv[7]::text[]) then
                is_bookkeeping := true;
            else
                -- A row that does not exist has the digest 0.
                seed := coalesce(seed, wagrun.digest_seed());
                changed := coalesce(changed, '{}') || jsonb_build_object(name,
                    coalesce(wagrun.digest(new_row -> name, seed), 0) - coalesce(wagrun.digest(old_row -> name, seed), 0));
            end if;
        end if;
    end loop;
    -- The trigger fires only when bytes have changed. A change that jsonb does not show (1.0 became 1.00) counts, except when
    -- only a bookkeeping column changed.
    if is_bookkeeping and changed is null and old_key = new_key and old_row - omitted = new_row - omitted then
        return null;
    end if;
    -- A row is stored with one subtraction, which does not unpack the withheld columns.
    insert into wagrun.outbox (relation, kind, model, object, key, is_own_row, before, after, changed, rings)
    values (tg_relid, tg_argv[1], tg_argv[2], tg_argv[0] || '/' || (coalesce(new_key, old_key) #>> '{}'),
            coalesce(new_key, old_key), tg_argv[5]::boolean,
            case when old_key is not null then old_row - omitted end,
            case when new_key is not null then new_row - omitted end,
            coalesce(changed, '{}'), wagrun.is_first_of_transaction());
    return null;
end
$$;


--
-- Name: FUNCTION capture_row(); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.capture_row() IS 'Row trigger of an object''s own table and of a page type''s table. Appends the old and new state of the row to the outbox.';


--
-- Name: capture_truncate(); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.capture_truncate() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    SET "DateStyle" TO 'ISO, MDY'
    SET "IntervalStyle" TO 'postgres'
    SET bytea_output TO 'hex'
    SET extra_float_digits TO '1'
    AS $_$
declare
    seed       constant bigint := wagrun.digest_seed();
    key_column text := tg_argv[3];
    changes    jsonb[];
    -- A table that inherits has its own trigger. A partition may have none yet, so a partitioned table includes its partitions.
    truncated  constant text := concat(
        case when (select relkind from pg_class where oid = tg_relid) = 'r' then 'only ' end, tg_relid::regclass);
begin
    if current_setting('wagrun.capture', true) = 'off' then
        return null;
    end if;
    if not exists (select from pg_attribute where attrelid = tg_relid and attname = key_column and not attisdropped) then
        key_column := wagrun.present_column(tg_relid, tg_argv[4]::smallint);
    end if;
    if tg_nargs > 8 then
        execute format(
            'select array(
                 select jsonb_build_array(image -> $2, image -> $3, sum(-wagrun.digest(image - $4, $5)))
                 from (select wagrun.row_image($1, wagrun_row) as image from %s as wagrun_row offset 0) as images
                 group by image -> $2, image -> $3)', truncated)
        into changes using tg_relid, key_column, tg_argv[10], tg_argv[7]::text[], seed;
        perform wagrun.append_children(tg_relid, tg_argv, changes);
    else
        execute format(
            'insert into wagrun.outbox (relation, kind, model, object, key, is_own_row, before, after, changed, rings)
             select $1, $2, $3, $4 || ''/'' || (to_jsonb(wagrun_row.%1$I) #>> ''{}''), to_jsonb(wagrun_row.%1$I), $5,
                    whole.image - $6 - $7, null, wagrun.digests(whole.image, $6, -1, $8), wagrun.is_first_of_transaction()
             from %2$s as wagrun_row
             cross join lateral (select wagrun.row_image($1, wagrun_row) as image offset 0) as whole
             where wagrun_row.%1$I is not null',
            key_column, truncated)
        using tg_relid, tg_argv[1], tg_argv[2], tg_argv[0], tg_argv[5]::boolean, tg_argv[6]::text[], tg_argv[7]::text[], seed;
    end if;
    return null;
exception when others then
    perform wagrun.note_failure(tg_relid, tg_argv[1], tg_argv[2], sqlerrm);
    return null;
end
$_$;


--
-- Name: FUNCTION capture_truncate(); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.capture_truncate() IS 'Statement trigger before TRUNCATE. Records every object in the table as deleted, or its inline children as changed.';


--
-- Name: collections(); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.collections() RETURNS TABLE(id bigint, path text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    if wagrun.own_table('document') is not null then
        return query select collection.id::bigint, collection.path::text from wagtailcore_collection as collection order by 1;
    end if;
end
$$;


--
-- Name: FUNCTION collections(); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.collections() IS 'Returns the paths of all collections.';


--
-- Name: describe_table(text, text[]); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.describe_table(name text, discovered text[]) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $_$
declare
    named    regclass;
    kind     "char";
    keys     name[];
    withheld text[];
    label    text;
begin
    begin
        named := to_regclass(name);
    exception when others then
        raise exception 'WATCHED_TABLES: % is no table''s name: %', name, sqlerrm;
    end;
    if named is null then
        raise exception 'WATCHED_TABLES: there is no table %', name;
    end if;
    if named = any (array(select table_name::regclass from unnest(discovered) as table_name)) then
        return null;
    end if;
    select relkind into kind from pg_class where oid = named;
    if kind not in ('r', 'p') then
        raise exception 'WATCHED_TABLES: % is %, whose changes cannot be captured; name the table behind it', name,
            case kind when 'v' then 'a view' when 'm' then 'a materialized view' when 'f' then 'a foreign table'
                      else 'no table' end;
    end if;
    if (select relispartition from pg_class where oid = named) then
        raise exception 'WATCHED_TABLES: % is a partition; name the partitioned table %', name, pg_partition_root(named);
    end if;
    if (select relnamespace::regnamespace::text in ('wagrun', 'pg_catalog', 'information_schema') from pg_class where oid = named) then
        raise exception 'WATCHED_TABLES: % is no content: it is wagrun''s own or PostgreSQL''s', name;
    end if;
    if not (select pg_has_role(relowner, 'usage') from pg_class where oid = named) then
        raise exception 'WATCHED_TABLES: % belongs to %, and only its owner may put triggers on it', name,
            (select relowner::regrole from pg_class where oid = named);
    end if;
    if (select relpersistence = 't' from pg_class where oid = named) then
        raise exception 'WATCHED_TABLES: % is a temporary table', name;
    end if;
    -- Columns that the index only includes are not part of the key.
    select array_agg(attname order by place) into keys
    from pg_index
    cross join lateral unnest(indkey) with ordinality as part (number, place)
    join pg_attribute on attrelid = indrelid and attnum = part.number
    where indrelid = named and indisprimary and place <= indnkeyatts;
    if keys is null then
        raise exception 'WATCHED_TABLES: % has no primary key, by which its rows could be told apart', name;
    end if;
    if cardinality(keys) > 1 then
        raise exception 'WATCHED_TABLES: % has a primary key of several columns (%); one is needed', name,
            array_to_string(keys, ', ');
    end if;
    select coalesce(array_agg(attname::text order by attnum), '{}') into withheld
    from pg_attribute
    join pg_type on pg_type.oid = atttypid
    where attrelid = named and attnum > 0 and not attisdropped and attname <> keys[1]
      and (attname ~* '(password|passwd|secret|token|api_?key|private_?key|credential|salt|otp)'
           or not (typtype = 'e' or format_type(case typtype when 'd' then typbasetype else atttypid end,
                                                case typtype when 'd' then typtypmod else atttypmod end) ~
               '^(boolean|smallint|integer|bigint|oid|real|double precision|numeric.*|money|date|time.*|interval.*|uuid|inet|cidr|macaddr8?|(character|character varying)\((1?\d{1,3}|20[0-3]\d|204[0-8])\))$'));
    -- The label does not depend on the spelling of the table's name.
    select concat_ws('.', nullif(nspname, 'public'), relname) into label
    from pg_class join pg_namespace on pg_namespace.oid = relnamespace where pg_class.oid = named;
    return jsonb_build_object(
        'table', named::text, 'key_column', keys[1], 'kind', 'table', 'model', label, 'object', label, 'root', null,
        'collection', null, 'fields', jsonb_build_object(), 'withheld', to_jsonb(withheld), 'ignored', jsonb_build_array());
end
$_$;


--
-- Name: FUNCTION describe_table(name text, discovered text[]); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.describe_table(name text, discovered text[]) IS 'Returns an entry for watch_table for a table that the operator named, or null for a discovered table. Raises an error with a message for the operator when the table cannot be captured.';


--
-- Name: digest(jsonb, bigint); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.digest(value jsonb, seed bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select hashtextextended(value::text, seed) >> 1
$$;


--
-- Name: FUNCTION digest(value jsonb, seed bigint); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.digest(value jsonb, seed bigint) IS 'Returns a hash of a value, or null for null.';


--
-- Name: digest_seed(); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.digest_seed() RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    secret text := nullif(current_setting('wagrun.digest_secret', true), '');
begin
    if secret is null then
        secret := set_config('wagrun.digest_secret', gen_random_uuid()::text, true);
    end if;
    return hashtextextended(secret, 0);
end
$$;


--
-- Name: FUNCTION digest_seed(); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.digest_seed() IS 'Returns the seed of this transaction''s digests.';


--
-- Name: digests(jsonb, text[], integer, bigint); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.digests(image jsonb, columns text[], sign integer, seed bigint) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select coalesce(jsonb_object_agg(name, sign * wagrun.digest(image -> name, seed)), '{}')
    from unnest(columns) as name
    where image ? name
$$;


--
-- Name: FUNCTION digests(image jsonb, columns text[], sign integer, seed bigint); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.digests(image jsonb, columns text[], sign integer, seed bigint) IS 'Returns the digest of each of these columns of a row, times the sign.';


--
-- Name: drop_triggers(regclass, text); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.drop_triggers(target regclass, name_like text) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    stale record;
begin
    for stale in
        select tgname, tgrelid::regclass as on_table from pg_trigger
        where tgrelid in (select wagrun.with_heirs(target)) and tgname like name_like and tgparentid = 0
    loop
        execute format('drop trigger %I on %s', stale.tgname, stale.on_table);
    end loop;
end
$$;


--
-- Name: FUNCTION drop_triggers(target regclass, name_like text); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.drop_triggers(target regclass, name_like text) IS 'Drops triggers of a table and of the tables that inherit from it.';


--
-- Name: due_minutes(timestamp with time zone, integer); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.due_minutes(earliest timestamp with time zone, most integer) RETURNS SETOF timestamp with time zone
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $_$
declare
    due_times text;
begin
    -- A table or a column that was dropped or renamed stays listed until the next migrate.
    select string_agg(
        case when listed.key_column is null then format(
            'select %1$I as due from %2$s where %1$I is not null%3$s',
            listed.due_column, listed.relation, coalesce(' and ' || quote_ident(listed.live_column), ''))
        else format(
            -- What has failed is due again from the time of its next attempt.
            'select greatest(content.%1$I, failed.retry_at) as due from %2$s as content
             left join wagrun.failed_publication as failed
                 on failed.relation = %4$s::oid and failed.key = content.%5$I::text and failed.due = content.%1$I
             where content.%1$I is not null%3$s',
            listed.due_column, listed.relation, coalesce(' and content.' || quote_ident(listed.live_column), ''),
            listed.relation::oid, listed.key_column)
        end, ' union all ') into due_times
    from (
        select scheduled.*, (
            select key.attname from pg_index
            join pg_attribute as key on key.attrelid = pg_index.indrelid and key.attnum = pg_index.indkey[0]
            where pg_index.indrelid = scheduled.relation and pg_index.indisprimary and pg_index.indnkeyatts = 1
        ) as key_column
        from wagrun.scheduled_table as scheduled
    ) as listed
    where exists (select from pg_attribute where attrelid = listed.relation and attname = listed.due_column)
      and (listed.live_column is null
           or exists (select from pg_attribute where attrelid = listed.relation and attname = listed.live_column));
    if due_times is null then
        return;
    end if;
    -- Rounded up to the full minute, the smallest unit of a schedule. The last year of a schedule is 9999.
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

COMMENT ON FUNCTION wagrun.due_minutes(earliest timestamp with time zone, most integer) IS 'Returns the next full minutes at which content is published or expires, none before the earliest. The relay role may read nothing else of due times.';


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
    -- The site chooses its user model, so its table and columns are settings. A view would stop a migration of the columns.
    execute (
        select format('select %I::text from %s where %I = %L',
                      max(value) filter (where s.name = 'user_name'), max(value) filter (where s.name = 'user_table'),
                      max(value) filter (where s.name = 'user_key'), user_id)
        from wagrun.setting as s
    ) into name;
    return name;
exception
    when lock_not_available or deadlock_detected then
        raise;
    -- The site may have another table of users by now, which must not stop the drain.
    when others then
        return null;
end
$$;


--
-- Name: FUNCTION editor_name(user_id text); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.editor_name(user_id text) IS 'Returns the name of a user, or null. The relay role may read nothing else of a user.';


--
-- Name: is_content_recorded(regclass); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.is_content_recorded(watched regclass) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select coalesce((select is_recorded from wagrun.watched_table where relation = watched), false)
$$;


--
-- Name: FUNCTION is_content_recorded(watched regclass); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.is_content_recorded(watched regclass) IS 'Returns true for a watched table whose present content was recorded.';


--
-- Name: is_first_of_transaction(); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.is_first_of_transaction() RETURNS boolean
    LANGUAGE sql
    RETURN CASE WHEN (NOT (current_setting('wagrun.captured'::text, true) IS DISTINCT FROM (pg_current_xact_id())::text)) THEN false ELSE (set_config('wagrun.captured'::text, (pg_current_xact_id())::text, true) IS NOT NULL) END;


--
-- Name: FUNCTION is_first_of_transaction(); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.is_first_of_transaction() IS 'Returns true once in each transaction, for the row that rings the doorbell.';


--
-- Name: mark(text); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.mark(subscriber text) RETURNS TABLE(captured_at text, doorbell_function text)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    insert into wagrun.outbox (relation, kind, model, object, key, is_own_row, after, rings)
    values (0, 'table', 'wagrun.mark', 'subscriber/' || subscriber, to_jsonb(subscriber), true, '{}', true)
    returning
        to_char(captured_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        (select value from wagrun.setting where name = 'doorbell_function')
$$;


--
-- Name: FUNCTION mark(subscriber text); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.mark(subscriber text) IS 'Captures a change of no object, whose event goes to this subscriber only. Returns the time of the capture, and the function that its commit rings; null for a ring by the server''s log.';


--
-- Name: note_due_times(); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.note_due_times() RETURNS void
    LANGUAGE sql
    AS $$
    insert into wagrun.schedule_change (rings)
    select wagrun.is_first_of_transaction() from wagrun.due_minutes(statement_timestamp(), 1)
$$;


--
-- Name: FUNCTION note_due_times(); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.note_due_times() IS 'Rings the doorbell for due times from before the table was watched.';


--
-- Name: note_failure(regclass, text, text, text); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.note_failure(relation regclass, kind text, model text, failure text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    raise log 'wagrun capture of a row of % failed: %', relation, failure;
    insert into wagrun.outbox (relation, kind, model, is_own_row, rings, failure)
    values (relation, note_failure.kind, note_failure.model, true, wagrun.is_first_of_transaction(), note_failure.failure);
end
$$;


--
-- Name: FUNCTION note_failure(relation regclass, kind text, model text, failure text); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.note_failure(relation regclass, kind text, model text, failure text) IS 'Records in the outbox and in the server''s log that a change could not be captured.';


--
-- Name: own_table(text); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.own_table(of_kind text) RETURNS regclass
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select listed.relation from wagrun.watched_table as listed join pg_class on pg_class.oid = listed.relation
    where listed.kind = of_kind and listed.root is null and listed.collection is null
    order by listed.model limit 1
$$;


--
-- Name: FUNCTION own_table(of_kind text); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.own_table(of_kind text) IS 'Returns the table with the own rows of pages or documents, or null before the first migrate.';


--
-- Name: parents_query(jsonb); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.parents_query(parents jsonb) RETURNS text
    LANGUAGE plpgsql STABLE
    AS $_$
declare
    parent    jsonb;
    key_type  text;
    tables    text;
    last_link text;
    place     integer := 0;
begin
    for parent in select value from jsonb_array_elements(parents) loop
        place := place + 1;
        if place = 1 then
            select format_type(atttypid, null) into strict key_type
            from pg_attribute where attrelid = (parent ->> 'table')::regclass and attname = parent ->> 'key_column';
        end if;
        select concat_ws(' join ', tables, format('%I.%I as parent_%s', nspname, relname, place))
            || case when place > 1 then format(' on parent_%s.%I = %s', place, parent ->> 'key_column', last_link) else '' end
        into strict tables
        from pg_class join pg_namespace on pg_namespace.oid = relnamespace
        where pg_class.oid = (parent ->> 'table')::regclass;
        last_link := format('parent_%s.%I', place, parent ->> 'link_column');
    end loop;
    -- The text of a key of a number, a text or a UUID is that of its JSON.
    return format('select jsonb_object_agg(parent_1.%1$I::text, to_jsonb(%2$s)) from %3$s where parent_1.%1$I = any ($1::%4$s[])',
                  parents -> 0 ->> 'key_column', last_link, tables, key_type);
end
$_$;


--
-- Name: FUNCTION parents_query(parents jsonb); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.parents_query(parents jsonb) IS 'Returns a query that leads from the keys of the nearest parents, $1, to the keys of the objects. Null without parents.';


--
-- Name: present_column(regclass, smallint); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.present_column(relation regclass, number smallint) RETURNS name
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select attname from pg_attribute
    where attrelid = coalesce(pg_partition_root(relation), relation) and attnum = number and not attisdropped
$$;


--
-- Name: FUNCTION present_column(relation regclass, number smallint); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.present_column(relation regclass, number smallint) IS 'Returns the present name of a column, given its number.';


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: watched_table; Type: TABLE; Schema: wagrun; Owner: -
--

CREATE TABLE wagrun.watched_table (
    relation regclass NOT NULL,
    kind text NOT NULL,
    model text NOT NULL,
    object text NOT NULL,
    key_column name NOT NULL,
    key_number smallint,
    root regclass,
    collection text,
    parents jsonb DEFAULT '[]'::jsonb NOT NULL,
    owners jsonb,
    owner_type name,
    fields jsonb NOT NULL,
    withheld text[] NOT NULL,
    ignored text[] NOT NULL,
    is_recorded boolean DEFAULT false NOT NULL,
    CONSTRAINT watched_table_kind CHECK ((kind = ANY (ARRAY['page'::text, 'image'::text, 'document'::text, 'snippet'::text, 'table'::text])))
);


--
-- Name: TABLE watched_table; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON TABLE wagrun.watched_table IS 'The tables with capture triggers, as discovered from Django. Every migrate makes them equal to the discovered tables.';


--
-- Name: COLUMN watched_table.model; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.watched_table.model IS 'Django''s app.model label in lower case.';


--
-- Name: COLUMN watched_table.object; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.watched_table.object IS 'The first part of the object''s name: page, image, document, or the model''s label.';


--
-- Name: COLUMN watched_table.key_column; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.watched_table.key_column IS 'The column with the object''s key: the primary key, or in a part the link to the object''s own row.';


--
-- Name: COLUMN watched_table.key_number; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.watched_table.key_number IS 'The number of the key column, by which it is found after it was renamed.';


--
-- Name: COLUMN watched_table.root; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.watched_table.root IS 'The table with the object''s own row, for a part of an object (a page type''s own table, an inline child). Null for an object''s own table, and for parts of objects in several tables.';


--
-- Name: COLUMN watched_table.collection; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.watched_table.collection IS 'The field of the object that its inline children or its links make up. A change of a child is a change of that field. Null for other tables.';


--
-- Name: COLUMN watched_table.parents; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.watched_table.parents IS 'The tables between a child and its object, the nearest first: table, key_column, which the child refers to, and link_column. The last link_column has the object''s key.';


--
-- Name: COLUMN watched_table.owners; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.watched_table.owners IS 'For a table with parts of several kinds of objects, by the id of the content type: object, kind, model and collection.';


--
-- Name: COLUMN watched_table.owner_type; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.watched_table.owner_type IS 'The column with the id of the content type, which chooses one of the owners.';


--
-- Name: COLUMN watched_table.fields; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.watched_table.fields IS 'Field names by column name, which events show.';


--
-- Name: COLUMN watched_table.withheld; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.watched_table.withheld IS 'Columns of which only the fact of a change is captured, because their values are large or private.';


--
-- Name: COLUMN watched_table.ignored; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.watched_table.ignored IS 'Bookkeeping columns. A change of these alone is no change of the object.';


--
-- Name: COLUMN watched_table.is_recorded; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.watched_table.is_recorded IS 'True for an own table of pages or documents whose content, as it was found, is in wagrun.visibility. Until then migrate records it under the drain lock.';


--
-- Name: present_key(wagrun.watched_table); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.present_key(watched wagrun.watched_table) RETURNS name
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select coalesce(
        (select attname from pg_attribute
         where attrelid = watched.relation and attname = watched.key_column and not attisdropped),
        wagrun.present_column(watched.relation, watched.key_number),
        watched.key_column
    )
$$;


--
-- Name: FUNCTION present_key(watched wagrun.watched_table); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.present_key(watched wagrun.watched_table) IS 'Returns the present name of the column with the object''s key, also when it was renamed after the last migrate.';


--
-- Name: present_state(text, text, integer); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.present_state(of_model text, after_key text, most integer) RETURNS TABLE(last_key text, object text, key jsonb, kind text, state jsonb)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    SET "DateStyle" TO 'ISO, MDY'
    SET "IntervalStyle" TO 'postgres'
    SET bytea_output TO 'hex'
    SET extra_float_digits TO '1'
    AS $_$
declare
    watched wagrun.watched_table;
begin
    -- A dropped table stays listed until the next migrate.
    select listed.* into watched
    from wagrun.watched_table as listed join pg_class on pg_class.oid = listed.relation
    where listed.model = of_model and listed.root is null and listed.collection is null;
    if not found then
        return;
    end if;
    -- The literal takes the type of the column, so keys of every type are compared correctly.
    return query execute format(
        'with chosen as (select wagrun_row as own_row from %s as wagrun_row where %s order by %I limit $1)
         select present.last_key, present.object, present.key, %L, present.state from (%s) as present',
        watched.relation,
        case when after_key is null
            then format('wagrun_row.%I is not null', wagrun.present_key(watched))
            else format('wagrun_row.%I > %L', wagrun.present_key(watched), after_key)
        end,
        wagrun.present_key(watched), watched.kind, wagrun.state_query(watched)
    ) using most;
end
$_$;


--
-- Name: FUNCTION present_state(of_model text, after_key text, most integer); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.present_state(of_model text, after_key text, most integer) IS 'Returns the next objects of a watched model after a key, as capture writes them.';


--
-- Name: record_present_content(regclass); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.record_present_content(watched regclass) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    listed wagrun.watched_table;
begin
    update wagrun.watched_table set is_recorded = true where relation = watched returning * into strict listed;
    execute format(
        'insert into wagrun.visibility (object, said)
         select present.object, ''{}''
         from (select %L || %I as object from %s %s) as present
         where not exists (select from wagrun.visibility as known where known.object = present.object)
           and not exists (select from wagrun.outbox as pending where pending.object = present.object and pending.is_own_row)
           and not exists (select from wagrun.event where event.object = present.object and settled_at is null)
         on conflict do nothing',
        listed.object || '/', listed.key_column, listed.relation, case listed.kind when 'page' then 'where live' end);
end
$$;


--
-- Name: FUNCTION record_present_content(watched regclass); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.record_present_content(watched regclass) IS 'Records the live pages or the documents of a table as known, so that no event says that they are there. For the first time the caller holds the drain lock since before the table has triggers.';


--
-- Name: record_uncaptured_content(); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.record_uncaptured_content() RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    perform wagrun.record_present_content(listed.relation)
    from wagrun.watched_table as listed join pg_class on pg_class.oid = listed.relation
    where listed.is_recorded and listed.root is null and listed.collection is null and listed.kind in ('page', 'document');
    if exists (select from wagrun.visibility where said = '{}') then
        update wagrun.visibility_scan set is_wanted = true;
    end if;
end
$$;


--
-- Name: FUNCTION record_uncaptured_content(); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.record_uncaptured_content() IS 'Records live pages and documents that no event said anything of as known, and asks for a comparison, which records who sees them.';


--
-- Name: reserve_sequence(bigint); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.reserve_sequence(many bigint) RETURNS bigint
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select setval(
        'wagrun.event_sequence',
        greatest(
            (select last_value from wagrun.event_sequence),
            (extract(epoch from clock_timestamp()) * 1000000)::bigint
        ) + greatest(many, 1)
    ) - greatest(many, 1) + 1
$$;


--
-- Name: FUNCTION reserve_sequence(many bigint); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.reserve_sequence(many bigint) IS 'Reserves a number of consecutive sequence numbers above all used ones, and returns the first. The caller must hold the drain lock.';


--
-- Name: ring(text); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.ring(xid text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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


--
-- Name: FUNCTION ring(xid text); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.ring(xid text) IS 'Invokes content-events for a transaction. Never raises an error.';


--
-- Name: ring_at_commit(); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.ring_at_commit() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    -- The drainer folds whole transactions, and recognises a whole one by this last row. After `set constraints all immediate`
    -- the row may come too early. The rows after it are then folded by themselves, later.
    insert into wagrun.outbox (relation, kind, model, is_own_row, ends) values (0, '', '', false, true);
    perform wagrun.ring(pg_current_xact_id()::text);
    return null;
end
$$;


--
-- Name: FUNCTION ring_at_commit(); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.ring_at_commit() IS 'Deferred trigger of the outbox. Writes the last row of the transaction, and rings the doorbell for it.';


--
-- Name: row_image(regclass, record); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.row_image(relation regclass, changed_row record) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    image       jsonb := '{}';
    column_name name;
    value       jsonb;
begin
    begin
        return to_jsonb(changed_row);
    exception when others then
        null;
    end;
    for column_name in
        select attname from pg_attribute where attrelid = relation and attnum > 0 and not attisdropped order by attnum
    loop
        begin
            begin
                execute format('select to_jsonb(($1).%I)', column_name) into value using changed_row;
            exception when others then
                execute format('select to_jsonb(($1).%I::text)', column_name) into value using changed_row;
            end;
            -- All values together may exceed the size of a jsonb value.
            image := image || jsonb_build_object(column_name, value);
        exception when others then
            raise log 'wagrun capture of column % of % failed: %', column_name, relation, sqlerrm;
        end;
    end loop;
    return image;
end
$_$;


--
-- Name: FUNCTION row_image(relation regclass, changed_row record); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.row_image(relation regclass, changed_row record) IS 'Returns the row as jsonb, whatever its columns hold. Never raises an error.';


--
-- Name: rows_at_restriction(bigint[]); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.rows_at_restriction(sequences bigint[]) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    objects text[];
begin
    select array_agg(distinct event.object) into objects
    from wagrun.event as event
    where event.sequence = any (sequences) and 'view_restrictions' = any (event.changed);
    -- The outbox may be long, and is seldom read here.
    if objects is null then
        return '{}';
    end if;
    return (
        with own_change as (
            select event.object, false as is_captured, event.sequence as place, event.before
            from wagrun.event as event
            where event.object = any (objects) and event.settled_at is null and not event.is_part_only
            union all
            select captured.object, true, captured.position, captured.before
            from wagrun.outbox as captured
            where captured.object = any (objects) and captured.is_own_row
        ),
        next_change as (
            select distinct on (event.sequence) event.sequence, own_change.before
            from wagrun.event as event join own_change using (object)
            where event.sequence = any (sequences) and 'view_restrictions' = any (event.changed)
                and (own_change.is_captured or own_change.place > event.sequence)
            order by event.sequence, own_change.is_captured, own_change.place
        )
        select coalesce(jsonb_object_agg(sequence, before) filter (where before is not null), '{}') from next_change
    );
end
$$;


--
-- Name: FUNCTION rows_at_restriction(sequences bigint[]); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.rows_at_restriction(sequences bigint[]) IS 'Returns the own rows of pages, by the sequences of events that changed their restrictions. A row is as it was before the first later change of it that is not published. A page without such a change is left out: its present row is the one.';


--
-- Name: schedule_changed(); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.schedule_changed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    is_read  boolean := false;
    due_time text;
    old_due  timestamptz;
    new_due  timestamptz;
begin
    -- The columns of Wagtail itself are read without a statement, which PostgreSQL would plan for each row. Their names in this
    -- function are no dependency. When such a column was dropped or altered, the statements below decide.
    begin
        if tg_argv[0] = 'expire_at' and tg_argv[1] = 'live' then
            if tg_op <> 'INSERT' then
                old_due := case when old.live then old.expire_at end;
            end if;
            if tg_op <> 'DELETE' then
                new_due := case when new.live then new.expire_at end;
            end if;
            is_read := true;
        elsif tg_nargs = 1 and tg_argv[0] = 'approved_go_live_at' then
            if tg_op <> 'INSERT' then
                old_due := old.approved_go_live_at;
            end if;
            if tg_op <> 'DELETE' then
                new_due := new.approved_go_live_at;
            end if;
            is_read := true;
        end if;
    exception when others then
        null;
    end;
    if not is_read then
        -- The names of the columns are the trigger's arguments, and the values are read from the row when it fires. A dependency
        -- on the columns would stop a later Django migration, and a revision's content is far too large to convert to jsonb.
        due_time := case tg_nargs
            when 1 then format('select ($1).%I', tg_argv[0])
            else format('select case when ($1).%2$I then ($1).%1$I end', tg_argv[0], tg_argv[1])
        end;
        if tg_op <> 'INSERT' then
            execute due_time into old_due using old;
        end if;
        if tg_op <> 'DELETE' then
            execute due_time into new_due using new;
        end if;
    end if;
    if old_due is distinct from new_due
        and current_setting('wagrun.due_changed', true) is distinct from pg_current_xact_id()::text
    then
        perform set_config('wagrun.due_changed', pg_current_xact_id()::text, true);
        insert into wagrun.schedule_change default values;
    end if;
    return null;
-- After any error, such as a dropped column, the save goes on. The next synchronisation reads the due times.
exception when others then
    raise log 'wagrun schedule of % not seen to change: %', tg_relid::regclass, sqlerrm;
    return null;
end
$_$;


--
-- Name: FUNCTION schedule_changed(); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.schedule_changed() IS 'Row trigger of every scheduled table. Arguments: the due column and, if there is one, the live column. Never fails a save.';


--
-- Name: seen_objects(text, integer); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.seen_objects(after_object text, most integer) RETURNS TABLE(object text, said jsonb, image jsonb)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    -- A table that is not watched any more has no part here.
    images text := concat_ws(' union all ',
        'select ''page/'' || id, jsonb_build_object(''path'', path, ''url_path'', url_path, ''content_type'', content_type_id)
         from ' || wagrun.own_table('page')
            || ' where live and id in (select substr(object, 6)::bigint from known where object like ''page/%'')',
        'select ''document/'' || id, jsonb_build_object(''collection'', collection_id)
         from ' || wagrun.own_table('document')
            || ' where id::text in (select substr(object, 10) from known where object like ''document/%'')');
begin
    if images = '' then
        return;
    end if;
    return query execute format(
        'with known as materialized (
             select object, said from wagrun.visibility where object > $1 and said is not null order by object limit $2
         )
         select known.object, known.said, present.image
         from known left join (%s) as present (object, image) on present.object = known.object
         order by known.object', images)
        using after_object, most;
end
$_$;


--
-- Name: FUNCTION seen_objects(after_object text, most integer); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.seen_objects(after_object text, most integer) IS 'Returns the next live pages and documents of which an event has said a visibility, with the columns that decide it now. The image is null for an object that is gone or no longer live, which an event of its own tells.';


--
-- Name: set_trigger(regclass, text, text); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.set_trigger(target regclass, trigger_name text, definition text) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    present oid := (select oid from pg_trigger where tgrelid = target and tgname = trigger_name);
begin
    -- The trigger's comment stores a hash of its definition, so that a table is locked only when the definition has changed.
    if obj_description(present, 'pg_trigger') = md5(definition) then
        return;
    end if;
    if present is not null then
        execute format('drop trigger %I on %s', trigger_name, target);
    end if;
    execute format('create trigger %I %s', trigger_name, definition);
    execute format('comment on trigger %I on %s is %L', trigger_name, target, md5(definition));
end
$$;


--
-- Name: FUNCTION set_trigger(target regclass, trigger_name text, definition text); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.set_trigger(target regclass, trigger_name text, definition text) IS 'Creates or replaces a trigger. Locks its table against writers only when the definition has changed.';


--
-- Name: set_up_roles(name, name); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.set_up_roles(web_role name, relay_role name) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    role  name;
    owned record;
begin
    foreach role in array array[web_role, relay_role] loop
        if not exists (select from pg_roles where rolname = role) then
            execute format('create role %I login', role);
            -- On RDS a role without a password authenticates by IAM. An existing role keeps its way to authenticate, because
            -- this grant would disable its password and lock out a running site.
            if exists (select from pg_roles where rolname = 'rds_iam') then
                execute format('grant rds_iam to %I', role);
            end if;
        end if;
    end loop;

    -- The web role: every table of the site, and none of wagrun's.
    begin
        execute format('grant select, insert, update, delete on all tables in schema public to %I', web_role);
        execute format('grant usage, select, update on all sequences in schema public to %I', web_role);
    exception when insufficient_privilege then
        -- A table of another owner is among them. So the others are granted one by one, which waits for locked tables.
        for owned in
            select oid::regclass as relation, relkind from pg_class
            where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f', 'S')
              and pg_has_role(relowner, 'usage')
        loop
            execute format(
                case owned.relkind when 'S' then 'grant usage, select, update on sequence %s to %I'
                                   else 'grant select, insert, update, delete on %s to %I' end,
                owned.relation, web_role);
        end loop;
    end;
    execute format('alter default privileges in schema public grant select, insert, update, delete on tables to %I', web_role);
    execute format('alter default privileges in schema public grant usage, select, update on sequences to %I', web_role);

    -- The relay role: takes captured changes, numbers and settles events, and reads the few columns of Wagtail's that an event
    -- shows.
    execute format('grant usage on schema wagrun to %I', relay_role);
    execute format('grant select on wagrun.watched_table to %I', relay_role);
    execute format('grant select, delete on wagrun.outbox to %I', relay_role);
    execute format('grant select, insert, delete on wagrun.event to %I', relay_role);
    execute format(
        'grant update (settled_at, outcome, failures, last_error, set_apart_at, action, seen_before, seen_after) on wagrun.event to %I',
        relay_role);
    execute format('grant select, update on sequence wagrun.event_sequence to %I', relay_role);
    execute format(
        'grant execute on function wagrun.reserve_sequence, wagrun.merged, wagrun.ring, wagrun.mark, wagrun.editor_name, wagrun.as_key to %I',
        relay_role);
    execute format('grant select on django_content_type, wagtailcore_locale to %I', relay_role);
    execute format('grant select (id, user_id, created_at) on wagtailcore_revision to %I', relay_role);
    execute format('grant select (page_id, user_id, action, timestamp) on wagtailcore_pagelogentry to %I', relay_role);
    execute format('grant select (content_type_id, object_id, user_id, action, timestamp) on wagtailcore_modellogentry to %I', relay_role);

    -- The present state of content, by functions that withhold the same columns as capture.
    execute format('grant execute on function wagrun.present_state, wagrun.add_present_state to %I', relay_role);

    -- Visibility: it keeps what events have said, and reads by functions what holds now.
    execute format('grant select, insert, update, delete on wagrun.visibility to %I', relay_role);
    execute format('grant select, update on wagrun.visibility_scan to %I', relay_role);
    execute format('grant execute on function wagrun.site_roots, wagrun.view_restrictions, wagrun.collections, wagrun.seen_objects,
        wagrun.url_patterns to %I', relay_role);

    -- Backfills, whose progress it stores.
    execute format('grant select, insert, delete on wagrun.backfill to %I', relay_role);
    execute format(
        'grant update (cursor, published, sliced_at, failures, last_error, finished_at, outcome) on wagrun.backfill to %I',
        relay_role);

    -- Schedules: it reads due times only by the function, and removes the records of changes.
    execute format('grant select, delete on wagrun.schedule_change to %I', relay_role);
    execute format('grant execute on function wagrun.due_minutes to %I', relay_role);
end
$$;


--
-- Name: FUNCTION set_up_roles(web_role name, relay_role name); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.set_up_roles(web_role name, relay_role name) IS 'Creates the web role and the relay role when they are missing, and grants each its rights.';


--
-- Name: set_url_patterns(jsonb); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.set_url_patterns(patterns jsonb) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    if patterns::text is not distinct from (select value from wagrun.setting where name = 'url_patterns')
        and not (select is_wanted from wagrun.visibility_scan)
    then
        return;
    end if;
    insert into wagrun.setting values ('url_patterns', patterns::text)
    on conflict (name) do update set value = excluded.value;
    update wagrun.visibility_scan set is_wanted = true;
    -- Rings the doorbell at the commit.
    insert into wagrun.schedule_change default values;
end
$$;


--
-- Name: FUNCTION set_url_patterns(patterns jsonb); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.set_url_patterns(patterns jsonb) IS 'Stores the URL patterns of the site. Rings the doorbell when they are new.';


--
-- Name: site_roots(boolean); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.site_roots(with_translations boolean) RETURNS TABLE(site bigint, hostname text, port integer, root_path text, language text, is_home boolean, is_used boolean)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $_$
begin
    if wagrun.own_table('page') is null then
        return;
    end if;
    -- The order of Site.get_site_root_paths: the first root above a page is that of its URL.
    return query execute format(
        'select site.id::bigint, site.hostname::text, site.port::integer, root.url_path::text, locale.language_code::text,
                root.id = home.id, root.id = home.id or root.live
         from wagtailcore_site as site
         join %1$s as home on home.id = site.root_page_id
         join %1$s as root on root.id = home.id or ($1 and root.translation_key = home.translation_key)
         join wagtailcore_locale as locale on locale.id = root.locale_id
         order by home.url_path desc, site.is_default_site desc, site.hostname, site.id, root.id',
        wagrun.own_table('page')) using with_translations;
end
$_$;


--
-- Name: FUNCTION site_roots(with_translations boolean); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.site_roots(with_translations boolean) IS 'Returns the root pages of all sites in Wagtail''s order, on demand with their translations. A translation is used only when it is live.';


--
-- Name: state_query(wagrun.watched_table); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.state_query(watched wagrun.watched_table) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    parts text;
begin
    select coalesce(string_agg(format(
        ' || coalesce((select wagrun.row_image(%1$s, wagrun_row) - %2$L::text[] - %3$L::text[] from %4$s as wagrun_row
                       where wagrun_row.%5$I = (chosen.own_row).%6$I), ''{}'')',
        quote_literal(part_table.relation::oid), part_table.withheld, part_table.ignored, part_table.relation,
        wagrun.present_key(part_table), wagrun.present_key(watched)
    ), '' order by part_table.relation::text), '') into parts
    from wagrun.watched_table as part_table join pg_class on pg_class.oid = part_table.relation
    where part_table.root = watched.relation and part_table.collection is null;
    -- With the offset the image is computed once, and not for each use.
    return format(
        'select (chosen.own_row).%1$I::text as last_key, %2$L || (whole.image ->> %3$L) as object, whole.image -> %3$L as key,
                whole.image - %4$L::text[] - %5$L::text[]%6$s as state
         from chosen
         cross join lateral (select wagrun.row_image(%7$L, chosen.own_row) as image offset 0) as whole
         order by (chosen.own_row).%1$I',
        wagrun.present_key(watched), watched.object || '/', wagrun.present_key(watched), watched.withheld, watched.ignored,
        parts, watched.relation::oid);
end
$_$;


--
-- Name: FUNCTION state_query(watched wagrun.watched_table); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.state_query(watched wagrun.watched_table) IS 'Returns a query for the states of objects as capture writes them. It reads the objects'' own rows from a common table expression `chosen (own_row)`.';


--
-- Name: stray_tables(text[]); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.stray_tables(wanted text[]) RETURNS SETOF text
    LANGUAGE sql STABLE
    AS $$
    select relation::text from wagrun.watched_table
    where relation <> all (select name::regclass from unnest(wanted) as name)
    union
    select tgrelid::regclass::text from pg_trigger
    where tgname like 'wagrun\_capture\_%' and tgparentid = 0
      and tgrelid <> all (select wagrun.with_heirs(name::regclass) from unnest(wanted) as name)
$$;


--
-- Name: FUNCTION stray_tables(wanted text[]); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.stray_tables(wanted text[]) IS 'Returns the tables that are watched or have capture triggers, but are not wanted and do not inherit from a wanted table.';


--
-- Name: triggers_of(regclass, regclass); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.triggers_of(relation regclass, target regclass) RETURNS TABLE(name text, definition text)
    LANGUAGE plpgsql STABLE
    AS $$
declare
    watched   wagrun.watched_table;
    arguments text;
begin
    select * into strict watched from wagrun.watched_table as listed where listed.relation = triggers_of.relation;
    select string_agg(quote_literal(argument), ', ' order by number) into arguments
    from unnest(array[
        watched.object, watched.kind, watched.model, watched.key_column::text, watched.key_number::text,
        (watched.root is null and watched.collection is null)::text, watched.withheld::text, watched.ignored::text
    ]) with ordinality as given (argument, number);
    if watched.collection is null then
        return query values
            ('wagrun_capture_row', format(
                'after insert or delete on %s for each row execute function wagrun.capture_row(%s)', target, arguments)),
            -- *<> compares the bytes of rows, which works for every type. `is distinct from` fails on json, and the name of a
            -- column would stop a later Django migration from dropping it.
            ('wagrun_capture_update', format(
                'after update on %s for each row when (old.* *<> new.*) execute function wagrun.capture_row(%s)',
                target, arguments)),
            ('wagrun_capture_truncate', format(
                'before truncate on %s for each statement execute function wagrun.capture_truncate(%s)', target, arguments));
    else
        arguments := concat_ws(', ', arguments, quote_literal(watched.collection),
            quote_literal(case when watched.parents = '[]' then '' else wagrun.parents_query(watched.parents) end),
            quote_literal(coalesce(watched.owner_type, '')), quote_literal(coalesce(watched.owners::text, '')));
        return query values
            ('wagrun_capture_row', format(
                'after insert on %s referencing new table as new_rows
                 for each statement execute function wagrun.capture_children(%s)', target, arguments)),
            ('wagrun_capture_delete', format(
                'after delete on %s referencing old table as old_rows
                 for each statement execute function wagrun.capture_children(%s)', target, arguments)),
            ('wagrun_capture_update', format(
                'after update on %s referencing old table as old_rows new table as new_rows
                 for each statement execute function wagrun.capture_children(%s)', target, arguments)),
            ('wagrun_capture_truncate', format(
                'before truncate on %s for each statement execute function wagrun.capture_truncate(%s)', target, arguments));
    end if;
end
$$;


--
-- Name: FUNCTION triggers_of(relation regclass, target regclass); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.triggers_of(relation regclass, target regclass) IS 'Returns the names and definitions of the capture triggers for a watched table, or for a table that inherits from it.';


--
-- Name: unwatch_due_times(regclass); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.unwatch_due_times(stale regclass) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    perform wagrun.drop_triggers(stale, 'wagrun_schedule');
    delete from wagrun.scheduled_table where relation = stale;
end
$$;


--
-- Name: FUNCTION unwatch_due_times(stale regclass); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.unwatch_due_times(stale regclass) IS 'Removes the trigger from a table that no longer has due times.';


--
-- Name: unwatch_table(regclass); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.unwatch_table(stale regclass) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    perform wagrun.drop_triggers(stale, 'wagrun_capture_%');
    delete from wagrun.watched_table where relation = stale;
end
$$;


--
-- Name: FUNCTION unwatch_table(stale regclass); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.unwatch_table(stale regclass) IS 'Removes the capture triggers from a table that is no longer watched. Its rows stay.';


--
-- Name: url_patterns(); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.url_patterns() RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select value::jsonb from wagrun.setting where name = 'url_patterns'
$$;


--
-- Name: FUNCTION url_patterns(); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.url_patterns() IS 'Returns the URL patterns of the site, or null before migrate has stored them.';


--
-- Name: view_restrictions(); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.view_restrictions() RETURNS TABLE(kind text, path text, restriction text, groups text[])
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $_$
begin
    if wagrun.own_table('page') is null then
        return;
    end if;
    -- Most sites have none. The query below would cost a new session two milliseconds.
    if not exists (select from wagtailcore_pageviewrestriction) and not exists (select from wagtailcore_collectionviewrestriction) then
        return;
    end if;
    -- As in Page.get_view_restrictions, an alias has the restrictions of its source instead of its own.
    return query execute format(
        'with recursive shown (restriction_id, page_id, path) as (
             select restriction.id, page.id, page.path
             from wagtailcore_pageviewrestriction as restriction join %1$s as page on page.id = restriction.page_id
             where page.alias_of_id is null
             union
             select shown.restriction_id, alias.id, alias.path
             from shown join %1$s as alias on alias.alias_of_id = shown.page_id
         )
         select ''page'', shown.path::text, restriction.restriction_type::text,
                array(select auth_group.name::text from wagtailcore_pageviewrestriction_groups as link
                      join auth_group on auth_group.id = link.group_id
                      where link.pageviewrestriction_id = restriction.id order by 1)
         from shown join wagtailcore_pageviewrestriction as restriction on restriction.id = shown.restriction_id
         union all
         select ''document'', collection.path::text, restriction.restriction_type::text,
                array(select auth_group.name::text from wagtailcore_collectionviewrestriction_groups as link
                      join auth_group on auth_group.id = link.group_id
                      where link.collectionviewrestriction_id = restriction.id order by 1)
         from wagtailcore_collectionviewrestriction as restriction
         join wagtailcore_collection as collection on collection.id = restriction.collection_id
         order by 1, 2, 3, 4',
        wagrun.own_table('page'));
end
$_$;


--
-- Name: FUNCTION view_restrictions(); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.view_restrictions() IS 'Returns the view restrictions of pages, and those of collections, which hold for documents. A restriction holds for everything whose path begins with its path.';


--
-- Name: watch_due_times(jsonb); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.watch_due_times(entry jsonb) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    scheduled wagrun.scheduled_table := row ((entry ->> 'table')::regclass, entry ->> 'due_column', entry ->> 'live_column');
begin
    insert into wagrun.scheduled_table values (scheduled.*)
    on conflict (relation) do update set due_column = excluded.due_column, live_column = excluded.live_column;
    perform wagrun.set_trigger(scheduled.relation, 'wagrun_schedule', format(
        'after insert or update or delete on %s for each row execute function wagrun.schedule_changed(%s)',
        scheduled.relation, concat_ws(', ', quote_literal(scheduled.due_column), quote_literal(scheduled.live_column))));
end
$$;


--
-- Name: FUNCTION watch_due_times(entry jsonb); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.watch_due_times(entry jsonb) IS 'Watches the due times of a table.';


--
-- Name: watch_table(jsonb); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.watch_table(entry jsonb) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    watched constant regclass := (entry ->> 'table')::regclass;
    target  regclass;
    wanted  record;
begin
    insert into wagrun.watched_table as known
        (relation, kind, model, object, key_column, key_number, root, collection, parents, owners, owner_type, fields, withheld,
         ignored)
    values (
        watched, entry ->> 'kind', entry ->> 'model', entry ->> 'object', entry ->> 'key_column',
        (select attnum from pg_attribute where attrelid = watched and attname = entry ->> 'key_column'),
        (entry ->> 'root')::regclass, entry ->> 'collection', coalesce(entry -> 'parents', '[]'),
        nullif(entry -> 'owners', 'null'), entry ->> 'owner_type', entry -> 'fields',
        array(select jsonb_array_elements_text(entry -> 'withheld')),
        -- A virtual column has no value in a trigger, so it is ignored.
        array(select jsonb_array_elements_text(entry -> 'ignored')
              union select attname from pg_attribute where attrelid = watched and attgenerated = 'v' order by 1)
    )
    on conflict (relation) do update set
        kind = excluded.kind, model = excluded.model, object = excluded.object, key_column = excluded.key_column,
        key_number = excluded.key_number, root = excluded.root, collection = excluded.collection, parents = excluded.parents,
        owners = excluded.owners, owner_type = excluded.owner_type, fields = excluded.fields, withheld = excluded.withheld, ignored = excluded.ignored;
    for target in select wagrun.with_heirs(watched) loop
        for wanted in
            select * from wagrun.triggers_of(watched, target) as needed
            where needed.definition not like '%for each row%' or not (select relispartition from pg_class where oid = target)
        loop
            perform wagrun.set_trigger(target, wanted.name, wanted.definition);
        end loop;
        -- Only a table of inline children has this trigger. The table may have been one before.
        if entry ->> 'collection' is null then
            perform wagrun.drop_triggers(target, 'wagrun_capture_delete');
        end if;
    end loop;
end
$$;


--
-- Name: FUNCTION watch_table(entry jsonb); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.watch_table(entry jsonb) IS 'Watches a table as discovered, and all tables that inherit from it.';


--
-- Name: with_heirs(regclass); Type: FUNCTION; Schema: wagrun; Owner: -
--

CREATE FUNCTION wagrun.with_heirs(relation regclass) RETURNS SETOF regclass
    LANGUAGE sql STABLE
    AS $_$
    with recursive heir (relation) as (
        select $1::oid
        union
        select link.inhrelid
        from pg_inherits as link
        join heir on heir.relation = link.inhparent
    )
    select heir.relation::regclass from heir join pg_class on pg_class.oid = heir.relation
$_$;


--
-- Name: FUNCTION with_heirs(relation regclass); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON FUNCTION wagrun.with_heirs(relation regclass) IS 'Returns a table, if it still exists, and all tables that inherit from it, partitions included.';


--
-- Name: merged(jsonb); Type: AGGREGATE; Schema: wagrun; Owner: -
--

CREATE AGGREGATE wagrun.merged(jsonb) (
    SFUNC = jsonb_concat,
    STYPE = jsonb,
    INITCOND = '{}'
);


--
-- Name: AGGREGATE merged(jsonb); Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON AGGREGATE wagrun.merged(jsonb) IS 'Merges objects. Of a key that several objects have, the last value wins. Nulls are skipped.';


--
-- Name: backfill; Type: TABLE; Schema: wagrun; Owner: -
--

CREATE TABLE wagrun.backfill (
    id uuid NOT NULL,
    request jsonb NOT NULL,
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

COMMENT ON TABLE wagrun.backfill IS 'One row for each requested replay or snapshot. A run is open until finished_at is set.';


--
-- Name: COLUMN backfill.id; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.backfill.id IS 'The run''s id, which each of its events carries. It is a version 7 UUID, so it contains the time of the request.';


--
-- Name: COLUMN backfill.request; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.backfill.request IS 'The validated payload of the request, {"replay": …} or {"snapshot": …}.';


--
-- Name: COLUMN backfill.cursor; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.backfill.cursor IS 'The position at which the next slice begins. Replay: {"after": sequence, "last": sequence}. Snapshot: {"model": label, "after": key}.';


--
-- Name: COLUMN backfill.sliced_at; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.backfill.sliced_at IS 'The time of the last slice. The open run with the oldest time is next.';


--
-- Name: event; Type: TABLE; Schema: wagrun; Owner: -
--

CREATE TABLE wagrun.event (
    sequence bigint NOT NULL,
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    xid xid8 NOT NULL,
    object text NOT NULL,
    key jsonb,
    kind text NOT NULL,
    model text NOT NULL,
    captured_at timestamp with time zone NOT NULL,
    before jsonb,
    after jsonb,
    changed text[] NOT NULL,
    editor text,
    is_part_only boolean DEFAULT false NOT NULL,
    incomplete text,
    bytes bigint NOT NULL,
    is_comparison boolean DEFAULT false NOT NULL,
    action text,
    seen_before jsonb,
    seen_after jsonb,
    claimed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    settled_at timestamp with time zone,
    outcome text,
    failures integer DEFAULT 0 NOT NULL,
    last_error text,
    set_apart_at timestamp with time zone,
    CONSTRAINT event_outcome CHECK ((outcome = ANY (ARRAY['published'::text, 'nothing'::text, 'discarded'::text]))),
    CONSTRAINT event_set_apart_has_reason CHECK (((set_apart_at IS NULL) OR (last_error IS NOT NULL))),
    CONSTRAINT event_settled_has_outcome CHECK (((settled_at IS NULL) = (outcome IS NULL)))
);


--
-- Name: TABLE event; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON TABLE wagrun.event IS 'One row for each transaction and object, numbered when the drainer first saw it committed. An event is pending until it is settled, and history afterwards.';


--
-- Name: COLUMN event.sequence; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.event.sequence IS 'The event''s number: microseconds since 1970, or one more than the last number. For one object it grows in the order of commits, also across restores.';


--
-- Name: COLUMN event.id; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.event.id IS 'The event''s id, which never changes.';


--
-- Name: COLUMN event.before; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.event.before IS 'Captured columns before the transaction. Null when the object did not exist.';


--
-- Name: COLUMN event.after; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.event.after IS 'Captured columns after the transaction. Null when the object no longer exists.';


--
-- Name: COLUMN event.is_part_only; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.event.is_part_only IS 'True while the present state of the object''s own row is still to be read, because the transaction changed only parts of the object.';


--
-- Name: COLUMN event.incomplete; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.event.incomplete IS 'The reason for which the event does not show all of the object.';


--
-- Name: COLUMN event.bytes; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.event.bytes IS 'The size of before and after as text, in bytes. It limits the size of a batch.';


--
-- Name: COLUMN event.is_comparison; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.event.is_comparison IS 'True for an event without a change of the object. It is published if the visibility of the object differs from the one that was said last.';


--
-- Name: COLUMN event.action; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.event.action IS 'The last part of the event''s type, for a page or a document. It is decided once, before the event is published for the first time, because it depends on the visibility that earlier events said. Null for other objects, and until it is decided.';


--
-- Name: COLUMN event.seen_before; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.event.seen_before IS 'The visibility of the object before the event, decided together with the action.';


--
-- Name: COLUMN event.seen_after; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.event.seen_after IS 'The visibility of the object after the event, decided together with the action.';


--
-- Name: COLUMN event.outcome; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.event.outcome IS 'published: the topic accepted the event. nothing: the transaction has no net change of the object. discarded: an operator discarded the event.';


--
-- Name: COLUMN event.set_apart_at; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.event.set_apart_at IS 'The time at which the event was set apart for an operator, because it cannot be read or published. last_error is the reason.';


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

COMMENT ON SEQUENCE wagrun.event_sequence IS 'The highest sequence of all events. Only wagrun.reserve_sequence advances it.';


--
-- Name: failed_publication; Type: TABLE; Schema: wagrun; Owner: -
--

CREATE TABLE wagrun.failed_publication (
    relation regclass NOT NULL,
    key text NOT NULL,
    due timestamp with time zone NOT NULL,
    failures integer NOT NULL,
    retry_at timestamp with time zone NOT NULL,
    reason text NOT NULL
);


--
-- Name: TABLE failed_publication; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON TABLE wagrun.failed_publication IS 'Due content that the last run of publish-scheduled could not publish or expire. migrate forgets all of it, because a new version of the site may be able to.';


--
-- Name: COLUMN failed_publication.relation; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.failed_publication.relation IS 'The table with the due time.';


--
-- Name: COLUMN failed_publication.key; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.failed_publication.key IS 'The primary key of the row; empty for a table that could not be read.';


--
-- Name: COLUMN failed_publication.retry_at; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.failed_publication.retry_at IS 'The time from which the content is due again, and its failure is reported again.';


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

COMMENT ON TABLE wagrun.migration_run IS 'One row for each run of migrate that took the lock. The newest run may still be going on.';


--
-- Name: COLUMN migration_run.asked_by; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.migration_run.asked_by IS 'The id of CloudFormation''s request or of the invocation.';


--
-- Name: COLUMN migration_run.deploy; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.migration_run.deploy IS 'The image of the site and of migrate, when the caller named it.';


--
-- Name: COLUMN migration_run.program; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.migration_run.program IS 'The version of wagrun.';


--
-- Name: COLUMN migration_run.outcome; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.migration_run.outcome IS 'The result of the run. abandoned: it was killed or lost its connection, as the next run found. Null while it runs.';


--
-- Name: COLUMN migration_run.applied; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.migration_run.applied IS 'Django''s migrations that the run applied, such as blog.0002_author.';


--
-- Name: COLUMN migration_run.failure; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.migration_run.failure IS 'The step that failed and the cause, with the end of Django''s output.';


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
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    began_at timestamp with time zone DEFAULT transaction_timestamp() NOT NULL,
    captured_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    relation oid NOT NULL,
    kind text NOT NULL,
    model text NOT NULL,
    object text,
    key jsonb,
    is_own_row boolean NOT NULL,
    before jsonb,
    after jsonb,
    changed jsonb DEFAULT '{}'::jsonb NOT NULL,
    editor text DEFAULT 
CASE
    WHEN ("left"(current_query(), 16) IS DISTINCT FROM '/*wagrun.editor='::text) THEN NULLIF(current_setting('wagrun.editor'::text, true), ''::text)
    WHEN (strpos("left"(current_query(), 98), '*/'::text) > 17) THEN split_part(substr("left"(current_query(), 98), 17), '*/'::text, 1)
    ELSE NULL::text
END,
    rings boolean DEFAULT false NOT NULL,
    ends boolean DEFAULT false NOT NULL,
    failure text,
    CONSTRAINT outbox_says_something CHECK (((object IS NOT NULL) OR (failure IS NOT NULL) OR ends))
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='2000', autovacuum_vacuum_insert_scale_factor='0', autovacuum_vacuum_insert_threshold='20000');


--
-- Name: TABLE outbox; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON TABLE wagrun.outbox IS 'Captured changes that are not events yet: one row for each changed row of content, appended by the triggers.';


--
-- Name: COLUMN outbox."position"; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.outbox."position" IS 'The order of capture. A row is captured while its transaction holds the row''s lock. So of two transactions that changed the same row, the later one has the higher position. The column is not a key, because a duplicate after a restore or in a replica must not fail a save.';


--
-- Name: COLUMN outbox.began_at; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.outbox.began_at IS 'The start of the transaction. With xid it identifies the transaction, because transaction ids begin anew in a cluster that was restored from a dump.';


--
-- Name: COLUMN outbox.relation; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.outbox.relation IS 'The table whose row changed.';


--
-- Name: COLUMN outbox.object; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.outbox.object IS 'The object''s name, such as page/4. Null when the trigger could not determine the object.';


--
-- Name: COLUMN outbox.key; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.outbox.key IS 'The object''s key with its type, a number or a text.';


--
-- Name: COLUMN outbox.is_own_row; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.outbox.is_own_row IS 'True for the object''s own row. False for a part of the object: a row of a page type''s own table, or an inline child.';


--
-- Name: COLUMN outbox.before; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.outbox.before IS 'Captured columns before the statement. Null when the row did not exist.';


--
-- Name: COLUMN outbox.after; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.outbox.after IS 'Captured columns after the statement. Null when the row was deleted.';


--
-- Name: COLUMN outbox.changed; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.outbox.changed IS 'A number for each withheld column and each collection that changed: the digest of its value after the statement, minus that before. In a transaction that leads back to the first value, the numbers of a field add up to zero.';


--
-- Name: COLUMN outbox.editor; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.outbox.editor IS 'The key of the user, when the site names its editor: by a comment with which the statement begins, or else by set wagrun.editor. A key has 80 characters at the most. A text within the statement, such as a title, is no such comment.';


--
-- Name: COLUMN outbox.rings; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.outbox.rings IS 'True for the first row of a transaction, which rings the doorbell for all rows.';


--
-- Name: COLUMN outbox.ends; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.outbox.ends IS 'True for the last row of a transaction, which is written just before the commit and marks the transaction as complete.';


--
-- Name: COLUMN outbox.failure; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.outbox.failure IS 'The reason for which the trigger could not capture the row completely.';


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
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    rings boolean DEFAULT wagrun.is_first_of_transaction() NOT NULL
);


--
-- Name: TABLE schedule_change; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON TABLE wagrun.schedule_change IS 'One row for each transaction that changed a due time. content-events removes it after it has synchronised the schedules.';


--
-- Name: COLUMN schedule_change.rings; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.schedule_change.rings IS 'True for the first row of a transaction, which rings the doorbell, as in the outbox.';


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

COMMENT ON TABLE wagrun.scheduled_table IS 'The tables that Wagtail''s publish_scheduled reads, as discovered from Django: the revisions, and every model with drafts.';


--
-- Name: COLUMN scheduled_table.due_column; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.scheduled_table.due_column IS 'The name of the column with the due time. It is null in a row that is never due.';


--
-- Name: COLUMN scheduled_table.live_column; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.scheduled_table.live_column IS 'The name of the column that marks live rows, when only live rows are due.';


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

COMMENT ON TABLE wagrun.setting IS 'Settings that migrate stores at deployment for the functions: doorbell_function, user_table, user_key, user_name.';


--
-- Name: visibility; Type: TABLE; Schema: wagrun; Owner: -
--

CREATE TABLE wagrun.visibility (
    object text NOT NULL,
    said jsonb,
    decide_at timestamp with time zone
);


--
-- Name: TABLE visibility; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON TABLE wagrun.visibility IS 'One row for each live page and each document: its visibility, as the last event of it said. Only the drainer writes here, in the order of events.';


--
-- Name: COLUMN visibility.said; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.visibility.said IS '{"visible_to": …, "groups": […], "urls": […]}. It is {} for an object that was there when wagrun was installed, until the first drain. Null for a page that was inserted as live, until its visibility is decided.';


--
-- Name: COLUMN visibility.decide_at; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.visibility.decide_at IS 'The time at which a page that was inserted as live is told to be published, if it is still live then. Wagtail''s admin inserts a page as live a moment before it publishes, schedules or restricts it. Null once that event exists.';


--
-- Name: visibility_scan; Type: TABLE; Schema: wagrun; Owner: -
--

CREATE TABLE wagrun.visibility_scan (
    is_only_row boolean DEFAULT true NOT NULL,
    rules text,
    is_wanted boolean DEFAULT true NOT NULL,
    CONSTRAINT visibility_scan_only_row CHECK (is_only_row)
);


--
-- Name: TABLE visibility_scan; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON TABLE wagrun.visibility_scan IS 'One row: the rules with which the visibility of all objects was compared last.';


--
-- Name: COLUMN visibility_scan.rules; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.visibility_scan.rules IS 'A digest of the sites, restrictions, collections and URL patterns. Another digest is a reason to compare all objects. Null before the first time.';


--
-- Name: COLUMN visibility_scan.is_wanted; Type: COMMENT; Schema: wagrun; Owner: -
--

COMMENT ON COLUMN wagrun.visibility_scan.is_wanted IS 'True when a comparison is due: the rules are not those of the last one, or migrate asks for it.';


--
-- Name: backfill backfill_pkey; Type: CONSTRAINT; Schema: wagrun; Owner: -
--

ALTER TABLE ONLY wagrun.backfill
    ADD CONSTRAINT backfill_pkey PRIMARY KEY (id);


--
-- Name: event event_pkey; Type: CONSTRAINT; Schema: wagrun; Owner: -
--

ALTER TABLE ONLY wagrun.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (sequence);


--
-- Name: failed_publication failed_publication_pkey; Type: CONSTRAINT; Schema: wagrun; Owner: -
--

ALTER TABLE ONLY wagrun.failed_publication
    ADD CONSTRAINT failed_publication_pkey PRIMARY KEY (relation, key);


--
-- Name: migration_run migration_run_pkey; Type: CONSTRAINT; Schema: wagrun; Owner: -
--

ALTER TABLE ONLY wagrun.migration_run
    ADD CONSTRAINT migration_run_pkey PRIMARY KEY (id);


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
-- Name: visibility visibility_pkey; Type: CONSTRAINT; Schema: wagrun; Owner: -
--

ALTER TABLE ONLY wagrun.visibility
    ADD CONSTRAINT visibility_pkey PRIMARY KEY (object);


--
-- Name: visibility_scan visibility_scan_pkey; Type: CONSTRAINT; Schema: wagrun; Owner: -
--

ALTER TABLE ONLY wagrun.visibility_scan
    ADD CONSTRAINT visibility_scan_pkey PRIMARY KEY (is_only_row);


--
-- Name: watched_table watched_table_pkey; Type: CONSTRAINT; Schema: wagrun; Owner: -
--

ALTER TABLE ONLY wagrun.watched_table
    ADD CONSTRAINT watched_table_pkey PRIMARY KEY (relation);


--
-- Name: event_pending; Type: INDEX; Schema: wagrun; Owner: -
--

CREATE INDEX event_pending ON wagrun.event USING btree (sequence) WHERE (settled_at IS NULL);


--
-- Name: outbox_position; Type: INDEX; Schema: wagrun; Owner: -
--

CREATE INDEX outbox_position ON wagrun.outbox USING btree ("position");


--
-- Name: visibility_undecided; Type: INDEX; Schema: wagrun; Owner: -
--

CREATE INDEX visibility_undecided ON wagrun.visibility USING btree (decide_at) WHERE (decide_at IS NOT NULL);


--
-- Name: outbox doorbell; Type: TRIGGER; Schema: wagrun; Owner: -
--

CREATE CONSTRAINT TRIGGER doorbell AFTER INSERT ON wagrun.outbox DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (new.rings) EXECUTE FUNCTION wagrun.ring_at_commit();


--
-- Name: schedule_change doorbell; Type: TRIGGER; Schema: wagrun; Owner: -
--

CREATE CONSTRAINT TRIGGER doorbell AFTER INSERT ON wagrun.schedule_change DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (new.rings) EXECUTE FUNCTION wagrun.ring_at_commit();


--
-- Name: SCHEMA wagrun; Type: ACL; Schema: -; Owner: -
--

GRANT USAGE ON SCHEMA wagrun TO wagrun_relay;


--
-- Name: FUNCTION add_present_state(of_model text, sequences bigint[]); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.add_present_state(of_model text, sequences bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION wagrun.add_present_state(of_model text, sequences bigint[]) TO wagrun_relay;


--
-- Name: FUNCTION append_children(relation oid, arguments text[], changes jsonb[]); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.append_children(relation oid, arguments text[], changes jsonb[]) FROM PUBLIC;


--
-- Name: FUNCTION as_key(value text); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.as_key(value text) FROM PUBLIC;
GRANT ALL ON FUNCTION wagrun.as_key(value text) TO wagrun_relay;


--
-- Name: FUNCTION capture_children(); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.capture_children() FROM PUBLIC;


--
-- Name: FUNCTION capture_row(); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.capture_row() FROM PUBLIC;


--
-- Name: FUNCTION capture_truncate(); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.capture_truncate() FROM PUBLIC;


--
-- Name: FUNCTION collections(); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.collections() FROM PUBLIC;
GRANT ALL ON FUNCTION wagrun.collections() TO wagrun_relay;


--
-- Name: FUNCTION describe_table(name text, discovered text[]); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.describe_table(name text, discovered text[]) FROM PUBLIC;


--
-- Name: FUNCTION digest(value jsonb, seed bigint); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.digest(value jsonb, seed bigint) FROM PUBLIC;


--
-- Name: FUNCTION digest_seed(); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.digest_seed() FROM PUBLIC;


--
-- Name: FUNCTION digests(image jsonb, columns text[], sign integer, seed bigint); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.digests(image jsonb, columns text[], sign integer, seed bigint) FROM PUBLIC;


--
-- Name: FUNCTION drop_triggers(target regclass, name_like text); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.drop_triggers(target regclass, name_like text) FROM PUBLIC;


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
-- Name: FUNCTION is_content_recorded(watched regclass); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.is_content_recorded(watched regclass) FROM PUBLIC;


--
-- Name: FUNCTION is_first_of_transaction(); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.is_first_of_transaction() FROM PUBLIC;


--
-- Name: FUNCTION mark(subscriber text); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.mark(subscriber text) FROM PUBLIC;
GRANT ALL ON FUNCTION wagrun.mark(subscriber text) TO wagrun_relay;


--
-- Name: FUNCTION note_due_times(); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.note_due_times() FROM PUBLIC;


--
-- Name: FUNCTION note_failure(relation regclass, kind text, model text, failure text); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.note_failure(relation regclass, kind text, model text, failure text) FROM PUBLIC;


--
-- Name: FUNCTION own_table(of_kind text); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.own_table(of_kind text) FROM PUBLIC;


--
-- Name: FUNCTION parents_query(parents jsonb); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.parents_query(parents jsonb) FROM PUBLIC;


--
-- Name: FUNCTION present_column(relation regclass, number smallint); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.present_column(relation regclass, number smallint) FROM PUBLIC;


--
-- Name: TABLE watched_table; Type: ACL; Schema: wagrun; Owner: -
--

GRANT SELECT ON TABLE wagrun.watched_table TO wagrun_relay;


--
-- Name: FUNCTION present_key(watched wagrun.watched_table); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.present_key(watched wagrun.watched_table) FROM PUBLIC;


--
-- Name: FUNCTION present_state(of_model text, after_key text, most integer); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.present_state(of_model text, after_key text, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION wagrun.present_state(of_model text, after_key text, most integer) TO wagrun_relay;


--
-- Name: FUNCTION record_present_content(watched regclass); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.record_present_content(watched regclass) FROM PUBLIC;


--
-- Name: FUNCTION record_uncaptured_content(); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.record_uncaptured_content() FROM PUBLIC;


--
-- Name: FUNCTION reserve_sequence(many bigint); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.reserve_sequence(many bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION wagrun.reserve_sequence(many bigint) TO wagrun_relay;


--
-- Name: FUNCTION ring(xid text); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.ring(xid text) FROM PUBLIC;
GRANT ALL ON FUNCTION wagrun.ring(xid text) TO wagrun_relay;


--
-- Name: FUNCTION ring_at_commit(); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.ring_at_commit() FROM PUBLIC;


--
-- Name: FUNCTION row_image(relation regclass, changed_row record); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.row_image(relation regclass, changed_row record) FROM PUBLIC;


--
-- Name: FUNCTION rows_at_restriction(sequences bigint[]); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.rows_at_restriction(sequences bigint[]) FROM PUBLIC;


--
-- Name: FUNCTION schedule_changed(); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.schedule_changed() FROM PUBLIC;


--
-- Name: FUNCTION seen_objects(after_object text, most integer); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.seen_objects(after_object text, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION wagrun.seen_objects(after_object text, most integer) TO wagrun_relay;


--
-- Name: FUNCTION set_trigger(target regclass, trigger_name text, definition text); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.set_trigger(target regclass, trigger_name text, definition text) FROM PUBLIC;


--
-- Name: FUNCTION set_up_roles(web_role name, relay_role name); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.set_up_roles(web_role name, relay_role name) FROM PUBLIC;


--
-- Name: FUNCTION set_url_patterns(patterns jsonb); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.set_url_patterns(patterns jsonb) FROM PUBLIC;


--
-- Name: FUNCTION site_roots(with_translations boolean); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.site_roots(with_translations boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION wagrun.site_roots(with_translations boolean) TO wagrun_relay;


--
-- Name: FUNCTION state_query(watched wagrun.watched_table); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.state_query(watched wagrun.watched_table) FROM PUBLIC;


--
-- Name: FUNCTION stray_tables(wanted text[]); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.stray_tables(wanted text[]) FROM PUBLIC;


--
-- Name: FUNCTION triggers_of(relation regclass, target regclass); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.triggers_of(relation regclass, target regclass) FROM PUBLIC;


--
-- Name: FUNCTION unwatch_due_times(stale regclass); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.unwatch_due_times(stale regclass) FROM PUBLIC;


--
-- Name: FUNCTION unwatch_table(stale regclass); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.unwatch_table(stale regclass) FROM PUBLIC;


--
-- Name: FUNCTION url_patterns(); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.url_patterns() FROM PUBLIC;
GRANT ALL ON FUNCTION wagrun.url_patterns() TO wagrun_relay;


--
-- Name: FUNCTION view_restrictions(); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.view_restrictions() FROM PUBLIC;
GRANT ALL ON FUNCTION wagrun.view_restrictions() TO wagrun_relay;


--
-- Name: FUNCTION watch_due_times(entry jsonb); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.watch_due_times(entry jsonb) FROM PUBLIC;


--
-- Name: FUNCTION watch_table(entry jsonb); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.watch_table(entry jsonb) FROM PUBLIC;


--
-- Name: FUNCTION with_heirs(relation regclass); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.with_heirs(relation regclass) FROM PUBLIC;


--
-- Name: FUNCTION merged(jsonb); Type: ACL; Schema: wagrun; Owner: -
--

REVOKE ALL ON FUNCTION wagrun.merged(jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION wagrun.merged(jsonb) TO wagrun_relay;


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
-- Name: TABLE event; Type: ACL; Schema: wagrun; Owner: -
--

GRANT SELECT,INSERT,DELETE ON TABLE wagrun.event TO wagrun_relay;


--
-- Name: COLUMN event.action; Type: ACL; Schema: wagrun; Owner: -
--

GRANT UPDATE(action) ON TABLE wagrun.event TO wagrun_relay;


--
-- Name: COLUMN event.seen_before; Type: ACL; Schema: wagrun; Owner: -
--

GRANT UPDATE(seen_before) ON TABLE wagrun.event TO wagrun_relay;


--
-- Name: COLUMN event.seen_after; Type: ACL; Schema: wagrun; Owner: -
--

GRANT UPDATE(seen_after) ON TABLE wagrun.event TO wagrun_relay;


--
-- Name: COLUMN event.settled_at; Type: ACL; Schema: wagrun; Owner: -
--

GRANT UPDATE(settled_at) ON TABLE wagrun.event TO wagrun_relay;


--
-- Name: COLUMN event.outcome; Type: ACL; Schema: wagrun; Owner: -
--

GRANT UPDATE(outcome) ON TABLE wagrun.event TO wagrun_relay;


--
-- Name: COLUMN event.failures; Type: ACL; Schema: wagrun; Owner: -
--

GRANT UPDATE(failures) ON TABLE wagrun.event TO wagrun_relay;


--
-- Name: COLUMN event.last_error; Type: ACL; Schema: wagrun; Owner: -
--

GRANT UPDATE(last_error) ON TABLE wagrun.event TO wagrun_relay;


--
-- Name: COLUMN event.set_apart_at; Type: ACL; Schema: wagrun; Owner: -
--

GRANT UPDATE(set_apart_at) ON TABLE wagrun.event TO wagrun_relay;


--
-- Name: SEQUENCE event_sequence; Type: ACL; Schema: wagrun; Owner: -
--

GRANT SELECT,UPDATE ON SEQUENCE wagrun.event_sequence TO wagrun_relay;


--
-- Name: TABLE outbox; Type: ACL; Schema: wagrun; Owner: -
--

GRANT SELECT,DELETE ON TABLE wagrun.outbox TO wagrun_relay;


--
-- Name: TABLE schedule_change; Type: ACL; Schema: wagrun; Owner: -
--

GRANT SELECT,DELETE ON TABLE wagrun.schedule_change TO wagrun_relay;


--
-- Name: TABLE visibility; Type: ACL; Schema: wagrun; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE wagrun.visibility TO wagrun_relay;


--
-- Name: TABLE visibility_scan; Type: ACL; Schema: wagrun; Owner: -
--

GRANT SELECT,UPDATE ON TABLE wagrun.visibility_scan TO wagrun_relay;


--
-- PostgreSQL database dump complete
--
