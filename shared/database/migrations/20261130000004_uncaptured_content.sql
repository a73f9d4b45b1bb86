-- Content that came while capture was off is known from the next migrate on, as content is that was there before capture.
--
-- Intent: Django's migrations create pages, and so do imports that switch capture off. No event says so. But when such a page becomes
-- private later, with the section above it, those who have found it otherwise must hear of it.

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
