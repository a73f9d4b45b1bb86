-- $1 after this sequence, $2 events at most, $3 bytes at most: those that are not settled, in order. The first always comes,
-- whatever its size.
with
    change as (
        select * from (
            select next.*, sum(next.bytes) over (order by next.sequence) - next.bytes as bytes_before
            from (
                select * from wagrun.event
                where settled_at is null and set_apart_at is null and sequence > $1
                order by sequence
                limit $2
            ) as next
        ) as measured
        where bytes_before < $3
    )
