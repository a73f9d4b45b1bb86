-- Content that came while capture was off is known from the next migrate on, as content is that was there before capture.
--
-- Intent: Django's migrations create pages, and so do imports that switch capture off. No event says so. But when such a page becomes
-- private later, with the section above it, those who have found it otherwise must hear of it.

-- What is known already is left out, because most of a large site is.
create or replace function wagrun.record_present_content(watched regclass) returns void
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
         where not exists (select from wagrun.visibility as known where known.object = present.object)
           and not exists (select from wagrun.outbox as pending where pending.object = present.object and pending.is_own_row)
           and not exists (select from wagrun.event where event.object = present.object and settled_at is null)
         on conflict do nothing',
        listed.object || '/', listed.key_column, listed.relation, case listed.kind when 'page' then 'where live' end);
end
$$;
comment on function wagrun.record_present_content is
    'Records the live pages or the documents of a table as known, so that no event says that they are there. For the first time the '
    'caller holds the drain lock since before the table has triggers.';

-- One snapshot shows a page and what is pending of it, so this needs no lock. The URL patterns are stored afterwards, which rings for
-- the comparison.
create function wagrun.record_uncaptured_content() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform wagrun.record_present_content(listed.relation)
    from wagrun.watched_table as listed join pg_class on pg_class.oid = listed.relation
    where listed.is_recorded and listed.root is null and listed.collection is null and listed.kind in ('page', 'document');
    if exists (select from wagrun.visibility where said = '{}') then
        update wagrun.visibility_scan set is_wanted = true;
    end if;
end
$$;
comment on function wagrun.record_uncaptured_content is
    'Records live pages and documents that no event said anything of as known, and asks for a comparison, which records who sees them.';
revoke all on function wagrun.record_uncaptured_content from public;
