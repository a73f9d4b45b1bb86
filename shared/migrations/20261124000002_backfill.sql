-- Backfills: events that somebody asks for, of the past (replay) or of the present (snapshot).
--
-- Intent: a run is longer than a function's time, and must outlive whoever works at it. So all that is known of it is
-- its row here, and whichever drain comes next goes on where the last one stopped, after the live events.

create table wagrun.backfill (
    id           uuid primary key,
    request      jsonb not null,
    xid          xid8 not null default pg_current_xact_id(),
    requested_at timestamptz not null default clock_timestamp(),
    cursor       jsonb not null,
    published    bigint not null default 0,
    sliced_at    timestamptz,
    failures     integer not null default 0,
    last_error   text,
    finished_at  timestamptz,
    outcome      text,
    constraint backfill_outcome check (outcome in ('done', 'cancelled')),
    constraint backfill_finished_has_outcome check ((finished_at is null) = (outcome is null))
);
comment on table wagrun.backfill is 'One row per replay or snapshot that was asked for; open until finished.';
comment on column wagrun.backfill.id is 'Stands in each of its events; a version 7 UUID, so that it says when it was asked for.';
comment on column wagrun.backfill.request is 'The payload of the request, {"replay": …} or {"snapshot": …}, as it was checked.';
comment on column wagrun.backfill.xid is 'For the ring that has the next invocation go on: a transaction that has ended.';
comment on column wagrun.backfill.cursor is
    'Where the next slice begins. Replay: {"after": sequence, "last": sequence}. Snapshot: {"model": label, "after": key}.';
comment on column wagrun.backfill.sliced_at is 'When its last slice was made: runs take turns.';

-- A replay goes through the history in order of sequence.
create index outbox_replay on wagrun.outbox (sequence) where outcome = 'published';

-- stable: all that it reads, of an object's own row and of its parts, is as the calling statement's snapshot has it.
-- A migration that holds a watched table must not have the drain wait with it, hence the lock time-out.
create function wagrun.present_state(of_model text, after_key text, most integer)
returns table (key text, object text, kind text, state jsonb)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set lock_timeout = '1s'
as $$
declare
    watched wagrun.watched_table;
    parts   text;
begin
    -- A table that was dropped stays listed until the next migrate.
    select listed.* into watched
    from wagrun.watched_table as listed join pg_class on pg_class.oid = listed.relation
    where listed.model = of_model and listed.root is null;
    if not found then
        return;
    end if;

    -- As in capture: an object's parts add their columns to its own, and its many children add none.
    select coalesce(string_agg(format(
        ' || coalesce((select wagrun.row_from_json(to_json(part)) - %L::text[] - %L::text[] from %s as part
                       where part.%I = root_row.%I), ''{}'')',
        part_table.withheld, part_table.ignored, part_table.relation, part_table.key_column, watched.key_column
    ), '' order by part_table.relation::text), '') into parts
    from wagrun.watched_table as part_table join pg_class on pg_class.oid = part_table.relation
    where part_table.root = watched.relation and part_table.collection is null;

    -- Keys are compared as what they are, whatever type that is: the literal takes the column's. The rows are chosen before
    -- an image is made of any, and with the offset it is made once, instead of wherever it is used.
    return query execute format(
        'select root_row.%1$I::text, %2$L || (whole.image ->> %3$L), %4$L, whole.image - $1 - $2%5$s
         from (select * from %6$s as row_after where %7$s order by %1$I limit $3) as root_row
         cross join lateral (select wagrun.row_from_json(to_json(root_row)) as image offset 0) as whole
         order by root_row.%1$I',
        watched.key_column, watched.object || '/', watched.key_column, watched.kind, parts, watched.relation,
        case when after_key is null
            then format('row_after.%I is not null', watched.key_column)
            else format('row_after.%I > %L', watched.key_column, after_key)
        end
    ) using watched.withheld, watched.ignored, most;
end
$$;
comment on function wagrun.present_state is
    'The next objects of a watched model after a key, as capture would write them; all that the relay role may know of content.';

revoke all on function wagrun.present_state from public;

-- As before, and for the relay role the backfills.
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
end
$$;
