-- Scheduled publishing: what is due, and that it has changed.
--
-- Intent: content-events makes the schedules outside equal to what the database says is due. So a change of a due time
-- leaves no more than the word that there was one, and what is due is read afresh: nothing is derived from single changes,
-- and a change that was missed is made up for by the next look.
-- Not muted by `wagrun.capture = 'off'`, which says that nobody is to hear of a change; what is due is due all the same.

create table wagrun.scheduled_table (
    relation    regclass primary key,
    due_column  name not null,
    live_column name
);
comment on table wagrun.scheduled_table is
    'Where Wagtail''s publish_scheduled looks, as discovered from Django: the revisions, and every model with drafts.';
comment on column wagrun.scheduled_table.due_column is 'The time at which a row is due; null in a row that never is.';
comment on column wagrun.scheduled_table.live_column is 'Where only rows that are live are due, the column that says so.';

create table wagrun.schedule_change (
    xid   xid8 not null default pg_current_xact_id(),
    rings boolean not null default wagrun.is_first_of_transaction()
);
comment on table wagrun.schedule_change is
    'A row for each transaction that changed a due time, until content-events has made the schedules what they should be.';
comment on column wagrun.schedule_change.rings is 'As in the outbox: the first row of a transaction rings for all of them.';

create function wagrun.schedule_changed() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Its columns are the trigger's arguments, and are read by name when it runs, from the row itself: a dependency on them
    -- would stop a later Django migration, and a revision's content is far too large to be made jsonb.
    due_time constant text := case tg_nargs
        when 1 then format('select ($1).%I', tg_argv[0])
        else format('select case when ($1).%2$I then ($1).%1$I end', tg_argv[0], tg_argv[1])
    end;
    this_transaction constant text := pg_current_xact_id()::text;
    old_due  timestamptz;
    new_due  timestamptz;
begin
    if tg_op <> 'INSERT' then
        execute due_time into old_due using old;
    end if;
    if tg_op <> 'DELETE' then
        execute due_time into new_due using new;
    end if;
    if old_due is distinct from new_due
        and current_setting('wagrun.due_changed', true) is distinct from this_transaction
    then
        perform set_config('wagrun.due_changed', this_transaction, true);
        insert into wagrun.schedule_change default values;
    end if;
    return null;
-- A column that is gone until the next migrate, or anything else: the save goes on, and the next look sees what is due.
exception when others then
    raise log 'wagrun schedule of % not seen to change: %', tg_relid::regclass, sqlerrm;
    return null;
end
$$;
comment on function wagrun.schedule_changed is
    'Row trigger of every scheduled table, with its due column and where there is one its live column; never fails a save.';

-- The same doorbell, and the same once per transaction.
create constraint trigger doorbell
after insert on wagrun.schedule_change
deferrable initially deferred
for each row when (new.rings) execute function wagrun.ring_at_commit();

create function wagrun.due_minutes(earliest timestamptz, most integer) returns setof timestamptz
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
    due_times text;
begin
    -- A table or a column that was dropped or renamed stays listed until the next migrate.
    select string_agg(format(
        'select %1$I as due from %2$s where %1$I is not null%3$s',
        listed.due_column, listed.relation, coalesce(' and ' || quote_ident(listed.live_column), '')
    ), ' union all ') into due_times
    from wagrun.scheduled_table as listed
    where exists (select from pg_attribute where attrelid = listed.relation and attname = listed.due_column)
      and (listed.live_column is null
           or exists (select from pg_attribute where attrelid = listed.relation and attname = listed.live_column));
    if due_times is null then
        return;
    end if;
    -- Up to the next full minute, the smallest step of a schedule. The last year that a schedule can name is 9999.
    return query execute format(
        'select distinct date_trunc(''minute'', greatest(due, $1) + interval ''1 minute'' - interval ''1 microsecond'') as minute
         from (%s) as due_times where due < ''9999-12-31'' order by minute limit $2',
        due_times
    ) using earliest, most;
end
$$;
comment on function wagrun.due_minutes is
    'The next full minutes at which something is to be published or to expire, none before the earliest; all that the relay role may know of schedules.';

-- No fixed search_path, as in watch_table; one table a transaction, as there.
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
    'Has a table tell that what is due in it has changed.';

create function wagrun.unwatch_due_times(stale regclass) returns void
language plpgsql
as $$
begin
    perform wagrun.drop_triggers(stale, 'wagrun_schedule');
    delete from wagrun.scheduled_table where relation = stale;
end
$$;
comment on function wagrun.unwatch_due_times is 'Takes the trigger off a table that has no due times any more.';

create function wagrun.note_due_times() returns void
language sql
as $$
    insert into wagrun.schedule_change (rings)
    select wagrun.is_first_of_transaction() from wagrun.due_minutes(statement_timestamp(), 1)
$$;
comment on function wagrun.note_due_times is 'Rings for what was due before anybody looked.';

revoke all on function wagrun.schedule_changed, wagrun.due_minutes, wagrun.watch_due_times, wagrun.unwatch_due_times,
    wagrun.note_due_times from public;
