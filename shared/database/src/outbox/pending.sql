-- The next pending events in order of sequence. The first one is returned whatever its size.
--
-- $1: only events with a higher sequence
-- $2: the maximum number of events
-- $3: the maximum size of all events, in bytes
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
