-- Scheduled publishing: content that could not be published or expired at its time.
--
-- Intent: such content stays due, because a later version of the site or an editor may repair it. Without a record the sweep
-- would wake the database for it every hour, for ever. With one it is tried again after an hour, and then once a day, and each
-- of these runs fails, so that it stays visible. An object with another due time than the recorded one is due as usual.

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

create or replace function wagrun.due_minutes(earliest timestamptz, most integer) returns setof timestamptz
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
