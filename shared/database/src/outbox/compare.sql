-- Numbers an event of the present state for each of these pages and documents, in the order of their names.
--
-- $1: the names of the objects
insert into wagrun.event
    (sequence, xid, object, key, kind, model, captured_at, before, after, changed, is_part_only, is_comparison,
     bytes)
select
    (select wagrun.reserve_sequence(cardinality($1::text[]))) + row_number() over (order by given.object) - 1,
    pg_current_xact_id(), given.object,
    -- The key has the type that capture gives it.
    case when given.key ~ '^[0-9]{1,18}$' then to_jsonb(given.key::bigint) else to_jsonb(given.key) end,
    listed.kind, listed.model, clock_timestamp(), '{}', '{}', '{}', true, true, 0
from (
    select object, split_part(object, '/', 1) as prefix, substr(object, strpos(object, '/') + 1) as key
    from unnest($1::text[]) as object
) as given
join wagrun.watched_table as listed
    on listed.object = given.prefix and listed.root is null and listed.collection is null
        and listed.kind in ('page', 'document')
