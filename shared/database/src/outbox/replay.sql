-- The next published events in order of sequence. The first one is returned whatever its size. A marked change is of no object.
--
-- $1: only events with a higher sequence
-- $2: only events up to this sequence
-- $3: only changes captured at this time or later, or null
-- $4: only changes captured before this time, or null
-- $5: only changes of this object, or null
-- $6: the maximum number of events
-- $7: the maximum size of all events, in bytes
with
    change as (
        select * from (
            select next.*, sum(next.bytes) over (order by next.sequence) - next.bytes as bytes_before
            from (
                select * from wagrun.event
                where outcome = 'published' and model <> 'wagrun.mark' and sequence > $1 and sequence <= $2
                    and captured_at >= coalesce($3::timestamptz, '-infinity')
                    and captured_at < coalesce($4::timestamptz, 'infinity')
                    and object = coalesce($5, object)
                order by sequence
                limit $6
            ) as next
        ) as measured
        where bytes_before < $7
    )
