-- Stores the decisions about events, and the visibility that each object's last event of them says.
--
-- $1 to $4: sequences, actions, visibilities before and after
-- $5 to $7: the objects of these events, the visibilities to remember, and false to remember none
-- $8: seconds until a page without a visibility is decided
with
    decided as (
        select * from unnest($1::bigint[], $2::text[], $3::jsonb[], $4::jsonb[], $5::text[], $6::jsonb[], $7::boolean[])
            with ordinality as given (sequence, action, seen_before, seen_after, object, said, is_kept, place)
    ),
    marked as (
        update wagrun.event as event
        set action = decided.action, seen_before = decided.seen_before, seen_after = decided.seen_after
        from decided where event.sequence = decided.sequence and decided.action is not null
    ),
    remembered as (
        select distinct on (object) object, said, is_kept from decided order by object, place desc
    ),
    forgotten as (
        delete from wagrun.visibility as known using remembered
        where known.object = remembered.object and not remembered.is_kept
    )
insert into wagrun.visibility as known (object, said, decide_at)
select object, said, case when said is null then clock_timestamp() + make_interval(secs => $8) end
from remembered where is_kept
on conflict (object) do update set
    said = excluded.said,
    -- An undecided page keeps its first time, also when it is over.
    decide_at = case when excluded.said is null and known.said is null then known.decide_at else excluded.decide_at end
where known.said is distinct from excluded.said
