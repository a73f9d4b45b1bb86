-- $1 after this sequence, $2 up to that one, $3 from this time on, $4 before that one, $5 the object, $6 events at most,
-- $7 bytes at most: what was published; a null asks for everything.
with
    change as (
        select * from (
            select next.*, sum(next.bytes) over (order by next.sequence) - next.bytes as bytes_before
            from (
                select * from wagrun.event
                where outcome = 'published' and sequence > $1 and sequence <= $2
                    and captured_at >= coalesce($3::timestamptz, '-infinity')
                    and captured_at < coalesce($4::timestamptz, 'infinity')
                    and object = coalesce($5, object)
                order by sequence
                limit $6
            ) as next
        ) as measured
        where bytes_before < $7
    )
