-- Folds the changes of whole transactions into events, one for each transaction and object, and numbers the events.
--
-- $1: only changes behind this position
-- $2: the maximum number of changes
-- $3: true when transactions may be split
-- $4: the snapshot of the first claim of this pass, or null in the first claim
--
-- A transaction's place is the position of its last change. A row is captured while its transaction holds the row's lock. So
-- of two transactions that changed the same row, the later one has its last change behind all changes of the earlier one.
-- Wherever two transactions met, this order is the order of their commits.
--
-- A transaction that extends beyond the examined changes waits for a later claim, together with all transactions after it.
-- Only a transaction that is too large to be folded at once is split ($3). An object that it changes in two pieces then has
-- two events, in order.
--
-- A pass takes only changes that were committed when it began ($4). A later commit may belong before a position that the
-- pass has already left. A change that waited for that commit may belong behind a position that is still to come. The next
-- pass takes both, in order.
with
    pass as materialized (
        select coalesce($4::pg_snapshot, pg_current_snapshot()) as pass_snapshot
    ),
    -- A visible row whose transaction has not ended was restored from a dump. In this cluster another transaction has its id.
    examined as materialized (
        select position, xid, began_at, ends, ctid as row_address
        from wagrun.outbox, pass
        where position > $1
            and (pg_visible_in_snapshot(xid, pass_snapshot) or not pg_visible_in_snapshot(xid, pg_current_snapshot()))
        order by position
        limit $2
    ),
    reach as materialized (
        select max(position) as last_position, count(*) as changes from examined
    ),
    measured as (
        select row_address, bool_or(ends) over (partition by xid, began_at) as is_whole from examined
    ),
    -- With fewer changes than the maximum, all changes were examined, so every transaction is whole.
    whole as materialized (
        select row_address from measured, reach where $3 or is_whole or changes < $2
    ),
    taken as materialized (
        delete from wagrun.outbox where ctid = any (array(select row_address from whole)) returning *
    ),
    -- Part 0 is the object's own row. It may move from one partition to another, so its relation does not count.
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
    -- Most parts of an object have one change. Of several changes, each state that one change left and another one found
    -- cancels out, in whatever order the triggers fired. The first state before and the last state after are left. When no
    -- state is left, the changes led back to the first state.
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
    -- The numbers of a field add up to the digest of its value after the transaction, minus that before, in whatever order the
    -- triggers fired. A sum of zero means that the changes led back.
    differing as (
        select xid, began_at, object, field
        from ordered
        cross join lateral jsonb_each_text(changed) as digest (field, number)
        where changed <> '{}'
        group by xid, began_at, object, field
        having sum(digest.number::numeric) <> 0
    ),
    -- A union of everything known of an object, because the planner might choose a slow plan for a join.
    known as (
        select
            xid, began_at, object, place, position, key, kind, model, captured_at, editor, null as changed,
            null::boolean as is_own_row, null::jsonb as before, null::jsonb as after
        from ordered
        union all
        select
            xid, began_at, object, null, null, null, null, null, null, null, null, is_own_row, before, after
        from netted
        union all
        select
            xid, began_at, object, null, null, null, null, null, null, null, field, null, null, null
        from differing
    ),
    folded as (
        select
            max(place) as place, max(position) as last_position, xid, object,
            (array_agg(key order by position) filter (where key is not null))[1] as key,
            min(kind) as kind, min(model) as model, min(captured_at) as captured_at,
            bool_or(is_own_row) as has_own_row,
            bool_or(is_own_row and before <> 'null') as was_there,
            bool_or(is_own_row and after <> 'null') as is_there,
            -- The object's own columns come last, so that they win over a part's column of the same name.
            wagrun.merged(nullif(before, 'null') order by is_own_row) as before,
            wagrun.merged(nullif(after, 'null') order by is_own_row) as after,
            coalesce(array_agg(changed order by changed) filter (where changed is not null), '{}') as changed,
            (array_agg(editor order by position) filter (where editor is not null))[1] as editor
        from known
        group by xid, began_at, object
    ),
    noted as (
        select
            place, last_position, xid, object, key, kind, model, captured_at,
            case when was_there or not has_own_row then before end as before,
            case when is_there or not has_own_row then after end as after,
            changed, editor, not has_own_row as is_part_only,
            null::text as failure
        from folded
        union all
        -- A change whose object the trigger could not determine is set apart at once.
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
    (select pass_snapshot::text from pass) as snapshot,
    (select changes from reach) as examined,
    (select last_position from reach) as last_position,
    (select count(*) from taken) as taken,
    array(select distinct model from claimed where is_set_apart) as models_of_failures
