-- What the drainer may know of content: the state of watched objects, less what capture withholds, and names of editors.

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
    'The column with the object''s key, also when it was renamed since migrate last looked.';

-- A snapshot and the state that an event shows are both made of this query, so that they are read alike: an object's parts add
-- their columns to its own, and its many children add none, as in capture. The alias is one that no column has, or it would be
-- taken for that column.
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
    -- With the offset the image is made once, instead of wherever it is used.
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
    'A query of objects as capture would write them, for a common table expression `chosen (own_row)` of rows of their own table.';

-- stable: all that it reads, of an object's own row and of its parts, is as the calling statement's snapshot has it.
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
    -- A table that was dropped stays listed until the next migrate.
    select listed.* into watched
    from wagrun.watched_table as listed join pg_class on pg_class.oid = listed.relation
    where listed.model = of_model and listed.root is null;
    if not found then
        return;
    end if;
    -- Keys are compared as what they are, whatever type that is: the literal takes the column's.
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
    'The next objects of a watched model after a key, as capture would write them.';

-- A transaction that changed parts alone was captured without a look at the object: what it is, is read here. By now others
-- may have changed it further; each of them has an event of its own, with a higher number.
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
    where listed.model = of_model and listed.root is null;
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
            -- Somebody alters the table; another time it can be read.
            when lock_not_available or deadlock_detected then
                raise;
            when others then
                problem := sqlerrm;
        end;
    end if;
    -- One object that can't be read does not keep the others.
    if problem is not null and cardinality(sequences) > 1 then
        return (select sum(wagrun.add_present_state(of_model, array[one])) from unnest(sequences) as one);
    end if;
    -- Who is not there any more has no state, so that the event comes to nothing: a deletion has its own.
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
    'Gives events of changed parts the state of their object, all of one model; returns how many it was.';

create function wagrun.editor_name(user_id text) returns text
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
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
exception
    when lock_not_available or deadlock_detected then
        raise;
    -- A site names its editor by itself, and may have another table of users by now: no reason to stop the drain.
    when others then
        return null;
end
$$;
comment on function wagrun.editor_name is 'The user''s name, or null; all that the relay role may know of a user.';

create function wagrun.as_key(value text) returns bigint
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select case when value ~ '^[0-9]{1,18}$' then value::bigint end
$$;
comment on function wagrun.as_key is
    'A captured value as an integer key, or null: a watched table may call anything locale_id.';

revoke all on function wagrun.present_key, wagrun.state_query, wagrun.present_state, wagrun.add_present_state,
    wagrun.editor_name, wagrun.as_key from public;
