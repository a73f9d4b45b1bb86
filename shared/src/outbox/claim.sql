-- $1 rows at most, $2 objects to leave alone (an earlier event of theirs could not be published).
with
    -- Pending rows in order of capture; a row that was claimed before keeps its number.
    numbered as materialized (
        select position, coalesce(sequence, nextval('wagrun.event_sequence')) as sequence
        from (
            select position, sequence
            from wagrun.outbox
            where settled_at is null and object <> all ($2)
            order by position
            limit $1
        ) as pending
    ),
    change as (
        update wagrun.outbox as o
        set sequence = numbered.sequence, claimed_at = coalesce(o.claimed_at, clock_timestamp())
        from numbered
        where o.position = numbered.position
        returning o.*
    )
