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

    insert into wagrun.watched_table as known (relation, kind, model, object, key_column, root, fields, small, ignored)
    select
        (entry ->> 'table')::regclass, entry ->> 'kind', entry ->> 'model', entry ->> 'object',
        (entry ->> 'key_column')::name, (entry ->> 'root')::regclass, entry -> 'fields',
        array(select jsonb_array_elements_text(entry -> 'small')),
        array(select jsonb_array_elements_text(entry -> 'ignored'))
    from jsonb_array_elements(discovered) as entry
    on conflict (relation) do update set
        kind = excluded.kind, model = excluded.model, object = excluded.object, key_column = excluded.key_column,
        root = excluded.root, fields = excluded.fields, small = excluded.small, ignored = excluded.ignored;

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
end
$$;
comment on function wagrun.editor_name is 'The user''s name; all that the relay role may know of a user.';

create function wagrun.grant_roles(web_role name, relay_role name) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    execute format('revoke all on all tables in schema wagrun from %I, %I', web_role, relay_role);
    execute format('revoke all on schema wagrun from %I, %I', web_role, relay_role);
    execute format('grant usage on schema wagrun to %I', relay_role);
    execute format('grant select, delete on wagrun.outbox to %I', relay_role);
    execute format(
        'grant update (sequence, claimed_at, settled_at, outcome, failures, last_error) on wagrun.outbox to %I',
        relay_role);
    execute format('grant usage on sequence wagrun.event_sequence to %I', relay_role);
    execute format('grant execute on function wagrun.ring, wagrun.editor_name to %I', relay_role);
end
$$;
comment on function wagrun.grant_roles is
    'The relay role may read and settle the outbox; the web role may do nothing here (its triggers run as their owner).';

revoke all on function wagrun.watch, wagrun.editor_name, wagrun.grant_roles from public;
