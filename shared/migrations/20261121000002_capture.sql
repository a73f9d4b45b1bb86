-- Capture: one outbox row per commit and object, in the editor's own transaction.
--
-- Intent: never fail a save, and cost it little. So nothing here names a column of a watched table (a later Django
-- migration may drop or alter any), rows are compared as jsonb (a plain json column has no equality operator), and
-- values travel as whole rows less the withheld columns, which is several times quicker than picking columns.
-- Opt-out: `set local wagrun.capture = 'off'` mutes capture for the rest of the transaction.
-- The functions run as their owner, because the web role may write content and nothing else.

create function wagrun.row_from_json(image json) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return image::jsonb;
exception when others then
    -- A plain json column may hold escapes (\u0000, half a surrogate pair) that jsonb can't: they are spelled out.
    return replace(image::text, '\u', '/u')::jsonb;
end
$$;
comment on function wagrun.row_from_json is 'A row''s image as jsonb, whatever its json columns hold.';

create function wagrun.capture() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
-- Timestamps in an event are UTC whatever the editor's session says.
set timezone = 'UTC'
as $$
declare
    watched     wagrun.watched_table;
    old_row     jsonb;
    new_row     jsonb;
    object_name text;
    names       text[];
    root_state  jsonb;
begin
    if current_setting('wagrun.capture', true) = 'off' then
        return null;
    end if;
    select * into watched from wagrun.watched_table where relation = tg_relid;
    if not found then
        return null;
    end if;

    -- This block writes nothing, so its subtransaction gets no id and costs a microsecond.
    begin
        if tg_op <> 'INSERT' then
            old_row := to_jsonb(old);
        end if;
        if tg_op <> 'DELETE' then
            new_row := to_jsonb(new);
        end if;
    exception when others then
        old_row := wagrun.row_from_json(to_json(old));
        new_row := wagrun.row_from_json(to_json(new));
    end;
    object_name := watched.object || '/' || (coalesce(new_row, old_row) ->> watched.key_column);
    if object_name is null then
        return null;
    end if;
    old_row := old_row - watched.ignored;
    new_row := new_row - watched.ignored;
    if old_row = new_row then
        return null;
    end if;
    if watched.collection is not null then
        names := array[watched.collection];
        old_row := '{}';
        new_row := '{}';
    else
        names := array(
            select name from unnest(watched.withheld) as name
            where old_row -> name is distinct from new_row -> name
        );
        old_row := old_row - watched.withheld;
        new_row := new_row - watched.withheld;
    end if;

    if watched.root is null then
        insert into wagrun.outbox as pending (xid, object, kind, model, before, after, changed)
        values (pg_current_xact_id(), object_name, watched.kind, watched.model, old_row, new_row, names)
        -- The first old state and the last new one stay; an object that was not there before has no old state.
        on conflict (xid, object) do update set
            before = coalesce(excluded.before, '{}') || pending.before,
            after = coalesce(pending.after, '{}') || excluded.after,
            changed = pending.changed || excluded.changed;
        return null;
    end if;

    update wagrun.outbox as pending set
        before = coalesce(old_row, '{}') || pending.before,
        after = pending.after || coalesce(new_row, '{}'),
        changed = pending.changed || names
    where pending.xid = pg_current_xact_id_if_assigned() and pending.object = object_name;
    if found then
        return null;
    end if;

    -- A change in a part alone: the object's own row says what it is.
    select * into watched from wagrun.watched_table where relation = watched.root;
    execute format(
        'select wagrun.row_from_json(to_json(root_row)) - $1 - $2 from %s as root_row where root_row.%I = %L',
        watched.relation, watched.key_column, substr(object_name, length(watched.object) + 2)
    ) into root_state using watched.withheld, watched.ignored;
    if root_state is null then
        return null;
    end if;
    insert into wagrun.outbox (xid, object, kind, model, before, after, changed)
    values (
        pg_current_xact_id(), object_name, watched.kind, watched.model,
        coalesce(old_row, '{}') || root_state, coalesce(new_row, '{}') || root_state, names
    );
    return null;
end
$$;
comment on function wagrun.capture is 'Row trigger of every watched table; writes or updates this transaction''s outbox row of the object.';

create function wagrun.capture_truncate() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
    watched wagrun.watched_table;
begin
    if current_setting('wagrun.capture', true) = 'off' then
        return null;
    end if;
    select * into watched from wagrun.watched_table where relation = tg_relid;
    if not found or watched.root is not null then
        return null;
    end if;
    execute format(
        'insert into wagrun.outbox as pending (xid, object, kind, model, before, changed)
         select pg_current_xact_id(), $1.object || ''/'' || gone.%I, $1.kind, $1.model,
                wagrun.row_from_json(to_json(gone)) - $1.withheld - $1.ignored, ''{}''
         from %s as gone
         on conflict (xid, object) do update set after = null',
        watched.key_column, watched.relation
    ) using watched;
    return null;
end
$$;
comment on function wagrun.capture_truncate is 'Statement trigger before TRUNCATE: every object in the table is deleted.';

revoke all on function wagrun.row_from_json, wagrun.capture, wagrun.capture_truncate from public;
