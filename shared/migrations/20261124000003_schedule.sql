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
    xid xid8 primary key
);
comment on table wagrun.schedule_change is
    'One row per transaction that changed a due time, until content-events has made the schedules what they should be.';

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
    old_due  timestamptz;
    new_due  timestamptz;
begin
    if tg_op <> 'INSERT' then
        execute due_time into old_due using old;
    end if;
    if tg_op <> 'DELETE' then
        execute due_time into new_due using new;
    end if;
    if old_due is distinct from new_due then
        insert into wagrun.schedule_change (xid) values (pg_current_xact_id()) on conflict do nothing;
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
for each row execute function wagrun.ring_once();

-- A migration that holds a table must not have content-events wait with it, hence the lock time-out.
create function wagrun.due_minutes(earliest timestamptz, most integer) returns setof timestamptz
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set lock_timeout = '1s'
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

-- No fixed search_path, as in watch.
create function wagrun.watch_schedules(discovered jsonb) returns integer
language plpgsql
as $$
declare
    stale     regclass;
    scheduled wagrun.scheduled_table;
begin
    for stale in
        select relation from wagrun.scheduled_table
        where relation not in (select (entry ->> 'table')::regclass from jsonb_array_elements(discovered) as entry)
    loop
        if exists (select from pg_class where oid = stale) then
            execute format('drop trigger if exists wagrun_schedule on %s', stale);
        end if;
        delete from wagrun.scheduled_table where relation = stale;
    end loop;

    -- Creating a trigger locks the table against writes, so only tables without the right one are touched.
    for scheduled in
        select found.* from (
            select (entry ->> 'table')::regclass as relation, (entry ->> 'due_column')::name as due_column,
                   (entry ->> 'live_column')::name as live_column
            from jsonb_array_elements(discovered) as entry
        ) as found
        left join wagrun.scheduled_table as known on known.relation = found.relation
        where (known.due_column, known.live_column) is distinct from (found.due_column, found.live_column)
           or not exists (select from pg_trigger where tgrelid = found.relation and tgname = 'wagrun_schedule')
    loop
        execute format(
            'create or replace trigger wagrun_schedule after insert or update or delete on %s
             for each row execute function wagrun.schedule_changed(%s)',
            scheduled.relation, concat_ws(', ', quote_literal(scheduled.due_column), quote_literal(scheduled.live_column)));
        insert into wagrun.scheduled_table values (scheduled.*)
        on conflict (relation) do update set due_column = excluded.due_column, live_column = excluded.live_column;
    end loop;

    -- What was due before anybody looked.
    insert into wagrun.schedule_change (xid)
    select pg_current_xact_id() from wagrun.due_minutes(statement_timestamp(), 1)
    on conflict do nothing;
    return (select count(*) from wagrun.scheduled_table);
end
$$;
comment on function wagrun.watch_schedules is
    'Makes the scheduled tables exactly the discovered ones, attaching and detaching triggers; returns how many there are.';

revoke all on function wagrun.schedule_changed, wagrun.due_minutes, wagrun.watch_schedules from public;

-- As before, and for the relay role the schedules.
create or replace function wagrun.set_up_roles(web_role name, relay_role name) returns void
language plpgsql
as $$
declare
    role name;
begin
    foreach role in array array[web_role, relay_role] loop
        if not exists (select from pg_roles where rolname = role) then
            execute format('create role %I login', role);
        end if;
        -- On Aurora a role without a password comes in by IAM.
        if exists (select from pg_roles where rolname = 'rds_iam') then
            execute format('grant rds_iam to %I', role);
        end if;
    end loop;

    -- The web role: every table of the site's, none of wagrun's.
    execute format('grant select, insert, update, delete on all tables in schema public to %I', web_role);
    execute format('grant usage, select, update on all sequences in schema public to %I', web_role);
    execute format('alter default privileges in schema public grant select, insert, update, delete on tables to %I', web_role);
    execute format('alter default privileges in schema public grant usage, select, update on sequences to %I', web_role);

    -- The relay role: reads and settles the outbox, and reads the few columns of Wagtail's that an event shows.
    execute format('grant usage on schema wagrun to %I', relay_role);
    execute format('grant select on wagrun.watched_table to %I', relay_role);
    execute format('grant select, delete on wagrun.outbox to %I', relay_role);
    execute format(
        'grant update (sequence, claimed_at, settled_at, outcome, failures, last_error) on wagrun.outbox to %I',
        relay_role);
    execute format('grant usage on sequence wagrun.event_sequence to %I', relay_role);
    execute format('grant execute on function wagrun.ring, wagrun.editor_name, wagrun.as_key to %I', relay_role);
    execute format('grant select on django_content_type, wagtailcore_locale, wagtailcore_site to %I', relay_role);
    execute format('grant select (id, url_path) on wagtailcore_page to %I', relay_role);
    execute format('grant select (id, user_id) on wagtailcore_revision to %I', relay_role);
    execute format('grant select (page_id, user_id, timestamp) on wagtailcore_pagelogentry to %I', relay_role);

    -- And its backfills: it keeps their progress, and reads the present state by the function that withholds what capture does.
    execute format('grant select, insert, delete on wagrun.backfill to %I', relay_role);
    execute format(
        'grant update (cursor, published, sliced_at, failures, last_error, finished_at, outcome) on wagrun.backfill to %I',
        relay_role);
    execute format('grant execute on function wagrun.present_state to %I', relay_role);

    -- And the schedules: it reads what is due by the function that tells nothing else, and clears what it has seen.
    execute format('grant select, delete on wagrun.schedule_change to %I', relay_role);
    execute format('grant execute on function wagrun.due_minutes to %I', relay_role);
end
$$;
