-- The next objects of a model in their present state, in order of keys.
--
-- $1: the id of the backfill run, or null when nothing is published
-- $2: the model
-- $3: the key of the last object before, or null
-- $4: the maximum number of objects
-- $5: the maximum size of all objects, in bytes
--
-- This is one statement, so that the objects, their pending changes and the sequence numbers are of one moment. A commit
-- that the statement does not see is claimed after it and gets a higher number. An object with a visible commit that is
-- not published yet must wait (is_pending). Its event would otherwise come later, with an older state.
with
    present as materialized (
        select * from (
            select found.*, octet_length(found.state::text) as bytes,
                sum(octet_length(found.state::text)) over (order by found.place) - octet_length(found.state::text) as bytes_before
            from wagrun.present_state($2, $3, $4) with ordinality as found (last_key, object, key, kind, state, place)
        ) as measured
        where bytes_before < $5 and object is not null
    ),
    waiting as (
        select object from wagrun.outbox
        union
        select object from wagrun.event where settled_at is null and set_apart_at is null
    )
select
    present.last_key,
    present.object in (select object from waiting where object is not null) as is_pending,
    -- The same object has the same id in all slices of a run, also when a crash repeats a slice.
    encode(substr(sha256(convert_to(coalesce($1::text, '') || '/' || present.object, 'UTF8')), 1, 16), 'hex')::uuid as id,
    '' as xid, present.object, present.key::text as key, present.kind, $2 as model,
    to_char(statement_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as time,
    null::text as before, present.state::text as after, '{}'::text[] as changed, false as is_part_only,
    false as is_incomplete, present.bytes::bigint as bytes,
    case when $1 is null then 0 else (select wagrun.reserve_sequence($4)) + present.place - 1 end as sequence,
    content_type.app_label || '.' || content_type.model as content_type,
    locale.language_code as locale,
    null::text as editor_id, null::text as editor_name,
    false as is_comparison, null::text as action, null::jsonb as seen_before, null::jsonb as seen_after, false as is_said, null::text as said
from present
left join django_content_type as content_type
    on content_type.id = wagrun.as_key(present.state ->> 'content_type_id')
left join wagtailcore_locale as locale
    on locale.id = wagrun.as_key(present.state ->> 'locale_id')
order by present.place
