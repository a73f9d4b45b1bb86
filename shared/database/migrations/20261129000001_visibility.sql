-- Visibility: who can see a live page or a document, and at which addresses.
--
-- Intent: a receiver that listens to publications, unpublications, moves and deletions knows which pages the public can see,
-- and where. That depends on more than the page's own row: on view restrictions above it, on sites and their root pages, on
-- languages, and on Django's URL configuration. So the drainer keeps what its events have said of each object, compares that
-- with what holds now, and sends an event for each difference. A cause that nobody thought of is found like any other.

create table wagrun.visibility (
    object    text primary key,
    said      jsonb,
    decide_at timestamptz
);
comment on table wagrun.visibility is
    'One row for each live page and each document: its visibility, as the last event of it said. Only the drainer writes here, in '
    'the order of events.';
comment on column wagrun.visibility.said is
    '{"visible_to": …, "groups": […], "urls": […]}. It is {} for an object that was there when wagrun was installed, until the '
    'first drain. Null for a page that was inserted as live, until its visibility is decided.';
comment on column wagrun.visibility.decide_at is
    'The time at which a page that was inserted as live is told to be published, if it is still live then. Wagtail''s admin '
    'inserts a page as live a moment before it publishes, schedules or restricts it. Null once that event exists.';

create index visibility_undecided on wagrun.visibility (decide_at) where decide_at is not null;

create table wagrun.visibility_scan (
    is_only_row boolean primary key default true,
    rules       text,
    is_wanted   boolean not null default true,
    constraint visibility_scan_only_row check (is_only_row)
);
comment on table wagrun.visibility_scan is
    'One row: the rules with which the visibility of all objects was compared last.';
comment on column wagrun.visibility_scan.rules is
    'A digest of the sites, restrictions, collections and URL patterns. Another digest is a reason to compare all objects. Null before '
    'the first time.';
comment on column wagrun.visibility_scan.is_wanted is
    'True when a comparison is due: the rules are not those of the last one, or migrate asks for it.';
insert into wagrun.visibility_scan default values;

-- The content that is there when its table is first watched is known. No event says so. The trigger is deferred to the end of the
-- transaction that creates the capture triggers, which locks the table against writers. So no change falls between the two.
create function wagrun.record_present_visibility() returns trigger
language plpgsql
as $$
begin
    execute format(
        'insert into wagrun.visibility (object, said) select %L || %I, ''{}'' from %s %s on conflict do nothing',
        new.object || '/', new.key_column, new.relation, case new.kind when 'page' then 'where live' end);
    return null;
end
$$;
comment on function wagrun.record_present_visibility is
    'Deferred trigger of wagrun.watched_table. Records the live pages and the documents of a table that was not watched before.';

create constraint trigger record_present_visibility
after insert on wagrun.watched_table
deferrable initially deferred
for each row when (new.root is null and new.collection is null and new.kind in ('page', 'document'))
execute function wagrun.record_present_visibility();

create function wagrun.own_table(of_kind text) returns regclass
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select listed.relation from wagrun.watched_table as listed join pg_class on pg_class.oid = listed.relation
    where listed.kind = of_kind and listed.root is null and listed.collection is null
    order by listed.model limit 1
$$;
comment on function wagrun.own_table is 'Returns the table with the own rows of pages or documents, or null before the first migrate.';

-- The functions below read content for the drainer as their owner. The site may have a page model of its own, so the table of
-- pages is looked up.

create function wagrun.site_roots(with_translations boolean)
returns table (site bigint, hostname text, port integer, root_path text, language text, is_home boolean, is_used boolean)
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if wagrun.own_table('page') is null then
        return;
    end if;
    -- The order of Site.get_site_root_paths: the first root above a page is that of its URL.
    return query execute format(
        'select site.id::bigint, site.hostname::text, site.port::integer, root.url_path::text, locale.language_code::text,
                root.id = home.id, root.id = home.id or root.live
         from wagtailcore_site as site
         join %1$s as home on home.id = site.root_page_id
         join %1$s as root on root.id = home.id or ($1 and root.translation_key = home.translation_key)
         join wagtailcore_locale as locale on locale.id = root.locale_id
         order by home.url_path desc, site.is_default_site desc, site.hostname, site.id, root.id',
        wagrun.own_table('page')) using with_translations;
end
$$;
comment on function wagrun.site_roots is
    'Returns the root pages of all sites in Wagtail''s order, on demand with their translations. A translation is used only when it '
    'is live.';

create function wagrun.view_restrictions() returns table (kind text, path text, restriction text, groups text[])
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if wagrun.own_table('page') is null then
        return;
    end if;
    -- Most sites have none. The query below would cost a new session two milliseconds.
    if not exists (select from wagtailcore_pageviewrestriction) and not exists (select from wagtailcore_collectionviewrestriction) then
        return;
    end if;
    -- As in Page.get_view_restrictions, an alias has the restrictions of its source instead of its own.
    return query execute format(
        'with recursive shown (restriction_id, page_id, path) as (
             select restriction.id, page.id, page.path
             from wagtailcore_pageviewrestriction as restriction join %1$s as page on page.id = restriction.page_id
             where page.alias_of_id is null
             union
             select shown.restriction_id, alias.id, alias.path
             from shown join %1$s as alias on alias.alias_of_id = shown.page_id
         )
         select ''page'', shown.path::text, restriction.restriction_type::text,
                array(select auth_group.name::text from wagtailcore_pageviewrestriction_groups as link
                      join auth_group on auth_group.id = link.group_id
                      where link.pageviewrestriction_id = restriction.id order by 1)
         from shown join wagtailcore_pageviewrestriction as restriction on restriction.id = shown.restriction_id
         union all
         select ''document'', collection.path::text, restriction.restriction_type::text,
                array(select auth_group.name::text from wagtailcore_collectionviewrestriction_groups as link
                      join auth_group on auth_group.id = link.group_id
                      where link.collectionviewrestriction_id = restriction.id order by 1)
         from wagtailcore_collectionviewrestriction as restriction
         join wagtailcore_collection as collection on collection.id = restriction.collection_id
         order by 1, 2, 3, 4',
        wagrun.own_table('page'));
end
$$;
comment on function wagrun.view_restrictions is
    'Returns the view restrictions of pages, and those of collections, which hold for documents. A restriction holds for everything '
    'whose path begins with its path.';

create function wagrun.collections() returns table (id bigint, path text)
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if wagrun.own_table('document') is not null then
        return query select collection.id::bigint, collection.path::text from wagtailcore_collection as collection order by 1;
    end if;
end
$$;
comment on function wagrun.collections is 'Returns the paths of all collections.';

create function wagrun.seen_objects(after_object text, most integer) returns table (object text, said jsonb, image jsonb)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    -- A table that is not watched any more has no part here.
    images text := concat_ws(' union all ',
        'select ''page/'' || id, jsonb_build_object(''path'', path, ''url_path'', url_path, ''content_type'', content_type_id)
         from ' || wagrun.own_table('page')
            || ' where live and id in (select substr(object, 6)::bigint from known where object like ''page/%'')',
        'select ''document/'' || id, jsonb_build_object(''collection'', collection_id)
         from ' || wagrun.own_table('document')
            || ' where id::text in (select substr(object, 10) from known where object like ''document/%'')');
begin
    if images = '' then
        return;
    end if;
    return query execute format(
        'with known as materialized (
             select object, said from wagrun.visibility where object > $1 and said is not null order by object limit $2
         )
         select known.object, known.said, present.image
         from known left join (%s) as present (object, image) on present.object = known.object
         order by known.object', images)
        using after_object, most;
end
$$;
comment on function wagrun.seen_objects is
    'Returns the next live pages and documents of which an event has said a visibility, with the columns that decide it now. The '
    'image is null for an object that is gone or no longer live, which an event of its own tells.';

-- Settings of the site that migrate asks Django for. A change of them changes addresses, so all objects are compared.
create function wagrun.set_url_patterns(patterns jsonb) returns void
language plpgsql
as $$
begin
    if patterns::text is not distinct from (select value from wagrun.setting where name = 'url_patterns')
        and not (select is_wanted from wagrun.visibility_scan)
    then
        return;
    end if;
    insert into wagrun.setting values ('url_patterns', patterns::text)
    on conflict (name) do update set value = excluded.value;
    update wagrun.visibility_scan set is_wanted = true;
    -- Rings the doorbell at the commit.
    insert into wagrun.schedule_change default values;
end
$$;
comment on function wagrun.set_url_patterns is 'Stores the URL patterns of the site. Rings the doorbell when they are new.';

create function wagrun.url_patterns() returns jsonb
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select value::jsonb from wagrun.setting where name = 'url_patterns'
$$;
comment on function wagrun.url_patterns is 'Returns the URL patterns of the site, or null before migrate has stored them.';

revoke all on function wagrun.record_present_visibility, wagrun.own_table, wagrun.site_roots, wagrun.view_restrictions,
    wagrun.collections, wagrun.seen_objects, wagrun.set_url_patterns, wagrun.url_patterns from public;
