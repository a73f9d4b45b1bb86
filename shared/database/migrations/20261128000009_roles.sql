-- The roles and their rights. The web role writes content, but no table of wagrun's. The relay role drains the outbox. It reads
-- no table of content, except for a few columns of Wagtail's.

create function wagrun.set_up_roles(web_role name, relay_role name) returns void
language plpgsql
as $$
declare
    role  name;
    owned record;
begin
    foreach role in array array[web_role, relay_role] loop
        if not exists (select from pg_roles where rolname = role) then
            execute format('create role %I login', role);
            -- On RDS a role without a password authenticates by IAM. An existing role keeps its way to authenticate, because
            -- this grant would disable its password and lock out a running site.
            if exists (select from pg_roles where rolname = 'rds_iam') then
                execute format('grant rds_iam to %I', role);
            end if;
        end if;
    end loop;

    -- The web role: every table of the site, and none of wagrun's.
    begin
        execute format('grant select, insert, update, delete on all tables in schema public to %I', web_role);
        execute format('grant usage, select, update on all sequences in schema public to %I', web_role);
    exception when insufficient_privilege then
        -- A table of another owner is among them. So the others are granted one by one, which waits for locked tables.
        for owned in
            select oid::regclass as relation, relkind from pg_class
            where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f', 'S')
              and pg_has_role(relowner, 'usage')
        loop
            execute format(
                case owned.relkind when 'S' then 'grant usage, select, update on sequence %s to %I'
                                   else 'grant select, insert, update, delete on %s to %I' end,
                owned.relation, web_role);
        end loop;
    end;
    execute format('alter default privileges in schema public grant select, insert, update, delete on tables to %I', web_role);
    execute format('alter default privileges in schema public grant usage, select, update on sequences to %I', web_role);

    -- The relay role: takes captured changes, numbers and settles events, and reads the few columns of Wagtail's that an event
    -- shows.
    execute format('grant usage on schema wagrun to %I', relay_role);
    execute format('grant select on wagrun.watched_table to %I', relay_role);
    execute format('grant select, delete on wagrun.outbox to %I', relay_role);
    execute format('grant select, insert, delete on wagrun.event to %I', relay_role);
    execute format(
        'grant update (settled_at, outcome, failures, last_error, set_apart_at, action, seen_before, seen_after) on wagrun.event to %I',
        relay_role);
    execute format('grant select, update on sequence wagrun.event_sequence to %I', relay_role);
    execute format(
        'grant execute on function wagrun.reserve_sequence, wagrun.merged, wagrun.ring, wagrun.mark, wagrun.editor_name, wagrun.as_key to %I',
        relay_role);
    execute format('grant select on django_content_type, wagtailcore_locale to %I', relay_role);
    execute format('grant select (id, user_id, created_at) on wagtailcore_revision to %I', relay_role);
    execute format('grant select (page_id, user_id, action, timestamp) on wagtailcore_pagelogentry to %I', relay_role);
    execute format('grant select (content_type_id, object_id, user_id, action, timestamp) on wagtailcore_modellogentry to %I', relay_role);

    -- The present state of content, by functions that withhold the same columns as capture.
    execute format('grant execute on function wagrun.present_state, wagrun.add_present_state to %I', relay_role);

    -- Visibility: it keeps what events have said, and reads by functions what holds now.
    execute format('grant select, insert, update, delete on wagrun.visibility to %I', relay_role);
    execute format('grant select, update on wagrun.visibility_scan to %I', relay_role);
    execute format('grant execute on function wagrun.site_roots, wagrun.view_restrictions, wagrun.collections, wagrun.seen_objects,
        wagrun.url_patterns to %I', relay_role);

    -- Backfills, whose progress it stores.
    execute format('grant select, insert, delete on wagrun.backfill to %I', relay_role);
    execute format(
        'grant update (cursor, published, sliced_at, failures, last_error, finished_at, outcome) on wagrun.backfill to %I',
        relay_role);

    -- Schedules: it reads due times only by the function, and removes the records of changes.
    execute format('grant select, delete on wagrun.schedule_change to %I', relay_role);
    execute format('grant execute on function wagrun.due_minutes to %I', relay_role);
end
$$;
comment on function wagrun.set_up_roles is 'Creates the web role and the relay role when they are missing, and grants each its rights.';
revoke all on function wagrun.set_up_roles from public;
