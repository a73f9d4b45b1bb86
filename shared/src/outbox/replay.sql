-- $1 after this sequence, $2 up to that one, $3 from this time on, $4 before that one, $5 the object, $6 rows at most.
with
    -- What was published before the replay was asked for; a null asks for everything.
    change as (
        select *
        from wagrun.outbox
        where outcome = 'published' and sequence > $1 and sequence <= $2
            and captured_at >= coalesce($3::timestamptz, '-infinity')
            and captured_at < coalesce($4::timestamptz, 'infinity')
            and object = coalesce($5, object)
        order by sequence
        limit $6
    )
