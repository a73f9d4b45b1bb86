-- The content that the drainer may read: the state of watched objects without withheld columns, and the names of editors.

create function wagrun.present_key(watched wagrun.watched_table) returns name
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(
        (select attname from pg_attribute
         where attrelid = watched.relation and attname = watched.key_column and not attisdropped),
        wagrun.present_column(watched.relation, watched.key_number),
        watched.key_column
    )
$$;
comment on function wagrun.present_key is
    'Returns the present name of the column with the object''s key, also when it was renamed after the last migrate.';

-- Snapshots and the states that events show both use this query, so they have the same form. As in capture, the parts of an
-- object add their columns to its own, and inline children add none. No column has the name of the alias wagrun_row, because
-- PostgreSQL would take the alias for the column.
create function wagrun.state_query(watched wagrun.watched_table) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function wagrun.state_query is
    'Returns a query for the states of objects as capture writes them. It reads the objects'' own rows from a common table '
    'expression `chosen (own_row)`.';

-- The function is stable, so it reads an object's own row and its parts in the snapshot of the calling statement.
create function wagrun.present_state(of_model text, after_key text, most integer)
returns table (last_key text, object text, key jsonb, kind text, state jsonb)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO, MDY'
set intervalstyle = 'postgres'
set bytea_output = 'hex'
set extra_float_digits = 1
as $$
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
$$;
comment on function wagrun.present_state is
    'Returns the next objects of a watched model after a key, as capture writes them.';

-- Capture does not read the object when a transaction changes only its parts. So its present state is read here. Later
-- transactions may have changed the object since. Each of them has an event of its own with a higher number.
create function wagrun.add_present_state(of_model text, sequences bigint[]) returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO, MDY'
set intervalstyle = 'postgres'
set bytea_output = 'hex'
set extra_float_digits = 1
as $$
declare
    watched wagrun.watched_table;
    chosen  text;
    states  jsonb := '{}';
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
    -- An object that no longer exists has no state, so its event has no net change. The deletion has an event of its own.
    with complete as (
        select event.sequence, event.before as part_before, event.after as part_after, states -> event.object as state
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
comment on function wagrun.add_present_state is
    'Adds the present state of the object to events of one model that changed only parts. Returns the number of events.';

create function wagrun.editor_name(user_id text) returns text
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
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
comment on function wagrun.editor_name is 'Returns the name of a user, or null. The relay role may read nothing else of a user.';

-- The names in this body were resolved when it was created. So it needs no search path of its own, and the planner inlines it.
create function wagrun.as_key(value text) returns bigint
language sql immutable
return case when value operator(pg_catalog.~) '^[0-9]{1,18}$' then value::bigint end;
comment on function wagrun.as_key is
    'Returns a captured value as an integer key, or null when it is not one. A watched table may have any column named locale_id.';

revoke all on function wagrun.present_key, wagrun.state_query, wagrun.present_state, wagrun.add_present_state,
    wagrun.editor_name, wagrun.as_key from public;
