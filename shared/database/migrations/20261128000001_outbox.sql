-- The transactional outbox, and what becomes of it.
--
-- Intent: a content change and the record of it are one transaction. Everything wagrun owns in a Wagtail database lives
-- in this schema, its migrations table included; nothing of Wagtail's is altered.
--
-- Two tables, because they are written by two parties. Capture appends to the outbox, in the editor's transaction, and
-- neither reads nor updates anything there: an editor never waits for another one, and never conflicts with one. The
-- drainer folds what is committed into events, one for each transaction and object, and removes it from the outbox.
-- A later migration may not build an index on either in a transaction: it would shut out every save meanwhile.

create table wagrun.setting (
    name  text primary key,
    value text not null
);
comment on table wagrun.setting is
    'What migrate found out at deployment and the functions need: doorbell_function, user_table, user_key, user_name.';

create table wagrun.outbox (
    position    bigint generated always as identity,
    xid         xid8 not null default pg_current_xact_id(),
    began_at    timestamptz not null default transaction_timestamp(),
    captured_at timestamptz not null default clock_timestamp(),
    relation    oid not null,
    kind        text not null,
    model       text not null,
    object      text,
    key         jsonb,
    is_own_row  boolean not null,
    before      jsonb,
    after       jsonb,
    changed     text[] not null default '{}',
    editor      text default nullif(current_setting('wagrun.editor', true), ''),
    rings       boolean not null default false,
    ends        boolean not null default false,
    failure     text,
    constraint outbox_says_something check (object is not null or failure is not null or ends)
);
comment on table wagrun.outbox is
    'What was captured and is not yet an event: a row for each changed row of content, appended by the triggers.';
comment on column wagrun.outbox.position is
    'Order of capture. A row is captured while its transaction holds its lock, so that of two transactions that changed the '
    'same row the later one has the higher position. It is no key: nothing that is restored or replicated may fail a save.';
comment on column wagrun.outbox.began_at is
    'With xid the transaction''s identity: transaction ids begin anew in a cluster that was restored from a dump.';
comment on column wagrun.outbox.relation is 'The table whose row changed.';
comment on column wagrun.outbox.object is 'page/4; null when the trigger could not find out.';
comment on column wagrun.outbox.key is 'The object''s key with its type: a number, or a text.';
comment on column wagrun.outbox.is_own_row is
    'Whether it is the object''s own row; otherwise a part of it: a page type''s own table, or an inline child.';
comment on column wagrun.outbox.before is 'Captured columns before the statement; null when the row was not there.';
comment on column wagrun.outbox.after is 'Captured columns after the statement; null when the row is gone.';
comment on column wagrun.outbox.changed is 'Names of withheld columns and of collections that changed.';
comment on column wagrun.outbox.editor is 'Key of the user, where the site says who is editing: set wagrun.editor.';
comment on column wagrun.outbox.rings is 'The first row of a transaction rings the doorbell for all of them.';
comment on column wagrun.outbox.ends is
    'The last row of a transaction, written just before its commit, says that there are no more of it.';
comment on column wagrun.outbox.failure is 'Why the trigger could not capture the row as it should.';

-- The drainer goes through the outbox in order of position.
create index outbox_position on wagrun.outbox (position);
-- A queue: what is in it now says nothing of what will be, so the number of changes decides, and not their share.
alter table wagrun.outbox set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
                               autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 20000);

create table wagrun.event (
    sequence     bigint primary key,
    id           uuid not null default gen_random_uuid(),
    xid          xid8 not null,
    object       text not null,
    key          jsonb,
    kind         text not null,
    model        text not null,
    captured_at  timestamptz not null,
    before       jsonb,
    after        jsonb,
    changed      text[] not null,
    editor       text,
    is_part_only boolean not null default false,
    incomplete   text,
    bytes        bigint not null,
    claimed_at   timestamptz not null default clock_timestamp(),
    settled_at   timestamptz,
    outcome      text,
    failures     integer not null default 0,
    last_error   text,
    set_apart_at timestamptz,
    constraint event_outcome check (outcome in ('published', 'nothing', 'discarded')),
    constraint event_settled_has_outcome check ((settled_at is null) = (outcome is null)),
    constraint event_set_apart_has_reason check (set_apart_at is null or last_error is not null)
);
comment on table wagrun.event is
    'One row per transaction and object, numbered when the drainer first saw it committed; pending until settled, then history.';
comment on column wagrun.event.sequence is
    'Grows with commit order for one object, and across restores: microseconds since 1970, or one more than the last.';
comment on column wagrun.event.id is 'The event''s id, for ever.';
comment on column wagrun.event.before is 'Captured columns before the transaction; null when the object did not exist.';
comment on column wagrun.event.after is 'Captured columns after the transaction; null when the object no longer exists.';
comment on column wagrun.event.is_part_only is
    'The transaction changed parts of the object and not its own row, whose present state is still to be read.';
comment on column wagrun.event.incomplete is 'Why the event can''t show all of the object.';
comment on column wagrun.event.bytes is 'Size of before and after as text: a batch is limited by it.';
comment on column wagrun.event.outcome is
    'published: the topic has it. nothing: the transaction''s net change is none. discarded: an operator gave it up.';
comment on column wagrun.event.set_apart_at is
    'Since when the event waits for an operator, because it can''t be read or published; last_error says why.';

create index event_pending on wagrun.event (sequence) where settled_at is null;

create sequence wagrun.event_sequence as bigint;
comment on sequence wagrun.event_sequence is 'The highest sequence that was given to an event; only wagrun.reserve_sequence moves it.';

-- A restored database must not give numbers that it gave before: receivers would drop its events as old news. The clock has
-- gone on since any number that was ever given, because no drainer numbers a million events in a second.
create function wagrun.reserve_sequence(many bigint) returns bigint
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    select setval(
        'wagrun.event_sequence',
        greatest(
            (select last_value from wagrun.event_sequence),
            (extract(epoch from clock_timestamp()) * 1000000)::bigint
        ) + greatest(many, 1)
    ) - greatest(many, 1) + 1
$$;
comment on function wagrun.reserve_sequence is
    'The first of so many sequence numbers in a row, higher than any before; the caller holds the drain lock.';
revoke all on function wagrun.reserve_sequence from public;

create aggregate wagrun.merged(jsonb) (sfunc = jsonb_concat, stype = jsonb, initcond = '{}');
comment on aggregate wagrun.merged(jsonb) is 'All keys of the objects; of a key that several have the last value. Nulls are skipped.';
revoke all on function wagrun.merged from public;
