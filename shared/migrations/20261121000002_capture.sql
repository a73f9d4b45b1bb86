-- Capture: one outbox row per commit and object, in the editor's own transaction.
--
-- Intent: never fail a save. So nothing here names a column of a watched table (a later Django migration
-- may drop or alter any), and rows are compared as JSON text, which a plain json column has although it has
-- no equality operator.
-- Opt-out: `set local wagrun.capture = 'off'` mutes capture for the rest of the transaction.
-- The functions run as their owner, because the web role may write content and nothing else.

create function wagrun.readable(image json) returns json
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if position('\u' in image::text) > 0 then
        -- A plain json column may hold escapes (\u0000, half a surrogate pair) that no JSON function will read.
        begin
            perform from json_each(image);
        exception when others then
            return replace(image::text, '\u', '/u')::json;
        end;
    end if;
    return image;
end
$$;
comment on function wagrun.readable is 'The image itself, or where PostgreSQL can''t read its escapes, the image with those spelled out.';

create function wagrun.small_state(image json, watched wagrun.watched_table) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_object_agg(coalesce(watched.fields ->> key, key), value::jsonb)
    from json_each(image)
    where key = any (watched.small)
$$;
comment on function wagrun.small_state is 'The small fields of a row''s JSON image, by field name; null for a null image.';

create function wagrun.changed_fields(old_image json, new_image json, watched wagrun.watched_table) returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- Both images list the table's columns in the same order, so they are walked side by side instead of joined.
    select coalesce(array_agg(distinct coalesce(watched.fields ->> key, key)), '{}')
    from (
        select coalesce(new_key, old_key) as key, new_value::text as new_text, old_value::text as old_text
        from rows from (json_each(new_image), json_each(old_image)) as image (new_key, new_value, old_key, old_value)
    ) as columns
    where new_text is distinct from old_text and key <> all (watched.ignored || watched.key_column::text)
$$;
comment on function wagrun.changed_fields is
    'Names of the fields that differ between two images of a row, bookkeeping and key left out; all of them when one image is null.';

create function wagrun.capture() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
-- Timestamps in an event are UTC whatever the editor's session says.
set timezone = 'UTC'
as $$
declare
    watched    wagrun.watched_table;
    old_image  json;
    new_image  json;
    key        text;
    root_state jsonb;
    names      text[];
begin
    if current_setting('wagrun.capture', true) = 'off' then
        return null;
    end if;
    select * into watched from wagrun.watched_table where relation = tg_relid;
    if not found then
        return null;
    end if;

    if tg_op <> 'INSERT' then
        old_image := wagrun.readable(to_json(old));
    end if;
    if tg_op <> 'DELETE' then
        new_image := wagrun.readable(to_json(new));
    end if;
    names := wagrun.changed_fields(old_image, new_image, watched);
    key := coalesce(new_image, old_image) ->> watched.key_column;
    if key is null or (names = '{}' and (tg_op = 'UPDATE' or watched.root is not null)) then
        return null;
    end if;

    if watched.root is null then
        insert into wagrun.outbox as pending (xid, object, kind, model, before, after, changed)
        values (
            pg_current_xact_id(), watched.object || '/' || key, watched.kind, watched.model,
            wagrun.small_state(old_image, watched), wagrun.small_state(new_image, watched),
            case tg_op when 'UPDATE' then names else '{}' end
        )
        -- The first old state and the last new one stay; an object that was not there before has no old state.
        on conflict (xid, object) do update set
            before = coalesce(excluded.before, '{}') || pending.before,
            after = coalesce(pending.after, '{}') || excluded.after,
            changed = pending.changed || excluded.changed;
        return null;
    end if;

    update wagrun.outbox as pending set
        before = coalesce(wagrun.small_state(old_image, watched), '{}') || pending.before,
        after = pending.after || coalesce(wagrun.small_state(new_image, watched), '{}'),
        changed = pending.changed || names
    where pending.xid = pg_current_xact_id_if_assigned() and pending.object = watched.object || '/' || key;
    if found then
        return null;
    end if;

    -- A change in a part alone: the object's own row says what it is.
    execute format(
        'select wagrun.small_state(wagrun.readable(to_json(root_row)), root_watched)
         from %s as root_row, wagrun.watched_table as root_watched
         where root_row.%I = %L and root_watched.relation = %L::regclass',
        watched.root, (select key_column from wagrun.watched_table where relation = watched.root), key, watched.root
    ) into root_state;
    if root_state is null then
        return null;
    end if;
    insert into wagrun.outbox (xid, object, kind, model, before, after, changed)
    values (
        pg_current_xact_id(), watched.object || '/' || key, watched.kind, watched.model,
        root_state || coalesce(wagrun.small_state(old_image, watched), '{}'),
        root_state || coalesce(wagrun.small_state(new_image, watched), '{}'),
        names
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
                wagrun.small_state(wagrun.readable(to_json(gone)), $1), ''{}''
         from %s as gone
         on conflict (xid, object) do update set after = null',
        watched.key_column, watched.relation
    ) using watched;
    return null;
end
$$;
comment on function wagrun.capture_truncate is 'Statement trigger before TRUNCATE: every object in the table is deleted.';

revoke all on function wagrun.readable, wagrun.small_state, wagrun.changed_fields, wagrun.capture, wagrun.capture_truncate from public;
