-- Capture: what a statement changed of content is appended to the outbox, in the editor's own transaction.
--
-- Intent: never fail a save, and cost it little. So nothing here names a column of a watched table (a later Django
-- migration may drop or alter any), rows are compared as jsonb (a plain json column has no equality operator), and values
-- travel as whole rows less the withheld columns. Nothing is looked up: what a trigger must know are its arguments, which
-- partitions inherit. Nothing is read: neither content, whose state the drainer adds, nor the outbox.
-- Whatever goes wrong, the save stands, and the outbox says at least that something changed.
-- Opt-out: `set local wagrun.capture = 'off'` mutes capture for the rest of the transaction.
-- The functions run as their owner, because the web role may write content and nothing else.

-- A value that JSON can't hold (1e200000 in a json column, \u0000, half a surrogate pair) comes as its text, and one that
-- has no text either is left out, which the server's log says.
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
            -- All of them together may be more than jsonb holds.
            image := image || jsonb_build_object(column_name, value);
        exception when others then
            raise log 'wagrun capture of column % of % failed: %', column_name, relation, sqlerrm;
        end;
    end loop;
    return image;
end
$$;
comment on function wagrun.row_image is 'The row as jsonb, whatever its columns hold; never raises.';

-- Only a table whose key column was renamed since migrate last looked comes here.
create function wagrun.present_column(relation regclass, number smallint) returns name
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select attname from pg_attribute
    where attrelid = coalesce(pg_partition_root(relation), relation) and attnum = number and not attisdropped
$$;
comment on function wagrun.present_column is 'The name that a column has now, by its number.';

create function wagrun.is_first_of_transaction() returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    this_transaction constant text := pg_current_xact_id()::text;
begin
    if current_setting('wagrun.captured', true) is not distinct from this_transaction then
        return false;
    end if;
    -- Undone with the savepoint that the first row was captured in, as the row is.
    perform set_config('wagrun.captured', this_transaction, true);
    return true;
end
$$;
comment on function wagrun.is_first_of_transaction is 'True once in each transaction, for the row that rings.';

-- Where the capture of a row failed, something of it changed, and what is not known.
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
comment on function wagrun.note_failure is 'Writes into the outbox and the server log that a change could not be captured.';

-- Arguments: the object's prefix, kind, model, the key's column and its number, whether it is the object's own row,
-- withheld columns, ignored columns.
create function wagrun.capture_row() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
-- A value reads the same whatever the editor's session says of time zones and formats.
set timezone = 'UTC'
set datestyle = 'ISO, MDY'
set intervalstyle = 'postgres'
set bytea_output = 'hex'
set extra_float_digits = 1
as $$
declare
    is_own_row constant boolean := tg_argv[5];
    withheld   constant text[] := tg_argv[6];
    ignored    constant text[] := tg_argv[7];
    key_column text := tg_argv[3];
    old_row    jsonb;
    new_row    jsonb;
    old_key    jsonb;
    new_key    jsonb;
    names      text[] := '{}';
    name       text;
begin
    if current_setting('wagrun.capture', true) = 'off' then
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
        if tg_op <> 'INSERT' then
            old_row := wagrun.row_image(tg_relid, old);
        end if;
        if tg_op <> 'DELETE' then
            new_row := wagrun.row_image(tg_relid, new);
        end if;
    end;

    if not coalesce(new_row, old_row) ? key_column then
        key_column := wagrun.present_column(tg_relid, tg_argv[4]::smallint);
        if key_column is null or not coalesce(new_row, old_row) ? key_column then
            perform wagrun.note_failure(tg_relid, tg_argv[1], tg_argv[2], format('column %s with the object''s key is gone', tg_argv[3]));
            return null;
        end if;
    end if;
    -- A part that belongs to no object is no content.
    old_key := nullif(old_row -> key_column, 'null');
    new_key := nullif(new_row -> key_column, 'null');

    -- Bytes have changed, or this would not be called. Where jsonb sees no difference (1.0 became 1.00), that counts all the
    -- same, unless it is a bookkeeping column that changed.
    if old_row - ignored = new_row - ignored and old_row <> new_row and old_key = new_key then
        return null;
    end if;
    old_row := old_row - ignored;
    new_row := new_row - ignored;
    if tg_op <> 'UPDATE' then
        names := withheld;
    else
        foreach name in array withheld loop
            if old_row -> name is distinct from new_row -> name then
                names := names || name;
            end if;
        end loop;
    end if;

    if old_key = new_key or old_key is null or new_key is null then
        if coalesce(new_key, old_key) is not null then
            insert into wagrun.outbox (relation, kind, model, object, key, is_own_row, before, after, changed, rings)
            values (tg_relid, tg_argv[1], tg_argv[2], tg_argv[0] || '/' || (coalesce(new_key, old_key) #>> '{}'),
                    coalesce(new_key, old_key), is_own_row,
                    case when old_key is not null then old_row - withheld end,
                    case when new_key is not null then new_row - withheld end,
                    names, wagrun.is_first_of_transaction());
        end if;
    else
        -- Another key is another object: the old one is gone, the new one was not there.
        insert into wagrun.outbox (relation, kind, model, object, key, is_own_row, before, after, changed, rings)
        values (tg_relid, tg_argv[1], tg_argv[2], tg_argv[0] || '/' || (old_key #>> '{}'), old_key, is_own_row,
                old_row - withheld, null, withheld, wagrun.is_first_of_transaction()),
               (tg_relid, tg_argv[1], tg_argv[2], tg_argv[0] || '/' || (new_key #>> '{}'), new_key, is_own_row,
                null, new_row - withheld, withheld, false);
    end if;
    return null;
end
$$;
comment on function wagrun.capture_row is
    'Row trigger of an object''s own table and of a page type''s: appends the row''s old and new state to the outbox.';

-- Of inline children an event says only that they changed, so each statement appends one row for each parent.
-- Arguments: as of capture_row, and the field that the children are.
create function wagrun.capture_children() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
-- So that rows that differ read differently.
set extra_float_digits = 1
as $$
-- A child's column may be called as a variable is, and the alias is one that no column has.
#variable_conflict use_variable
declare
    key_column text := tg_argv[3];
    parents    jsonb[];
    failure    text;
begin
    if current_setting('wagrun.capture', true) = 'off' then
        return null;
    end if;
    -- Rows that an update left as they were count for nothing; a child that moved to another parent counts for both.
    begin
        if tg_op = 'INSERT' then
            parents := array(select distinct to_jsonb(wagrun_row) -> key_column from new_rows as wagrun_row);
        elsif tg_op = 'DELETE' then
            parents := array(select distinct to_jsonb(wagrun_row) -> key_column from old_rows as wagrun_row);
        else
            parents := array(
                select distinct changed.image -> key_column from (
                    (select to_jsonb(wagrun_row) from old_rows as wagrun_row
                     except all select to_jsonb(wagrun_row) from new_rows as wagrun_row)
                    union all
                    (select to_jsonb(wagrun_row) from new_rows as wagrun_row
                     except all select to_jsonb(wagrun_row) from old_rows as wagrun_row)
                ) as changed (image)
            );
        end if;
    exception when others then
        failure := sqlerrm;
    end;
    if failure is not null or array_position(parents, null) is not null then
        -- A value that JSON can't hold, or a key column with another name: whose children were touched is enough to know.
        begin
            key_column := wagrun.present_column(tg_relid, tg_argv[4]::smallint);
            execute format('select array(%s)', concat_ws(' union ',
                case when tg_op <> 'DELETE' then format('select to_jsonb(%I) from new_rows', key_column) end,
                case when tg_op <> 'INSERT' then format('select to_jsonb(%I) from old_rows', key_column) end
            )) into parents;
        exception when others then
            perform wagrun.note_failure(tg_relid, tg_argv[1], tg_argv[2], sqlerrm);
            return null;
        end;
    end if;
    insert into wagrun.outbox (relation, kind, model, object, key, is_own_row, before, after, changed, rings)
    select tg_relid, tg_argv[1], tg_argv[2], tg_argv[0] || '/' || (parent #>> '{}'), parent, false,
           '{}', '{}', array[tg_argv[8]], wagrun.is_first_of_transaction()
    from unnest(parents) as parent
    where parent <> 'null';
    return null;
end
$$;
comment on function wagrun.capture_children is
    'Statement trigger of a table of inline children: appends to the outbox which objects'' children changed.';

-- Arguments: as of capture_row, and for inline children the field that they are.
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
    collection constant text := tg_argv[8];
    key_column text := tg_argv[3];
    -- Who inherits has a trigger of its own; a partition may be newer than its triggers.
    truncated  constant text := concat(
        case when (select relkind from pg_class where oid = tg_relid) = 'r' then 'only ' end, tg_relid::regclass);
begin
    if current_setting('wagrun.capture', true) = 'off' then
        return null;
    end if;
    if not exists (select from pg_attribute where attrelid = tg_relid and attname = key_column and not attisdropped) then
        key_column := wagrun.present_column(tg_relid, tg_argv[4]::smallint);
    end if;
    if collection is not null then
        execute format(
            'insert into wagrun.outbox (relation, kind, model, object, key, is_own_row, before, after, changed, rings)
             select $1, $2, $3, $4 || ''/'' || (parent #>> ''{}''), parent, false, ''{}'', ''{}'', array[$5],
                    wagrun.is_first_of_transaction()
             from (select distinct to_jsonb(%I) as parent from %s where %1$I is not null) as parents',
            key_column, truncated) using tg_relid, tg_argv[1], tg_argv[2], tg_argv[0], collection;
    else
        execute format(
            'insert into wagrun.outbox (relation, kind, model, object, key, is_own_row, before, after, changed, rings)
             select $1, $2, $3, $4 || ''/'' || (to_jsonb(wagrun_row.%1$I) #>> ''{}''), to_jsonb(wagrun_row.%1$I), $5,
                    wagrun.row_image($1, wagrun_row) - $6 - $7, null, $6, wagrun.is_first_of_transaction()
             from %2$s as wagrun_row where wagrun_row.%1$I is not null',
            key_column, truncated)
        using tg_relid, tg_argv[1], tg_argv[2], tg_argv[0], tg_argv[5]::boolean, tg_argv[6]::text[], tg_argv[7]::text[];
    end if;
    return null;
exception when others then
    perform wagrun.note_failure(tg_relid, tg_argv[1], tg_argv[2], sqlerrm);
    return null;
end
$$;
comment on function wagrun.capture_truncate is
    'Statement trigger before TRUNCATE: every object in the table is deleted, or its children are.';

revoke all on function wagrun.row_image, wagrun.present_column, wagrun.is_first_of_transaction, wagrun.note_failure,
    wagrun.capture_row, wagrun.capture_children, wagrun.capture_truncate from public;
