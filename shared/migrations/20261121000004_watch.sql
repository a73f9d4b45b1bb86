-- Which tables are watched, and who may do what.

-- No fixed search_path here: migrate calls it as the owner, and Django's table names resolve as Django's own do.
create function wagrun.watch(discovered jsonb) returns integer
language plpgsql
as $$
declare
    stale   regclass;
    watched regclass;
begin
    -- A table that Django no longer knows keeps its rows but loses its triggers.
    for stale in
        select relation from wagrun.watched_table
        where relation not in (select (entry ->> 'table')::regclass from jsonb_array_elements(discovered) as entry)
    loop
        if exists (select from pg_class where oid = stale) then
            execute format('drop trigger if exists wagrun_capture_row on %s', stale);
            execute format('drop trigger if exists wagrun_capture_update on %s', stale);
            execute format('drop trigger if exists wagrun_capture_truncate on %s', stale);
        end if;
        delete from wagrun.watched_table where relation = stale;
    end loop;

    insert into wagrun.watched_table as known
        (relation, kind, model, object, key_column, root, collection, fields, withheld, ignored)
    select
        (entry ->> 'table')::regclass, entry ->> 'kind', entry ->> 'model', entry ->> 'object',
        (entry ->> 'key_column')::name, (entry ->> 'root')::regclass, entry ->> 'collection', entry -> 'fields',
        array(select jsonb_array_elements_text(entry -> 'withheld')),
        array(select jsonb_array_elements_text(entry -> 'ignored'))
    from jsonb_array_elements(discovered) as entry
    on conflict (relation) do update set
        kind = excluded.kind, model = excluded.model, object = excluded.object, key_column = excluded.key_column,
        root = excluded.root, collection = excluded.collection, fields = excluded.fields,
        withheld = excluded.withheld, ignored = excluded.ignored;

    -- Creating a trigger locks the table against writes, so only tables without one are touched.
    for watched in
        select relation from wagrun.watched_table
        where not exists (
            select from pg_trigger where tgrelid = relation and tgname = 'wagrun_capture_truncate'
        )
    loop
        execute format(
            'create or replace trigger wagrun_capture_row after insert or delete on %s
             for each row execute function wagrun.capture()', watched);
        -- *<> compares the rows' bytes, which every type has; `is distinct from` fails on json, and naming
        -- columns would stop a later Django migration from dropping them.
        execute format(
            'create or replace trigger wagrun_capture_update after update on %s
             for each row when (old.* *<> new.*) execute function wagrun.capture()', watched);
        execute format(
            'create or replace trigger wagrun_capture_truncate before truncate on %s
             for each statement execute function wagrun.capture_truncate()', watched);
    end loop;
    return (select count(*) from wagrun.watched_table);
end
$$;
comment on function wagrun.watch is
    'Makes the watched tables exactly the discovered ones, attaching and detaching triggers; returns how many there are.';

create function wagrun.editor_name(user_id text) returns text
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    name text;
begin
    -- The site chooses its user model, so its table and columns are settings; no view, which would pin the columns.
    execute (
        select format('select %I::text from %s where %I = %L',
                      max(value) filter (where s.name = 'user_name'), max(value) filter (where s.name = 'user_table'),
                      max(value) filter (where s.name = 'user_key'), user_id)
        from wagrun.setting as s
    ) into name;
    return name;
-- The site names its editor by itself, and a name that is no key of its users must not stop the drain.
exception when data_exception then
    return null;
end
$$;
comment on function wagrun.editor_name is 'The user''s name; all that the relay role may know of a user.';

create function wagrun.as_key(value text) returns bigint
language sql immutable
as $$
    select case when value ~ '^[0-9]{1,18}$' then value::bigint end
$$;
comment on function wagrun.as_key is
    'A captured value as an integer key, or null: a watched table may call anything locale_id.';

create function wagrun.set_up_roles(web_role name, relay_role name) returns void
language plpgsql
as $$
declare
    role name;
begin
    foreach role in array array[web_role, relay_role] loop
        if not exists (select from pg_roles where rolname = role) then
            execute format('create role %I login', role);
        end if;
        -- On Aurora a role without a password comes in by IAM.
        if exists (select from pg_roles where rolname = 'rds_iam') then
            execute format('grant rds_iam to %I', role);
        end if;
    end loop;

    -- The web role: every table of the site's, none of wagrun's.
    execute format('grant select, insert, update, delete on all tables in schema public to %I', web_role);
    execute format('grant usage, select, update on all sequences in schema public to %I', web_role);
    execute format('alter default privileges in schema public grant select, insert, update, delete on tables to %I', web_role);
    execute format('alter default privileges in schema public grant usage, select, update on sequences to %I', web_role);

    -- The relay role: reads and settles the outbox, and reads the few columns of Wagtail's that an event shows.
    execute format('grant usage on schema wagrun to %I', relay_role);
    execute format('grant select on wagrun.watched_table to %I', relay_role);
    execute format('grant select, delete on wagrun.outbox to %I', relay_role);
    execute format(
        'grant update (sequence, claimed_at, settled_at, outcome, failures, last_error) on wagrun.outbox to %I',
        relay_role);
    execute format('grant usage on sequence wagrun.event_sequence to %I', relay_role);
    execute format('grant execute on function wagrun.ring, wagrun.editor_name, wagrun.as_key to %I', relay_role);
    execute format('grant select on django_content_type, wagtailcore_locale, wagtailcore_site to %I', relay_role);
    execute format('grant select (id, url_path) on wagtailcore_page to %I', relay_role);
    execute format('grant select (id, user_id) on wagtailcore_revision to %I', relay_role);
    execute format('grant select (page_id, user_id, timestamp) on wagtailcore_pagelogentry to %I', relay_role);
end
$$;
comment on function wagrun.set_up_roles is 'Creates the web and the relay role where they are missing, and grants each what it needs.';

revoke all on function wagrun.watch, wagrun.editor_name, wagrun.as_key, wagrun.set_up_roles from public;
