-- $1 the run, $2 the model, $3 the key of the last object before, or null, $4 objects at most.
--
-- One statement, so that the objects, what is pending and the sequence numbers belong together. A commit that this
-- statement does not see is claimed after it, and gets a higher number. An object with a commit that it does see but
-- that is not yet published must wait: that event would otherwise come later, with an older state.
select
    present.key,
    present.object in (select pending.object from wagrun.outbox as pending where pending.settled_at is null) as is_pending,
    present.place as position,
    -- The same object of the same run has the same id, however often a crash repeats it.
    encode(substr(sha256(convert_to($1::text || '/' || present.object, 'UTF8')), 1, 16), 'hex')::uuid as id,
    '' as xid, present.object, present.kind, $2 as model,
    to_char(statement_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as time,
    null::jsonb as before, present.state as after, '{}'::text[] as changed,
    nextval('wagrun.event_sequence') as sequence,
    content_type.app_label || '.' || content_type.model as content_type,
    locale.language_code as locale,
    null::text as editor_id, null::text as editor_name
from wagrun.present_state($2, $3, $4) with ordinality as present (key, object, kind, state, place)
left join django_content_type as content_type
    on content_type.id = wagrun.as_key(present.state ->> 'content_type_id')
left join wagtailcore_locale as locale
    on locale.id = wagrun.as_key(present.state ->> 'locale_id')
order by present.place
