-- A change of a page's restrictions is judged by the row that the page had then.
--
-- Intent: capture does not read the page when its restrictions change, and a later transaction may have made the page live before the
-- drain reads it. Restrictions of a page that was live concern those who know it. Restrictions of a draft concern nobody, and the
-- later transaction publishes the page.

-- What is captured and has no number yet comes after all that has one.
create function wagrun.rows_at_restriction(sequences bigint[]) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
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
comment on function wagrun.rows_at_restriction is
    'Returns the own rows of pages, by the sequences of events that changed their restrictions. A row is as it was before the first '
    'later change of it that is not published. A page without such a change is left out: its present row is the one.';
revoke all on function wagrun.rows_at_restriction from public;

-- Capture does not read the object when a transaction changes only its parts. So its present state is read here. Later
-- transactions may have changed the object since. Each of them has an event of its own with a higher number.
create or replace function wagrun.add_present_state(of_model text, sequences bigint[]) returns bigint
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
comment on function wagrun.add_present_state is
    'Adds the state of the object to events of one model that changed only parts. It is the present one, with the row that a page had '
    'when its restrictions changed. Returns the number of events.';
