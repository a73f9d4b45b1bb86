-- $1 changes behind this position, $2 of them at most, $3 whether transactions may be split, $4 the snapshot of the first
-- claim of this pass, or null in that. Folds the changes of whole transactions into events, one for each transaction and object,
-- and numbers these.
--
-- A transaction's place is that of its last change. Whoever changes a row captures it while holding its lock, so of two
-- transactions that changed the same row the later one has its last change behind all changes of the earlier one: this order
-- is that of the commits wherever two transactions met. So a transaction that goes on behind the changes looked at waits for
-- a later claim, together with all that come after it. Only one that is too large to be folded at once is split ($3): an
-- object that it changes in two pieces has two events then, in order.
--
-- A pass takes what was committed when it began, and nothing else ($4): what commits meanwhile may belong before a position that
-- the pass has left behind, and what waited for it behind one that is still to come. The next pass takes both, in order.
with
    pass as materialized (
        select coalesce($4::pg_snapshot, pg_current_snapshot()) as seen
    ),
    -- A row that is here although its transaction has not ended was restored, from a cluster that gave its id to another one.
    looked_at as materialized (
        select position, xid, began_at, ends, ctid as row_address
        from wagrun.outbox, pass
        where position > $1
            and (pg_visible_in_snapshot(xid, seen) or not pg_visible_in_snapshot(xid, pg_current_snapshot()))
        order by position
        limit $2
    ),
    reach as materialized (
        select max(position) as last_position, count(*) as changes from looked_at
    ),
    measured as (
        select row_address, bool_or(ends) over (partition by xid, began_at) as is_whole from looked_at
    ),
    -- When there was room for more, everything that there is was looked at.
    whole as materialized (
        select row_address from measured, reach where $3 or is_whole or changes < $2
    ),
    taken as materialized (
        delete from wagrun.outbox where ctid = any (array(select row_address from whole)) returning *
    ),
    -- A partition's rows are the object's own as well, and one may move to another.
    parted as (
        select
            taken.*, case when is_own_row then 0::oid else relation end as part,
            max(position) over (partition by xid, began_at) as place
        from taken
    ),
    ordered as (
        select
            parted.*,
            row_number() over in_order as number,
            count(*) over (partition by xid, began_at, object, part) as many
        from parted
        where object is not null
        window in_order as (partition by xid, began_at, object, part order by position)
    ),
    -- Most parts of an object have one change. Of several, each state that one change has left and another has found cancels
    -- out, whatever the order in which the triggers fired; what is left is the first state before and the last one after. When
    -- nothing is left, the changes led back to where they began.
    balanced as (
        select
            xid, began_at, object, part, bool_or(is_own_row) as is_own_row, state, sum(sign) as balance,
            bool_or(is_start) as is_start, min(position) as first_position, max(position) as last_position
        from (
            select xid, began_at, object, part, is_own_row, position,
                coalesce(before, 'null') as state, 1 as sign, number = 1 as is_start
            from ordered where many > 1
            union all
            select xid, began_at, object, part, is_own_row, position, coalesce(after, 'null'), -1, false
            from ordered where many > 1
        ) as states
        group by xid, began_at, object, part, state
    ),
    netted as (
        select
            xid, began_at, object, bool_or(is_own_row) as is_own_row,
            coalesce(
                (array_agg(state order by first_position) filter (where balance > 0))[1],
                (array_agg(state) filter (where is_start))[1]
            ) as before,
            coalesce(
                (array_agg(state order by last_position desc) filter (where balance < 0))[1],
                (array_agg(state) filter (where is_start))[1]
            ) as after
        from balanced
        group by xid, began_at, object, part
        union all
        select xid, began_at, object, is_own_row, coalesce(before, 'null'), coalesce(after, 'null')
        from ordered where many = 1
    ),
    -- One stream of all that is known of an object, so that no join can be planned badly.
    known as (
        select
            xid, began_at, object, place, position, key, kind, model, captured_at, editor, changed,
            null::boolean as is_own_row, null::jsonb as before, null::jsonb as after
        from ordered
        union all
        select
            xid, began_at, object, null, null, null, null, null, null, null, '{}', is_own_row, before, after
        from netted
    ),
    folded as (
        select
            max(place) as place, max(position) as last_position, xid, object,
            (array_agg(key order by position) filter (where key is not null))[1] as key,
            min(kind) as kind, min(model) as model, min(captured_at) as captured_at,
            bool_or(is_own_row) as has_own_row,
            bool_or(is_own_row and before <> 'null') as was_there,
            bool_or(is_own_row and after <> 'null') as is_there,
            -- The object's own columns last, so that they count where a part has one of the same name.
            wagrun.merged(nullif(before, 'null') order by is_own_row) as before,
            wagrun.merged(nullif(after, 'null') order by is_own_row) as after,
            string_agg(distinct array_to_string(changed, E'\n'), E'\n') filter (where changed <> '{}') as changed,
            (array_agg(editor order by position) filter (where editor is not null))[1] as editor
        from known
        group by xid, began_at, object
    ),
    noted as (
        select
            place, last_position, xid, object, key, kind, model, captured_at,
            case when was_there or not has_own_row then before end as before,
            case when is_there or not has_own_row then after end as after,
            coalesce(string_to_array(changed, E'\n'), '{}') as changed, editor, not has_own_row as is_part_only,
            null::text as failure
        from folded
        union all
        -- A change of which the trigger could not find out the object is set apart at once.
        select
            place, position, xid, model || '/?', null, kind, model, captured_at, null, null, '{}', editor, false, failure
        from parted
        where object is null and not ends
    ),
    numbered as (
        select noted.*, row_number() over (order by place, last_position) as number, count(*) over () as many from noted
    ),
    claimed as (
        insert into wagrun.event
            (sequence, xid, object, key, kind, model, captured_at, before, after, changed, editor, is_part_only, bytes,
             last_error, set_apart_at)
        select
            (select wagrun.reserve_sequence(max(many)) from numbered) + number - 1,
            xid, object, key, kind, model, captured_at, before, after, changed, editor, is_part_only,
            coalesce(octet_length(before::text), 0) + coalesce(octet_length(after::text), 0),
            failure, case when failure is not null then clock_timestamp() end
        from numbered
        returning model, set_apart_at is not null as is_set_apart
    )
select
    (select seen::text from pass) as seen,
    (select changes from reach) as looked_at,
    (select last_position from reach) as last_position,
    (select count(*) from taken) as taken,
    array(select distinct model from claimed where is_set_apart) as models_of_failures
