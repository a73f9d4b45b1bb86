-- Scheduled publishing: the due times of content, and the record that one has changed.
--
-- Intent: content-events makes the schedules in EventBridge Scheduler equal to the due times in the database. A change of a due
-- time only leaves a record that there was one, and all due times are then read anew. Nothing is derived from single changes,
-- so the next synchronisation corrects a change that was missed.
-- `wagrun.capture = 'off'` does not switch this off. It hides changes from subscribers, but due content is still published.

create table wagrun.scheduled_table (
    relation    regclass primary key,
    due_column  name not null,
    live_column name
);
comment on table wagrun.scheduled_table is
    'The tables that Wagtail''s publish_scheduled reads, as discovered from Django: the revisions, and every model with drafts.';
comment on column wagrun.scheduled_table.due_column is 'The name of the column with the due time. It is null in a row that is never due.';
comment on column wagrun.scheduled_table.live_column is 'The name of the column that marks live rows, when only live rows are due.';

create table wagrun.schedule_change (
    xid   xid8 not null default pg_current_xact_id(),
    rings boolean not null default wagrun.is_first_of_transaction()
);
comment on table wagrun.schedule_change is
    'One row for each transaction that changed a due time. content-events removes it after it has synchronised the schedules.';
comment on column wagrun.schedule_change.rings is 'True for the first row of a transaction, which rings the doorbell, as in the outbox.';

create function wagrun.schedule_changed() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    is_read  boolean := false;
    due_time text;
    old_due  timestamptz;
    new_due  timestamptz;
begin
    -- The columns of Wagtail itself are read without a statement, which PostgreSQL would plan for each row. Their names in this
    -- function are no dependency. When such a column was dropped or altered, the statements below decide.
    begin
        if tg_argv[0] = 'expire_at' and tg_argv[1] = 'live' then
            if tg_op <> 'INSERT' then
                old_due := case when old.live then old.expire_at end;
            end if;
            if tg_op <> 'DELETE' then
                new_due := case when new.live then new.expire_at end;
            end if;
            is_read := true;
        elsif tg_nargs = 1 and tg_argv[0] = 'approved_go_live_at' then
            if tg_op <> 'INSERT' then
                old_due := old.approved_go_live_at;
            end if;
            if tg_op <> 'DELETE' then
                new_due := new.approved_go_live_at;
            end if;
            is_read := true;
        end if;
    exception when others then
        null;
    end;
    if not is_read then
        -- The names of the columns are the trigger's arguments, and the values are read from the row when it fires. A dependency
        -- on the columns would stop a later Django migration, and a revision's content is far too large to convert to jsonb.
        due_time := case tg_nargs
            when 1 then format('select ($1).%I', tg_argv[0])
            else format('select case when ($1).%2$I then ($1).%1$I end', tg_argv[0], tg_argv[1])
        end;
        if tg_op <> 'INSERT' then
            execute due_time into old_due using old;
        end if;
        if tg_op <> 'DELETE' then
            execute due_time into new_due using new;
        end if;
    end if;
    if old_due is distinct from new_due
        and current_setting('wagrun.due_changed', true) is distinct from pg_current_xact_id()::text
    then
        perform set_config('wagrun.due_changed', pg_current_xact_id()::text, true);
        insert into wagrun.schedule_change default values;
    end if;
    return null;
-- After any error, such as a dropped column, the save goes on. The next synchronisation reads the due times.
exception when others then
    raise log 'wagrun schedule of % not seen to change: %', tg_relid::regclass, sqlerrm;
    return null;
end
$$;
comment on function wagrun.schedule_changed is
    'Row trigger of every scheduled table. Arguments: the due column and, if there is one, the live column. Never fails a save.';

-- The doorbell of the outbox, which also rings here once for each transaction.
create constraint trigger doorbell
after insert on wagrun.schedule_change
deferrable initially deferred
for each row when (new.rings) execute function wagrun.ring_at_commit();

-- Content that could not be published or expired at its time stays due, because a later version of the site or an editor may repair
-- it. Without a record the sweep would wake the database for it every hour, for ever. With one it is tried again after an hour, and
-- then once a day, and each of these runs fails, so that it stays visible. An object with another due time than the recorded one is
-- due as usual.
create table wagrun.failed_publication (
    relation regclass not null,
    key      text not null,
    due      timestamptz not null,
    failures integer not null,
    retry_at timestamptz not null,
    reason   text not null,
    primary key (relation, key)
);
comment on table wagrun.failed_publication is
    'Due content that the last run of publish-scheduled could not publish or expire. migrate forgets all of it, because a new '
    'version of the site may be able to.';
comment on column wagrun.failed_publication.relation is 'The table with the due time.';
comment on column wagrun.failed_publication.key is 'The primary key of the row; empty for a table that could not be read.';
comment on column wagrun.failed_publication.retry_at is 'The time from which the content is due again, and its failure is reported again.';

create function wagrun.due_minutes(earliest timestamptz, most integer) returns setof timestamptz
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
    due_times text;
begin
    -- A table or a column that was dropped or renamed stays listed until the next migrate.
    select string_agg(
        case when listed.key_column is null then format(
            'select %1$I as due from %2$s where %1$I is not null%3$s',
            listed.due_column, listed.relation, coalesce(' and ' || quote_ident(listed.live_column), ''))
        else format(
            -- What has failed is due again from the time of its next attempt.
            'select greatest(content.%1$I, failed.retry_at) as due from %2$s as content
             left join wagrun.failed_publication as failed
                 on failed.relation = %4$s::oid and failed.key = content.%5$I::text and failed.due = content.%1$I
             where content.%1$I is not null%3$s',
            listed.due_column, listed.relation, coalesce(' and content.' || quote_ident(listed.live_column), ''),
            listed.relation::oid, listed.key_column)
        end, ' union all ') into due_times
    from (
        select scheduled.*, (
            select key.attname from pg_index
            join pg_attribute as key on key.attrelid = pg_index.indrelid and key.attnum = pg_index.indkey[0]
            where pg_index.indrelid = scheduled.relation and pg_index.indisprimary and pg_index.indnkeyatts = 1
        ) as key_column
        from wagrun.scheduled_table as scheduled
    ) as listed
    where exists (select from pg_attribute where attrelid = listed.relation and attname = listed.due_column)
      and (listed.live_column is null
           or exists (select from pg_attribute where attrelid = listed.relation and attname = listed.live_column));
    if due_times is null then
        return;
    end if;
    -- Rounded up to the full minute, the smallest unit of a schedule. The last year of a schedule is 9999.
    return query execute format(
        'select distinct date_trunc(''minute'', greatest(due, $1) + interval ''1 minute'' - interval ''1 microsecond'') as minute
         from (%s) as due_times where due < ''9999-12-31'' order by minute limit $2',
        due_times
    ) using earliest, most;
end
$$;
comment on function wagrun.due_minutes is
    'Returns the next full minutes at which content is published or expires, none before the earliest. The relay role may read '
    'nothing else of due times.';

-- As in watch_table, the search_path is not fixed, and a transaction is about one table.
create function wagrun.watch_due_times(entry jsonb) returns void
language plpgsql
as $$
declare
    scheduled wagrun.scheduled_table := row ((entry ->> 'table')::regclass, entry ->> 'due_column', entry ->> 'live_column');
begin
    insert into wagrun.scheduled_table values (scheduled.*)
    on conflict (relation) do update set due_column = excluded.due_column, live_column = excluded.live_column;
    perform wagrun.set_trigger(scheduled.relation, 'wagrun_schedule', format(
        'after insert or update or delete on %s for each row execute function wagrun.schedule_changed(%s)',
        scheduled.relation, concat_ws(', ', quote_literal(scheduled.due_column), quote_literal(scheduled.live_column))));
end
$$;
comment on function wagrun.watch_due_times is
    'Watches the due times of a table.';

create function wagrun.unwatch_due_times(stale regclass) returns void
language plpgsql
as $$
begin
    perform wagrun.drop_triggers(stale, 'wagrun_schedule');
    delete from wagrun.scheduled_table where relation = stale;
end
$$;
comment on function wagrun.unwatch_due_times is 'Removes the trigger from a table that no longer has due times.';

create function wagrun.note_due_times() returns void
language sql
as $$
    insert into wagrun.schedule_change (rings)
    select wagrun.is_first_of_transaction() from wagrun.due_minutes(statement_timestamp(), 1)
$$;
comment on function wagrun.note_due_times is 'Rings the doorbell for due times from before the table was watched.';

revoke all on function wagrun.schedule_changed, wagrun.due_minutes, wagrun.watch_due_times, wagrun.unwatch_due_times,
    wagrun.note_due_times from public;
