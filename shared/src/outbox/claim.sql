-- $1 rows at most, $2 objects to leave alone (an earlier event of theirs could not be published).
with
    -- Pending rows in order of capture; a row that was claimed before keeps its number.
    numbered as materialized (
        select position, coalesce(sequence, nextval('wagrun.event_sequence')) as sequence
        from (
            select position, sequence
            from wagrun.outbox
            where settled_at is null and object <> all ($2)
            order by position
            limit $1
        ) as pending
    ),
    claimed as (
        update wagrun.outbox as o
        set sequence = numbered.sequence, claimed_at = coalesce(o.claimed_at, clock_timestamp())
        from numbered
        where o.position = numbered.position
        returning o.*
    )
select
    claimed.position, claimed.id, claimed.xid::text as xid, claimed.object, claimed.kind, claimed.model,
    to_char(claimed.captured_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as time,
    claimed.before, claimed.after, claimed.changed, claimed.sequence,
    content_type.app_label || '.' || content_type.model as content_type,
    locale.language_code as locale,
    editor.id as editor_id,
    case when editor.id is not null then wagrun.editor_name(editor.id) end as editor_name
from claimed
left join django_content_type as content_type
    on content_type.id = wagrun.as_key(coalesce(claimed.after, claimed.before) ->> 'content_type_id')
left join wagtailcore_locale as locale
    on locale.id = wagrun.as_key(coalesce(claimed.after, claimed.before) ->> 'locale_id')
-- Who did it: whom the site named, the author of a newly live or new revision, whoever created the object, or else the audit log,
-- which Wagtail writes a moment after the change and which may therefore not be there yet.
left join wagtailcore_revision as revision
    on revision.id = case
        when claimed.after ->> 'live_revision_id' is distinct from claimed.before ->> 'live_revision_id'
            then wagrun.as_key(claimed.after ->> 'live_revision_id')
        when claimed.after ->> 'latest_revision_id' is distinct from claimed.before ->> 'latest_revision_id'
            then wagrun.as_key(claimed.after ->> 'latest_revision_id')
    end
left join lateral (
    select log.user_id
    from wagtailcore_pagelogentry as log
    where claimed.kind = 'page'
        and log.page_id = wagrun.as_key(coalesce(claimed.after, claimed.before) ->> 'id')
        and log.timestamp between claimed.captured_at - interval '1 second' and claimed.captured_at + interval '1 minute'
    order by log.timestamp
    limit 1
) as page_log on true
cross join lateral (
    select coalesce(
        claimed.editor,
        revision.user_id::text,
        case when claimed.before is null then
            coalesce(claimed.after ->> 'owner_id', claimed.after ->> 'uploaded_by_user_id')
        end,
        page_log.user_id::text
    ) as id
) as editor
order by claimed.position
