-- The rows of `change` in order of sequence, with the values that an event shows besides: content type, locale, editor and
-- visibility.
-- States come as text, so that the failure to parse one row does not affect the others.
select
    change.sequence, change.id, change.xid::text as xid, change.object, change.key::text as key, change.kind, change.model,
    to_char(change.captured_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as time,
    change.before::text as before, change.after::text as after, change.changed, change.is_part_only,
    change.incomplete is not null as is_incomplete, change.bytes,
    content_type.app_label || '.' || content_type.model as content_type,
    locale.language_code as locale,
    editor.id as editor_id,
    case when editor.id is not null then wagrun.editor_name(editor.id) end as editor_name,
    change.action, change.seen_before, change.seen_after, visibility.object is not null as is_said, visibility.said::text as said
from change
left join wagrun.visibility as visibility on visibility.object = change.object
left join django_content_type as content_type
    on content_type.id = wagrun.as_key(coalesce(change.after, change.before) ->> 'content_type_id')
left join wagtailcore_locale as locale
    on locale.id = wagrun.as_key(coalesce(change.after, change.before) ->> 'locale_id')
-- The editor is the first known one of these: the user that the site named, the author of the new live or latest revision,
-- the creator of the object, and the user in the audit log.
-- Wagtail writes the audit log a moment after the change, so an entry may be missing. The entry has the time of the web
-- server, whose clock may be slow by some milliseconds. A deletion is logged before it is done. The limits are narrow,
-- because wider ones would find the entry of an earlier edit.
left join wagtailcore_revision as revision
    on revision.id = case
        when change.after ->> 'live_revision_id' is distinct from change.before ->> 'live_revision_id'
            then wagrun.as_key(change.after ->> 'live_revision_id')
        when change.after ->> 'latest_revision_id' is distinct from change.before ->> 'latest_revision_id'
            then wagrun.as_key(change.after ->> 'latest_revision_id')
    end
left join lateral (
    select log.user_id
    from wagtailcore_pagelogentry as log
    where change.kind = 'page'
        and log.page_id = wagrun.as_key(coalesce(change.after, change.before) ->> 'id')
        and log.timestamp > change.captured_at
            - case when change.after is null then interval '1 second' else interval '100 milliseconds' end
        and log.timestamp < change.captured_at + interval '1 minute'
    order by log.timestamp
    limit 1
) as page_log on true
cross join lateral (
    select coalesce(
        change.editor,
        revision.user_id::text,
        case when change.before is null then
            coalesce(change.after ->> 'owner_id', change.after ->> 'uploaded_by_user_id')
        end,
        page_log.user_id::text
    ) as id
) as editor
order by change.sequence
