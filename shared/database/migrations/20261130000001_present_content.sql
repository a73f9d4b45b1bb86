-- The content that is there when its table is first watched is recorded after the triggers, and not in their transaction.
--
-- Intent: that transaction locks the table against writers, and recording reads all of it. Editors of a large site would wait for
-- seconds. What they change meanwhile is in the outbox, and is left to its events.

drop trigger record_present_visibility on wagrun.watched_table;
drop function wagrun.record_present_visibility();

alter table wagrun.watched_table add column is_recorded boolean not null default false;
comment on column wagrun.watched_table.is_recorded is
    'True for an own table of pages or documents whose content, as it was found, is in wagrun.visibility. Until then migrate records '
    'it under the drain lock.';
update wagrun.watched_table set is_recorded = true;

create function wagrun.is_content_recorded(watched regclass) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce((select is_recorded from wagrun.watched_table where relation = watched), false)
$$;
comment on function wagrun.is_content_recorded is 'Returns true for a watched table whose present content was recorded.';

-- An object with a pending change of its own row is left out. Its event knows by the row before the change what was public, and
-- whether the object is new.
create function wagrun.record_present_content(watched regclass) returns void
language plpgsql
as $$
declare
    listed wagrun.watched_table;
begin
    update wagrun.watched_table set is_recorded = true where relation = watched returning * into strict listed;
    execute format(
        'insert into wagrun.visibility (object, said)
         select present.object, ''{}''
         from (select %L || %I as object from %s %s) as present
         where not exists (select from wagrun.outbox as pending where pending.object = present.object and pending.is_own_row)
           and not exists (select from wagrun.event where event.object = present.object and settled_at is null)
         on conflict do nothing',
        listed.object || '/', listed.key_column, listed.relation, case listed.kind when 'page' then 'where live' end);
end
$$;
comment on function wagrun.record_present_content is
    'Records the live pages or the documents of a table as known, so that no event says that they are there. The caller holds the '
    'drain lock since before the table has triggers.';

revoke all on function wagrun.is_content_recorded, wagrun.record_present_content from public;
