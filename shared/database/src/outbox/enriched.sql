-- The rows of `change` in order of sequence, with the values that an event shows besides: content type, locale, editor and
-- visibility.
    ,
    -- What the joins compare is taken out of the states once for each row.
    edit as materialized (
        select
            change.*,
            coalesce(change.after, change.before) ->> 'id' as row_key,
            wagrun.as_key(coalesce(change.after, change.before) ->> 'content_type_id') as content_type_id,
            wagrun.as_key(coalesce(change.after, change.before) ->> 'locale_id') as locale_id,
            change.before is null as is_new,
            change.after is null as is_deleted,
            change.before ->> 'live' = 'true' and change.after ->> 'live' = 'false' as is_dark,
            change.before ->> 'live' = 'false' and change.after ->> 'live' = 'true'
                or change.after ->> 'live_revision_id' is distinct from change.before ->> 'live_revision_id'
                    and change.after ->> 'live_revision_id' is not null as is_published,
            case when change.after ->> 'latest_revision_id' is distinct from change.before ->> 'latest_revision_id'
                then wagrun.as_key(change.after ->> 'latest_revision_id') end as draft_id,
            case when change.after ->> 'live_revision_id' is distinct from change.before ->> 'live_revision_id'
                then wagrun.as_key(change.after ->> 'live_revision_id') end as live_id
        from change
    )
-- States come as text, so that the failure to parse one row does not affect the others.
select
    edit.sequence, edit.id, edit.xid::text as xid, edit.object, edit.key::text as key, edit.kind, edit.model,
    to_char(edit.captured_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as time,
    edit.before::text as before, edit.after::text as after, edit.changed, edit.is_part_only,
    edit.incomplete is not null as is_incomplete, edit.bytes,
    content_type.app_label || '.' || content_type.model as content_type,
    locale.language_code as locale,
    editor.id as editor_id,
    case when editor.id is not null then wagrun.editor_name(editor.id) end as editor_name,
    edit.is_comparison, edit.action, edit.seen_before, edit.seen_after, visibility.object is not null as is_said, visibility.said::text as said
from edit
left join wagrun.visibility as visibility on visibility.object = edit.object
left join django_content_type as content_type on content_type.id = edit.content_type_id
left join wagtailcore_locale as locale on locale.id = edit.locale_id
-- The editor is the first known one of these: the user that the site named, the author of a new draft, the creator of a new object,
-- the user in the audit log, and the author of a revision that was published right after it was made. A publication that the log
-- ascribes to nobody was made by the clock, and the revision's author is not its editor.
left join wagtailcore_revision as draft on draft.id = edit.draft_id
left join wagtailcore_revision as published
    on published.id = edit.live_id and published.created_at > edit.captured_at - interval '10 seconds'
-- Wagtail writes the audit log a moment after the change, so an entry may be missing. The entry has the time of the web server,
-- whose clock may be slow by some milliseconds. A deletion is logged before it is done. The action must fit the change, because
-- another user may edit the object a second before or after. The nearest entry counts.
left join lateral (
    select log.user_id, log.action
    from (
        select page_log.user_id, page_log.action, page_log.timestamp
        from wagtailcore_pagelogentry as page_log
        where edit.kind = 'page' and page_log.page_id = wagrun.as_key(edit.row_key)
        union all
        select model_log.user_id, model_log.action, model_log.timestamp
        from wagtailcore_modellogentry as model_log
        join django_content_type as log_type on log_type.id = model_log.content_type_id
        where edit.kind <> 'page' and model_log.object_id = edit.key #>> '{}'
            and log_type.app_label || '.' || log_type.model = edit.model
    ) as log
    where log.timestamp < edit.captured_at + interval '1 minute'
        and log.timestamp > edit.captured_at
            - case when edit.is_deleted then interval '1 minute' else interval '100 milliseconds' end
        and case
            when edit.is_deleted then log.action = 'wagtail.delete'
            when edit.is_dark then log.action like 'wagtail.unpublish%'
            when edit.is_published then log.action in ('wagtail.publish', 'wagtail.publish.scheduled')
            else log.action not in ('wagtail.delete', 'wagtail.unpublish', 'wagtail.unpublish.scheduled', 'wagtail.publish',
                                    'wagtail.publish.scheduled')
                and log.action not like 'wagtail.comments.%'
        end
    order by abs(extract(epoch from log.timestamp - edit.captured_at))
    limit 1
) as logged on true
cross join lateral (
    select coalesce(
        edit.editor,
        draft.user_id::text,
        case when edit.is_new then coalesce(edit.after ->> 'owner_id', edit.after ->> 'uploaded_by_user_id') end,
        case when logged.action is not null then logged.user_id else published.user_id end::text
    ) as id
) as editor
order by edit.sequence
