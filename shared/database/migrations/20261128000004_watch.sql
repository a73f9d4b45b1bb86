-- The watched tables, and the functions that set their triggers.

create table wagrun.watched_table (
    relation   regclass primary key,
    kind       text not null,
    model      text not null,
    object     text not null,
    key_column name not null,
    key_number smallint,
    root       regclass,
    collection text,
    parents    jsonb not null default '[]',
    owners     jsonb,
    owner_type name,
    fields     jsonb not null,
    withheld   text[] not null,
    ignored    text[] not null,
    constraint watched_table_kind check (kind in ('page', 'image', 'document', 'snippet', 'table'))
);
comment on table wagrun.watched_table is
    'The tables with capture triggers, as discovered from Django. Every migrate makes them equal to the discovered tables.';
comment on column wagrun.watched_table.model is 'Django''s app.model label in lower case.';
comment on column wagrun.watched_table.object is 'The first part of the object''s name: page, image, document, or the model''s label.';
comment on column wagrun.watched_table.key_column is
    'The column with the object''s key: the primary key, or in a part the link to the object''s own row.';
comment on column wagrun.watched_table.key_number is 'The number of the key column, by which it is found after it was renamed.';
comment on column wagrun.watched_table.root is
    'The table with the object''s own row, for a part of an object (a page type''s own table, an inline child). Null for an object''s '
    'own table, and for parts of objects in several tables.';
comment on column wagrun.watched_table.collection is
    'The field of the object that its inline children or its links make up. A change of a child is a change of that field. Null for '
    'other tables.';
comment on column wagrun.watched_table.parents is
    'The tables between a child and its object, the nearest first: table, key_column, which the child refers to, and link_column. '
    'The last link_column has the object''s key.';
comment on column wagrun.watched_table.owners is
    'For a table with parts of several kinds of objects, by the id of the content type: object, kind, model and collection.';
comment on column wagrun.watched_table.owner_type is 'The column with the id of the content type, which chooses one of the owners.';
comment on column wagrun.watched_table.fields is 'Field names by column name, which events show.';
comment on column wagrun.watched_table.withheld is
    'Columns of which only the fact of a change is captured, because their values are large or private.';
comment on column wagrun.watched_table.ignored is 'Bookkeeping columns. A change of these alone is no change of the object.';

-- The functions of this file have no fixed search_path. migrate calls them as the owner, and table names resolve as in Django.
-- The name is complete, because a trigger has a fixed search_path. A name survives a dump and its restore, unlike an oid.
create function wagrun.parents_query(parents jsonb) returns text
language plpgsql stable
as $$
declare
    parent    jsonb;
    key_type  text;
    tables    text;
    last_link text;
    place     integer := 0;
begin
    for parent in select value from jsonb_array_elements(parents) loop
        place := place + 1;
        if place = 1 then
            select format_type(atttypid, null) into strict key_type
            from pg_attribute where attrelid = (parent ->> 'table')::regclass and attname = parent ->> 'key_column';
        end if;
        select concat_ws(' join ', tables, format('%I.%I as parent_%s', nspname, relname, place))
            || case when place > 1 then format(' on parent_%s.%I = %s', place, parent ->> 'key_column', last_link) else '' end
        into strict tables
        from pg_class join pg_namespace on pg_namespace.oid = relnamespace
        where pg_class.oid = (parent ->> 'table')::regclass;
        last_link := format('parent_%s.%I', place, parent ->> 'link_column');
    end loop;
    -- The text of a key of a number, a text or a UUID is that of its JSON.
    return format('select jsonb_object_agg(parent_1.%1$I::text, to_jsonb(%2$s)) from %3$s where parent_1.%1$I = any ($1::%4$s[])',
                  parents -> 0 ->> 'key_column', last_link, tables, key_type);
end
$$;
comment on function wagrun.parents_query is
    'Returns a query that leads from the keys of the nearest parents, $1, to the keys of the objects. Null without parents.';

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
        (watched.root is null and watched.collection is null)::text, watched.withheld::text, watched.ignored::text
    ]) with ordinality as given (argument, number);
    if watched.collection is null then
        return query values
            ('wagrun_capture_row', format(
                'after insert or delete on %s for each row execute function wagrun.capture_row(%s)', target, arguments)),
            -- *<> compares the bytes of rows, which works for every type. `is distinct from` fails on json, and the name of a
            -- column would stop a later Django migration from dropping it.
            ('wagrun_capture_update', format(
                'after update on %s for each row when (old.* *<> new.*) execute function wagrun.capture_row(%s)',
                target, arguments)),
            ('wagrun_capture_truncate', format(
                'before truncate on %s for each statement execute function wagrun.capture_truncate(%s)', target, arguments));
    else
        arguments := concat_ws(', ', arguments, quote_literal(watched.collection),
            quote_literal(case when watched.parents = '[]' then '' else wagrun.parents_query(watched.parents) end),
            quote_literal(coalesce(watched.owner_type, '')), quote_literal(coalesce(watched.owners::text, '')));
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
    'Returns the names and definitions of the capture triggers for a watched table, or for a table that inherits from it.';

create function wagrun.set_trigger(target regclass, trigger_name text, definition text) returns void
language plpgsql
as $$
declare
    present oid := (select oid from pg_trigger where tgrelid = target and tgname = trigger_name);
begin
    -- The trigger's comment stores a hash of its definition, so that a table is locked only when the definition has changed.
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
comment on function wagrun.set_trigger is 'Creates or replaces a trigger. Locks its table against writers only when the definition has changed.';

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
comment on function wagrun.drop_triggers is 'Drops triggers of a table and of the tables that inherit from it.';

-- PostgreSQL gives a partition its parent's row triggers, but no statement triggers. A table that INHERITS gets neither.
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
comment on function wagrun.with_heirs is 'Returns a table, if it still exists, and all tables that inherit from it, partitions included.';

-- The caller's transaction is about this one table, and gives up soon when it cannot take the table's lock. Every writer of the
-- table waits behind a statement that waits for the lock.
create function wagrun.watch_table(entry jsonb) returns void
language plpgsql
as $$
declare
    watched constant regclass := (entry ->> 'table')::regclass;
    target  regclass;
    wanted  record;
begin
    insert into wagrun.watched_table as known
        (relation, kind, model, object, key_column, key_number, root, collection, parents, owners, owner_type, fields, withheld,
         ignored)
    values (
        watched, entry ->> 'kind', entry ->> 'model', entry ->> 'object', entry ->> 'key_column',
        (select attnum from pg_attribute where attrelid = watched and attname = entry ->> 'key_column'),
        (entry ->> 'root')::regclass, entry ->> 'collection', coalesce(entry -> 'parents', '[]'),
        nullif(entry -> 'owners', 'null'), entry ->> 'owner_type', entry -> 'fields',
        array(select jsonb_array_elements_text(entry -> 'withheld')),
        -- A virtual column has no value in a trigger, so it is ignored.
        array(select jsonb_array_elements_text(entry -> 'ignored')
              union select attname from pg_attribute where attrelid = watched and attgenerated = 'v' order by 1)
    )
    on conflict (relation) do update set
        kind = excluded.kind, model = excluded.model, object = excluded.object, key_column = excluded.key_column,
        key_number = excluded.key_number, root = excluded.root, collection = excluded.collection, parents = excluded.parents,
        owners = excluded.owners, owner_type = excluded.owner_type, fields = excluded.fields, withheld = excluded.withheld, ignored = excluded.ignored;
    for target in select wagrun.with_heirs(watched) loop
        for wanted in
            select * from wagrun.triggers_of(watched, target) as needed
            where needed.definition not like '%for each row%' or not (select relispartition from pg_class where oid = target)
        loop
            perform wagrun.set_trigger(target, wanted.name, wanted.definition);
        end loop;
        -- Only a table of inline children has this trigger. The table may have been one before.
        if entry ->> 'collection' is null then
            perform wagrun.drop_triggers(target, 'wagrun_capture_delete');
        end if;
    end loop;
end
$$;
comment on function wagrun.watch_table is 'Watches a table as discovered, and all tables that inherit from it.';

create function wagrun.unwatch_table(stale regclass) returns void
language plpgsql
as $$
begin
    perform wagrun.drop_triggers(stale, 'wagrun_capture_%');
    delete from wagrun.watched_table where relation = stale;
end
$$;
comment on function wagrun.unwatch_table is 'Removes the capture triggers from a table that is no longer watched. Its rows stay.';

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
    'Returns the tables that are watched or have capture triggers, but are not wanted and do not inherit from a wanted table.';

-- A table that the operator named: every row is an object, identified by its primary key. Withheld are columns without a
-- maximum length, as of a model, and those whose names look like a secret.
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
        raise exception 'WATCHED_TABLES: % is %, whose changes cannot be captured; name the table behind it', name,
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
    -- Columns that the index only includes are not part of the key.
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
    -- The label does not depend on the spelling of the table's name.
    select concat_ws('.', nullif(nspname, 'public'), relname) into label
    from pg_class join pg_namespace on pg_namespace.oid = relnamespace where pg_class.oid = named;
    return jsonb_build_object(
        'table', named::text, 'key_column', keys[1], 'kind', 'table', 'model', label, 'object', label, 'root', null,
        'collection', null, 'fields', jsonb_build_object(), 'withheld', to_jsonb(withheld), 'ignored', jsonb_build_array());
end
$$;
comment on function wagrun.describe_table is
    'Returns an entry for watch_table for a table that the operator named, or null for a discovered table. Raises an error with a '
    'message for the operator when the table cannot be captured.';

revoke all on function wagrun.set_trigger, wagrun.drop_triggers, wagrun.with_heirs, wagrun.watch_table, wagrun.unwatch_table,
    wagrun.stray_tables, wagrun.describe_table, wagrun.triggers_of, wagrun.parents_query from public;
