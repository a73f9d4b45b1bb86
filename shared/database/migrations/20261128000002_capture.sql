-- Capture: the triggers that append each change of content to the outbox, in the editor's own transaction.
--
-- Intent: never fail a save, and cost it little.
-- - No function names a column of a watched table, because a later Django migration may drop or alter any column.
-- - Rows are compared as jsonb, because a plain json column has no equality operator.
-- - Values are stored as whole rows without the withheld columns.
-- - A trigger looks nothing up. Its arguments hold all that it needs, and partitions inherit them.
-- - A trigger reads neither content nor the outbox. The drainer adds the state of content. One exception: the trigger of a child of
--   a child reads the child between it and the object, by its key.
-- - Of a large or private value only a digest is kept, with which the drainer recognises a change that leads back.
-- - After any error the save goes on, and the outbox records at least that something changed.
-- Opt-out: `set local wagrun.capture = 'off'` switches capture off for the rest of the transaction.
-- The functions run as their owner, because the web role may write only content.

-- A value that JSON cannot hold (1e200000 in a json column, \u0000, half a surrogate pair) becomes its text. A value that has
-- no text either is left out, and the server's log says so.
create function wagrun.row_image(relation regclass, changed_row record) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    image       jsonb := '{}';
    column_name name;
    value       jsonb;
begin
    begin
        return to_jsonb(changed_row);
    exception when others then
        null;
    end;
    for column_name in
        select attname from pg_attribute where attrelid = relation and attnum > 0 and not attisdropped order by attnum
    loop
        begin
            begin
                execute format('select to_jsonb(($1).%I)', column_name) into value using changed_row;
            exception when others then
                execute format('select to_jsonb(($1).%I::text)', column_name) into value using changed_row;
            end;
            -- All values together may exceed the size of a jsonb value.
            image := image || jsonb_build_object(column_name, value);
        exception when others then
            raise log 'wagrun capture of column % of % failed: %', column_name, relation, sqlerrm;
        end;
    end loop;
    return image;
end
$$;
comment on function wagrun.row_image is 'Returns the row as jsonb, whatever its columns hold. Never raises an error.';

-- This is called only for a table whose key column was renamed after the last migrate.
create function wagrun.present_column(relation regclass, number smallint) returns name
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select attname from pg_attribute
    where attrelid = coalesce(pg_partition_root(relation), relation) and attnum = number and not attisdropped
$$;
comment on function wagrun.present_column is 'Returns the present name of a column, given its number.';

-- The body is one expression without settings of its own, so PostgreSQL puts it into the statement that calls it. Names in such a
-- body are resolved once, when the function is created.
create function wagrun.is_first_of_transaction() returns boolean
language sql volatile
return case
    when current_setting('wagrun.captured', true) is not distinct from pg_current_xact_id()::text then false
    -- A rollback to a savepoint before the first row undoes this setting as well as the row.
    else set_config('wagrun.captured', pg_current_xact_id()::text, true) is not null
end;
comment on function wagrun.is_first_of_transaction is 'Returns true once in each transaction, for the row that rings the doorbell.';

create function wagrun.note_failure(relation regclass, kind text, model text, failure text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    raise log 'wagrun capture of a row of % failed: %', relation, failure;
    insert into wagrun.outbox (relation, kind, model, is_own_row, rings, failure)
    values (relation, note_failure.kind, note_failure.model, true, wagrun.is_first_of_transaction(), note_failure.failure);
end
$$;
comment on function wagrun.note_failure is 'Records in the outbox and in the server''s log that a change could not be captured.';

-- Digests are compared within one transaction only. A secret seed for each transaction keeps them from telling anything about the
-- values, such as a short password. A seed that a rollback to a savepoint undoes goes together with the rows that it was used for.
create function wagrun.digest_seed() returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    secret text := nullif(current_setting('wagrun.digest_secret', true), '');
begin
    if secret is null then
        secret := set_config('wagrun.digest_secret', gen_random_uuid()::text, true);
    end if;
    return hashtextextended(secret, 0);
end
$$;
comment on function wagrun.digest_seed is 'Returns the seed of this transaction''s digests.';

-- Half of the range of bigint is used, so that a difference of two digests fits. The text counts and not the value, because the hash
-- of a jsonb value is weak: it does not change when two parts change places.
create function wagrun.digest(value jsonb, seed bigint) returns bigint
language sql immutable parallel safe
as $$
    select hashtextextended(value::text, seed) >> 1
$$;
comment on function wagrun.digest is 'Returns a hash of a value, or null for null.';

create function wagrun.digests(image jsonb, columns text[], sign integer, seed bigint) returns jsonb
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(jsonb_object_agg(name, sign * wagrun.digest(image -> name, seed)), '{}')
    from unnest(columns) as name
    where image ? name
$$;
comment on function wagrun.digests is 'Returns the digest of each of these columns of a row, times the sign.';

-- Arguments: the object's prefix, kind, model, the key column and its number, true for the object's own row, withheld columns,
-- ignored columns.
-- PostgreSQL prepares each expression anew in every transaction, and those of the insert for every row. So the usual update
-- evaluates few of them, and rare cases have statements of their own.
create function wagrun.capture_row() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
-- These settings make the text of a value independent of the editor's session.
set timezone = 'UTC'
set datestyle = 'ISO, MDY'
set intervalstyle = 'postgres'
set bytea_output = 'hex'
set extra_float_digits = 1
as $$
declare
    omitted        constant text[] := tg_argv[6]::text[] || tg_argv[7]::text[];
    is_bookkeeping boolean := false;
    key_column     text;
    old_row        jsonb;
    new_row        jsonb;
    old_key        jsonb;
    new_key        jsonb;
    changed        jsonb;
    seed           bigint;
    name           text;
begin
    if current_setting('wagrun.capture', true) = 'off' then
        return null;
    end if;
    -- This block writes no row, so its subtransaction gets no id and costs a microsecond.
    begin
        if tg_op = 'UPDATE' then
            old_row := to_jsonb(old);
            new_row := to_jsonb(new);
        elsif tg_op = 'INSERT' then
            new_row := to_jsonb(new);
        else
            old_row := to_jsonb(old);
        end if;
    exception when others then
        if tg_op <> 'INSERT' then
            old_row := wagrun.row_image(tg_relid, old);
        end if;
        if tg_op <> 'DELETE' then
            new_row := wagrun.row_image(tg_relid, new);
        end if;
    end;

    -- A part without an object is not content, so its key counts as absent.
    old_key := nullif(old_row -> tg_argv[3], 'null');
    new_key := nullif(new_row -> tg_argv[3], 'null');
    if (old_key = new_key) is not true then
        if not coalesce(new_row, old_row) ? tg_argv[3] then
            key_column := wagrun.present_column(tg_relid, tg_argv[4]::smallint);
            if key_column is null or not coalesce(new_row, old_row) ? key_column then
                perform wagrun.note_failure(tg_relid, tg_argv[1], tg_argv[2],
                    format('column %s with the object''s key is gone', tg_argv[3]));
                return null;
            end if;
            old_key := nullif(old_row -> key_column, 'null');
            new_key := nullif(new_row -> key_column, 'null');
        end if;
        if coalesce(new_key, old_key) is null then
            return null;
        end if;
        if old_key <> new_key then
            -- A new key means another object: the old object is deleted and a new one is created.
            old_row := old_row - tg_argv[7]::text[];
            new_row := new_row - tg_argv[7]::text[];
            seed := wagrun.digest_seed();
            insert into wagrun.outbox (relation, kind, model, object, key, is_own_row, before, after, changed, rings)
            values (tg_relid, tg_argv[1], tg_argv[2], tg_argv[0] || '/' || (old_key #>> '{}'), old_key, tg_argv[5]::boolean,
                    old_row - omitted, null, wagrun.digests(old_row, tg_argv[6]::text[], -1, seed),
                    wagrun.is_first_of_transaction()),
                   (tg_relid, tg_argv[1], tg_argv[2], tg_argv[0] || '/' || (new_key #>> '{}'), new_key, tg_argv[5]::boolean,
                    null, new_row - omitted, wagrun.digests(new_row, tg_argv[6]::text[], 1, seed), false);
            return null;
        end if;
    end if;

    -- Most updates change no bookkeeping column, and are not compared as a whole.
    foreach name in array omitted loop
        if old_row -> name is distinct from new_row -> name then
            if name = any (tg_argv[7]::text[]) then
                is_bookkeeping := true;
            else
                -- A row that does not exist has the digest 0.
                seed := coalesce(seed, wagrun.digest_seed());
                changed := coalesce(changed, '{}') || jsonb_build_object(name,
                    coalesce(wagrun.digest(new_row -> name, seed), 0) - coalesce(wagrun.digest(old_row -> name, seed), 0));
            end if;
        end if;
    end loop;
    -- The trigger fires only when bytes have changed. A change that jsonb does not show (1.0 became 1.00) counts, except when
    -- only a bookkeeping column changed.
    if is_bookkeeping and changed is null and old_key = new_key and old_row - omitted = new_row - omitted then
        return null;
    end if;
    -- A row is stored with one subtraction, which does not unpack the withheld columns.
    insert into wagrun.outbox (relation, kind, model, object, key, is_own_row, before, after, changed, rings)
    values (tg_relid, tg_argv[1], tg_argv[2], tg_argv[0] || '/' || (coalesce(new_key, old_key) #>> '{}'),
            coalesce(new_key, old_key), tg_argv[5]::boolean,
            case when old_key is not null then old_row - omitted end,
            case when new_key is not null then new_row - omitted end,
            coalesce(changed, '{}'), wagrun.is_first_of_transaction());
    return null;
end
$$;
comment on function wagrun.capture_row is
    'Row trigger of an object''s own table and of a page type''s table. Appends the old and new state of the row to the outbox.';

-- An event says only that inline children changed, so each statement appends one row for each object. Its number is the sum of the
-- digests of the rows after the statement, minus those before. Rows that an update did not change add nothing.
-- Arguments: those of capture_row, the name of the field that the children make up, the query that leads from the key to the object's
-- key or '', the column with the content type or '', and the owner of each content type.
create function wagrun.capture_children() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
-- These settings make the text of a value independent of the editor's session.
set timezone = 'UTC'
set datestyle = 'ISO, MDY'
set intervalstyle = 'postgres'
set bytea_output = 'hex'
set extra_float_digits = 1
as $$
-- A child's column may have the name of a variable. No column has the name of the alias wagrun_row.
#variable_conflict use_variable
declare
    key_column text := tg_argv[3];
    ignored    constant text[] := tg_argv[7];
    seed       constant bigint := wagrun.digest_seed();
    changes    jsonb[];
begin
    if current_setting('wagrun.capture', true) = 'off' then
        return null;
    end if;
    -- Each change is the key, the content type and the number. A child that moved to another parent counts for both parents.
    begin
        if tg_op = 'INSERT' then
            changes := array(
                select jsonb_build_array(image -> key_column, image -> tg_argv[10], sum(wagrun.digest(image - ignored, seed)))
                from (select to_jsonb(wagrun_row) as image from new_rows as wagrun_row offset 0) as images
                group by image -> key_column, image -> tg_argv[10]);
        elsif tg_op = 'DELETE' then
            changes := array(
                select jsonb_build_array(image -> key_column, image -> tg_argv[10], sum(-wagrun.digest(image - ignored, seed)))
                from (select to_jsonb(wagrun_row) as image from old_rows as wagrun_row offset 0) as images
                group by image -> key_column, image -> tg_argv[10]);
        else
            changes := array(
                select jsonb_build_array(image -> key_column, image -> tg_argv[10], sum(sign * wagrun.digest(image - ignored, seed)))
                from (
                    select 1 as sign, to_jsonb(wagrun_row) as image from new_rows as wagrun_row
                    union all
                    select -1, to_jsonb(wagrun_row) from old_rows as wagrun_row
                ) as images
                group by image -> key_column, image -> tg_argv[10]
                having sum(sign * wagrun.digest(image - ignored, seed)) <> 0);
        end if;
    exception when others then
        changes := null;
    end;
    if changes is null or exists (select from unnest(changes) as change where change -> 0 = 'null') and not exists (
        select from pg_attribute where attrelid = tg_relid and attname = key_column and not attisdropped
    ) then
        -- A value that JSON cannot hold, or a renamed key column.
        begin
            key_column := wagrun.present_column(tg_relid, tg_argv[4]::smallint);
            execute format(
                'select array(
                     select jsonb_build_array(image -> $2, image -> $3, sum(sign * wagrun.digest(image - $4, $5)))
                     from (%s) as images
                     group by image -> $2, image -> $3
                     having sum(sign * wagrun.digest(image - $4, $5)) <> 0)',
                concat_ws(' union all ',
                    case when tg_op <> 'DELETE' then
                        'select 1 as sign, wagrun.row_image($1, wagrun_row) as image from new_rows as wagrun_row' end,
                    case when tg_op <> 'INSERT' then
                        'select -1 as sign, wagrun.row_image($1, wagrun_row) as image from old_rows as wagrun_row' end)
            ) into changes using tg_relid, key_column, tg_argv[10], ignored, seed;
        exception when others then
            perform wagrun.note_failure(tg_relid, tg_argv[1], tg_argv[2], sqlerrm);
            return null;
        end;
    end if;
    perform wagrun.append_children(tg_relid, tg_argv, changes);
    return null;
end
$$;
comment on function wagrun.capture_children is
    'Statement trigger of a table of inline children or of links. Appends one row to the outbox for each object whose children changed.';

-- A key that leads to no object is left out: the child between is deleted already, or not inserted yet. That is a change of the same
-- field, which the child's own trigger captures.
create function wagrun.append_children(relation oid, arguments text[], changes jsonb[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    path    constant text := nullif(arguments[9], '');
    owners  constant jsonb := nullif(arguments[11], '');
    parents jsonb;
    failure text;
begin
    if path is not null then
        begin
            execute path into parents using array(select change ->> 0 from unnest(changes) as change);
        exception when others then
            failure := sqlerrm;
        end;
        if failure is not null then
            perform wagrun.note_failure(relation, arguments[1], arguments[2], failure);
            return;
        end if;
    end if;
    insert into wagrun.outbox (relation, kind, model, object, key, is_own_row, before, after, changed, rings)
    select append_children.relation, owner ->> 'kind', owner ->> 'model', (owner ->> 'object') || '/' || (parent #>> '{}'), parent,
           false, '{}', '{}', jsonb_build_object(owner ->> 'collection', sum(number)), wagrun.is_first_of_transaction()
    from (
        select case when path is null then change -> 0 else parents -> (change ->> 0) end as parent,
               case when owners is null then
                    jsonb_build_object('object', arguments[0], 'kind', arguments[1], 'model', arguments[2], 'collection', arguments[8])
               else owners -> (change ->> 1) end as owner,
               (change ->> 2)::numeric as number
        from unnest(changes) as change
    ) as resolved
    where parent <> 'null' and owner is not null
    group by owner, parent
    having sum(number) <> 0;
end
$$;
comment on function wagrun.append_children is
    'Appends the changes of children, given as key, content type and number, to the outbox. The arguments are those of the trigger, '
    'and begin with the index 0.';

-- Arguments: those of capture_row or of capture_children.
create function wagrun.capture_truncate() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO, MDY'
set intervalstyle = 'postgres'
set bytea_output = 'hex'
set extra_float_digits = 1
as $$
declare
    seed       constant bigint := wagrun.digest_seed();
    key_column text := tg_argv[3];
    changes    jsonb[];
    -- A table that inherits has its own trigger. A partition may have none yet, so a partitioned table includes its partitions.
    truncated  constant text := concat(
        case when (select relkind from pg_class where oid = tg_relid) = 'r' then 'only ' end, tg_relid::regclass);
begin
    if current_setting('wagrun.capture', true) = 'off' then
        return null;
    end if;
    if not exists (select from pg_attribute where attrelid = tg_relid and attname = key_column and not attisdropped) then
        key_column := wagrun.present_column(tg_relid, tg_argv[4]::smallint);
    end if;
    if tg_nargs > 8 then
        execute format(
            'select array(
                 select jsonb_build_array(image -> $2, image -> $3, sum(-wagrun.digest(image - $4, $5)))
                 from (select wagrun.row_image($1, wagrun_row) as image from %s as wagrun_row offset 0) as images
                 group by image -> $2, image -> $3)', truncated)
        into changes using tg_relid, key_column, tg_argv[10], tg_argv[7]::text[], seed;
        perform wagrun.append_children(tg_relid, tg_argv, changes);
    else
        execute format(
            'insert into wagrun.outbox (relation, kind, model, object, key, is_own_row, before, after, changed, rings)
             select $1, $2, $3, $4 || ''/'' || (to_jsonb(wagrun_row.%1$I) #>> ''{}''), to_jsonb(wagrun_row.%1$I), $5,
                    whole.image - $6 - $7, null, wagrun.digests(whole.image, $6, -1, $8), wagrun.is_first_of_transaction()
             from %2$s as wagrun_row
             cross join lateral (select wagrun.row_image($1, wagrun_row) as image offset 0) as whole
             where wagrun_row.%1$I is not null',
            key_column, truncated)
        using tg_relid, tg_argv[1], tg_argv[2], tg_argv[0], tg_argv[5]::boolean, tg_argv[6]::text[], tg_argv[7]::text[], seed;
    end if;
    return null;
exception when others then
    perform wagrun.note_failure(tg_relid, tg_argv[1], tg_argv[2], sqlerrm);
    return null;
end
$$;
comment on function wagrun.capture_truncate is
    'Statement trigger before TRUNCATE. Records every object in the table as deleted, or its inline children as changed.';

revoke all on function wagrun.row_image, wagrun.present_column, wagrun.is_first_of_transaction, wagrun.note_failure,
    wagrun.digest_seed, wagrun.digest, wagrun.digests, wagrun.append_children, wagrun.capture_row, wagrun.capture_children, wagrun.capture_truncate from public;
