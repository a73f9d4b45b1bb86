-- $1 changes behind this position, $2 of them at most, $3 whether transactions may be split. Folds the changes of whole transactions into events, one for each
-- transaction and object, and numbers these.
--
-- A transaction's place is that of its last change. Whoever changes a row captures it while holding its lock, so of two
-- transactions that changed the same row the later one has its last change behind all changes of the earlier one: this order
-- is that of the commits wherever two transactions met. So a transaction that goes on behind the changes looked at waits for
-- a later claim, together with all that come after it. Only one that is too large to be folded at once is split ($3): an
-- object that it changes in two pieces has two events then, in order.
with
    looked_at as materialized (
        select position, xid, began_at, ctid as row_address
        from wagrun.outbox
        where position > $1
        order by position
        limit $2
    ),
    reach as materialized (
        select max(position) as last_position, count(*) as changes from looked_at
    ),
    -- The subquery has a limit so that it is an index probe for each row, and never a table of all that waits.
    whole as materialized (
        select looked_at.row_address, max(looked_at.position) over (partition by xid, began_at) as place
        from looked_at, reach
        where $3 or (
            select later.position from wagrun.outbox as later
            where later.xid = looked_at.xid and later.began_at = looked_at.began_at and later.position > reach.last_position
            order by later.position
            limit 1
        ) is null
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
    -- Of each part of an object the first state before and the last one after count.
    bounded as (
        select
            parted.*,
            lag(position) over in_order is null as is_first,
            lead(position) over in_order is null as is_last
        from parted
        where object is not null
        window in_order as (partition by xid, began_at, object, part order by position)
    ),
    folded as (
        select
            max(place) as place, max(position) as last_position, xid, object,
            (array_agg(key order by position))[1] as key, min(kind) as kind, min(model) as model,
            min(captured_at) as captured_at,
            bool_or(is_own_row) as has_own_row,
            bool_or(is_own_row and is_first and before is not null) as was_there,
            bool_or(is_own_row and is_last and after is not null) as is_there,
            -- The object's own columns last, so that they count where a part has one of the same name.
            wagrun.merged(before order by is_own_row, position) filter (where is_first) as before,
            wagrun.merged(after order by is_own_row, position) filter (where is_last) as after,
            string_agg(distinct array_to_string(changed, E'\n'), E'\n') filter (where changed <> '{}') as changed,
            (array_agg(editor order by position) filter (where editor is not null))[1] as editor
        from bounded
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
        where object is null
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
        returning model, is_part_only, set_apart_at is not null as is_set_apart
    )
select
    (select changes from reach) as looked_at,
    (select last_position from reach) as last_position,
    (select count(*) from taken) as taken,
    (select count(*) from claimed) as events,
    array(select distinct model from claimed where is_set_apart) as models_of_failures,
    array(select distinct model from claimed where is_part_only) as models_of_parts
