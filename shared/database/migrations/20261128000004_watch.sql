-- Which tables are watched, and what the drainer may know of content.

create table wagrun.watched_table (
    relation   regclass primary key,
    kind       text not null,
    model      text not null,
    object     text not null,
    key_column name not null,
    key_number smallint,
    root       regclass,
    collection text,
    fields     jsonb not null,
    withheld   text[] not null,
    ignored    text[] not null,
    constraint watched_table_kind check (kind in ('page', 'image', 'document', 'snippet', 'table'))
);
comment on table wagrun.watched_table is
    'The tables with capture triggers, as discovered from Django; made equal to that by every migrate.';
comment on column wagrun.watched_table.model is 'Django''s app.model label in lower case.';
comment on column wagrun.watched_table.object is 'First part of the object''s name: page, image, document, or the model''s label.';
comment on column wagrun.watched_table.key_column is
    'The column that holds the object''s key: the primary key, or in a part the link to the object''s own row.';
comment on column wagrun.watched_table.key_number is 'Its number, by which it is found when it was renamed.';
comment on column wagrun.watched_table.root is
    'Null for an object''s own table; for a part (a page type''s own table, an inline child) the table with the object''s own row.';
comment on column wagrun.watched_table.collection is
    'For inline children, of which an object has many, the field that they are: a change in one is a change of that field.';
comment on column wagrun.watched_table.fields is 'Column name to field name, for the reader of events.';
comment on column wagrun.watched_table.withheld is
    'Columns whose values are not captured, only that they changed: they are large, or nobody''s business.';
comment on column wagrun.watched_table.ignored is 'Bookkeeping columns: a change of nothing else is no change.';

-- No fixed search_path here: migrate calls it as the owner, and Django's table names resolve as Django's own do.
create function wagrun.triggers_of(relation regclass, target regclass) returns table (name text, definition text)
language plpgsql stable
as $$
declare
    watched   wagrun.watched_table;
    arguments text;
begin
    select * into strict watched from wagrun.watched_table as listed where listed.relation = triggers_of.relation;
    select string_agg(quote_literal(argument), ', ' order by number) into arguments
    from unnest(array[
        watched.object, watched.kind, watched.model, watched.key_column::text, watched.key_number::text,
        (watched.root is null)::text, watched.withheld::text, watched.ignored::text
    ]) with ordinality as given (argument, number);
    if watched.collection is null then
        return query values
            ('wagrun_capture_row', format(
                'after insert or delete on %s for each row execute function wagrun.capture_row(%s)', target, arguments)),
            -- *<> compares the rows' bytes, which every type has; `is distinct from` fails on json, and naming
            -- columns would stop a later Django migration from dropping them.
            ('wagrun_capture_update', format(
                'after update on %s for each row when (old.* *<> new.*) execute function wagrun.capture_row(%s)',
                target, arguments)),
            ('wagrun_capture_truncate', format(
                'before truncate on %s for each statement execute function wagrun.capture_truncate(%s)', target, arguments));
    else
        arguments := concat_ws(', ', arguments, quote_literal(watched.collection));
        return query values
            ('wagrun_capture_row', format(
                'after insert on %s referencing new table as new_rows
                 for each statement execute function wagrun.capture_children(%s)', target, arguments)),
            ('wagrun_capture_delete', format(
                'after delete on %s referencing old table as old_rows
                 for each statement execute function wagrun.capture_children(%s)', target, arguments)),
            ('wagrun_capture_update', format(
                'after update on %s referencing old table as old_rows new table as new_rows
                 for each statement execute function wagrun.capture_children(%s)', target, arguments)),
            ('wagrun_capture_truncate', format(
                'before truncate on %s for each statement execute function wagrun.capture_truncate(%s)', target, arguments));
    end if;
end
$$;
comment on function wagrun.triggers_of is
    'The capture triggers that a watched table needs, itself or for a table that inherits from it: name and definition.';

create function wagrun.set_trigger(target regclass, trigger_name text, definition text) returns void
language plpgsql
as $$
declare
    present oid := (select oid from pg_trigger where tgrelid = target and tgname = trigger_name);
begin
    -- The comment keeps what the trigger was made of, so that a table is locked only when that has changed.
    if obj_description(present, 'pg_trigger') = md5(definition) then
        return;
    end if;
    if present is not null then
        execute format('drop trigger %I on %s', trigger_name, target);
    end if;
    execute format('create trigger %I %s', trigger_name, definition);
    execute format('comment on trigger %I on %s is %L', trigger_name, target, md5(definition));
end
$$;
comment on function wagrun.set_trigger is 'Makes a trigger what it should be. Only one that is not yet locks its table against writers.';

create function wagrun.drop_triggers(target regclass, name_like text) returns void
language plpgsql
as $$
declare
    stale record;
begin
    for stale in
        select tgname, tgrelid::regclass as on_table from pg_trigger
        where tgrelid in (select wagrun.with_heirs(target)) and tgname like name_like and tgparentid = 0
    loop
        execute format('drop trigger %I on %s', stale.tgname, stale.on_table);
    end loop;
end
$$;
comment on function wagrun.drop_triggers is 'Drops triggers of a table and of those that inherit from it.';

-- A partition gets its parent's row triggers from PostgreSQL, and no statement triggers; a table that INHERITS gets neither.
create function wagrun.with_heirs(relation regclass) returns setof regclass
language sql stable
as $$
    with recursive heir (relation) as (
        select $1::oid
        union
        select link.inhrelid
        from pg_inherits as link
        join heir on heir.relation = link.inhparent
    )
    select heir.relation::regclass from heir join pg_class on pg_class.oid = heir.relation
$$;
comment on function wagrun.with_heirs is 'A table, if it is still there, and all that inherit from it, partitions included.';

-- The caller's transaction is about this one table and gives up soon when it can't have the lock: whoever wants to write
-- waits behind who waits for a lock.
create function wagrun.watch_table(entry jsonb) returns void
language plpgsql
as $$
declare
    watched constant regclass := (entry ->> 'table')::regclass;
    target  regclass;
    wanted  record;
begin
    insert into wagrun.watched_table as known
        (relation, kind, model, object, key_column, key_number, root, collection, fields, withheld, ignored)
    values (
        watched, entry ->> 'kind', entry ->> 'model', entry ->> 'object', entry ->> 'key_column',
        (select attnum from pg_attribute where attrelid = watched and attname = entry ->> 'key_column'),
        (entry ->> 'root')::regclass, entry ->> 'collection', entry -> 'fields',
        array(select jsonb_array_elements_text(entry -> 'withheld')),
        -- A virtual column has no value in a trigger.
        array(select jsonb_array_elements_text(entry -> 'ignored')
              union select attname from pg_attribute where attrelid = watched and attgenerated = 'v' order by 1)
    )
    on conflict (relation) do update set
        kind = excluded.kind, model = excluded.model, object = excluded.object, key_column = excluded.key_column,
        key_number = excluded.key_number, root = excluded.root, collection = excluded.collection, fields = excluded.fields,
        withheld = excluded.withheld, ignored = excluded.ignored;
    for target in select wagrun.with_heirs(watched) loop
        for wanted in
            select * from wagrun.triggers_of(watched, target) as needed
            where needed.definition not like '%for each row%' or not (select relispartition from pg_class where oid = target)
        loop
            perform wagrun.set_trigger(target, wanted.name, wanted.definition);
        end loop;
        -- What inline children have besides, when the table was one of them before.
        if entry ->> 'collection' is null then
            perform wagrun.drop_triggers(target, 'wagrun_capture_delete');
        end if;
    end loop;
end
$$;
comment on function wagrun.watch_table is 'Watches a table as discovered, with all that inherit from it.';

create function wagrun.unwatch_table(stale regclass) returns void
language plpgsql
as $$
begin
    perform wagrun.drop_triggers(stale, 'wagrun_capture_%');
    delete from wagrun.watched_table where relation = stale;
end
$$;
comment on function wagrun.unwatch_table is 'Takes the capture triggers off a table that is no content any more; its rows stay.';

create function wagrun.stray_tables(wanted text[]) returns setof text
language sql stable
as $$
    select relation::text from wagrun.watched_table
    where relation <> all (select name::regclass from unnest(wanted) as name)
    union
    select tgrelid::regclass::text from pg_trigger
    where tgname like 'wagrun\_capture\_%' and tgparentid = 0
      and tgrelid <> all (select wagrun.with_heirs(name::regclass) from unnest(wanted) as name)
$$;
comment on function wagrun.stray_tables is
    'What is watched, or has capture triggers, and is neither among these tables nor inherits from one.';

-- A table that is watched because somebody named it: every row is an object, by its primary key. Withheld is what would be
-- of a model: what has no bounds, and what looks like a secret.
create function wagrun.describe_table(name text, discovered text[]) returns jsonb
language plpgsql stable
as $$
declare
    named    regclass;
    kind     "char";
    keys     name[];
    withheld text[];
    label    text;
begin
    begin
        named := to_regclass(name);
    exception when others then
        raise exception 'WATCHED_TABLES: % is no table''s name: %', name, sqlerrm;
    end;
    if named is null then
        raise exception 'WATCHED_TABLES: there is no table %', name;
    end if;
    if named = any (array(select table_name::regclass from unnest(discovered) as table_name)) then
        return null;
    end if;
    select relkind into kind from pg_class where oid = named;
    if kind not in ('r', 'p') then
        raise exception 'WATCHED_TABLES: % is %, whose changes can''t be captured; name the table behind it', name,
            case kind when 'v' then 'a view' when 'm' then 'a materialized view' when 'f' then 'a foreign table'
                      else 'no table' end;
    end if;
    if (select relispartition from pg_class where oid = named) then
        raise exception 'WATCHED_TABLES: % is a partition; name the partitioned table %', name, pg_partition_root(named);
    end if;
    if (select relnamespace::regnamespace::text in ('wagrun', 'pg_catalog', 'information_schema') from pg_class where oid = named) then
        raise exception 'WATCHED_TABLES: % is no content: it is wagrun''s own or PostgreSQL''s', name;
    end if;
    if not (select pg_has_role(relowner, 'usage') from pg_class where oid = named) then
        raise exception 'WATCHED_TABLES: % belongs to %, and only its owner may put triggers on it', name,
            (select relowner::regrole from pg_class where oid = named);
    end if;
    if (select relpersistence = 't' from pg_class where oid = named) then
        raise exception 'WATCHED_TABLES: % is a temporary table', name;
    end if;
    -- What an index only includes is no part of the key.
    select array_agg(attname order by place) into keys
    from pg_index
    cross join lateral unnest(indkey) with ordinality as part (number, place)
    join pg_attribute on attrelid = indrelid and attnum = part.number
    where indrelid = named and indisprimary and place <= indnkeyatts;
    if keys is null then
        raise exception 'WATCHED_TABLES: % has no primary key, by which its rows could be told apart', name;
    end if;
    if cardinality(keys) > 1 then
        raise exception 'WATCHED_TABLES: % has a primary key of several columns (%); one is needed', name,
            array_to_string(keys, ', ');
    end if;
    select coalesce(array_agg(attname::text order by attnum), '{}') into withheld
    from pg_attribute
    join pg_type on pg_type.oid = atttypid
    where attrelid = named and attnum > 0 and not attisdropped and attname <> keys[1]
      and (attname ~* '(password|passwd|secret|token|api_?key|private_?key|credential|salt|otp)'
           or not (typtype = 'e' or format_type(case typtype when 'd' then typbasetype else atttypid end,
                                                case typtype when 'd' then typtypmod else atttypmod end) ~
               '^(boolean|smallint|integer|bigint|oid|real|double precision|numeric.*|money|date|time.*|interval.*|uuid|inet|cidr|macaddr8?|(character|character varying)\((1?\d{1,3}|20[0-3]\d|204[0-8])\))$'));
    -- However it was spelled, it is one table and has one name.
    select concat_ws('.', nullif(nspname, 'public'), relname) into label
    from pg_class join pg_namespace on pg_namespace.oid = relnamespace where pg_class.oid = named;
    return jsonb_build_object(
        'table', named::text, 'key_column', keys[1], 'kind', 'table', 'model', label, 'object', label, 'root', null,
        'collection', null, 'fields', jsonb_build_object(), 'withheld', to_jsonb(withheld), 'ignored', jsonb_build_array());
end
$$;
comment on function wagrun.describe_table is
    'A named table as an entry for watch_table; null for one that is discovered; raises, in a sentence, when it can''t be captured.';

revoke all on function wagrun.set_trigger, wagrun.drop_triggers, wagrun.with_heirs, wagrun.watch_table, wagrun.unwatch_table,
    wagrun.stray_tables, wagrun.describe_table, wagrun.triggers_of from public;
