-- The transactional outbox, and the events that its rows become.
--
-- Intent: a content change and the record of it are one transaction. Everything that wagrun owns in a Wagtail database is in
-- this schema, its migrations table included. Nothing of Wagtail's is altered.
--
-- There are two tables because there are two writers. Capture appends to the outbox in the editor's transaction, and neither
-- reads nor updates rows there. So an editor never waits for another one and never conflicts with one. The drainer folds
-- committed rows into events, one for each transaction and object, and removes the rows from the outbox.
--
-- A later migration must not build an index on either table in a transaction, because no save could go on meanwhile.

create table wagrun.setting (
    name  text primary key,
    value text not null
);
comment on table wagrun.setting is
    'Settings that migrate stores at deployment for the functions: doorbell_function, user_table, user_key, user_name.';

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
    changed     jsonb not null default '{}',
    editor      text default case
        when left(current_query(), 16) is distinct from '/*wagrun.editor='
            then nullif(current_setting('wagrun.editor', true), '')
        when strpos(left(current_query(), 98), '*/') > 17 then split_part(substr(left(current_query(), 98), 17), '*/', 1)
    end,
    rings       boolean not null default false,
    ends        boolean not null default false,
    failure     text,
    constraint outbox_says_something check (object is not null or failure is not null or ends)
);
comment on table wagrun.outbox is
    'Captured changes that are not events yet: one row for each changed row of content, appended by the triggers.';
comment on column wagrun.outbox.position is
    'The order of capture. A row is captured while its transaction holds the row''s lock. So of two transactions that changed '
    'the same row, the later one has the higher position. The column is not a key, because a duplicate after a restore or '
    'in a replica must not fail a save.';
comment on column wagrun.outbox.began_at is
    'The start of the transaction. With xid it identifies the transaction, because transaction ids begin anew in a cluster that '
    'was restored from a dump.';
comment on column wagrun.outbox.relation is 'The table whose row changed.';
comment on column wagrun.outbox.object is 'The object''s name, such as page/4. Null when the trigger could not determine the object.';
comment on column wagrun.outbox.key is 'The object''s key with its type, a number or a text.';
comment on column wagrun.outbox.is_own_row is
    'True for the object''s own row. False for a part of the object: a row of a page type''s own table, or an inline child.';
comment on column wagrun.outbox.before is 'Captured columns before the statement. Null when the row did not exist.';
comment on column wagrun.outbox.after is 'Captured columns after the statement. Null when the row was deleted.';
comment on column wagrun.outbox.changed is
    'A number for each withheld column and each collection that changed: the digest of its value after the statement, minus that '
    'before. In a transaction that leads back to the first value, the numbers of a field add up to zero.';
comment on column wagrun.outbox.editor is
    'The key of the user, when the site names its editor: by a comment with which the statement begins, or else by '
    'set wagrun.editor. A key has 80 characters at the most. A text within the statement, such as a title, is no such comment.';
comment on column wagrun.outbox.rings is 'True for the first row of a transaction, which rings the doorbell for all rows.';
comment on column wagrun.outbox.ends is
    'True for the last row of a transaction, which is written just before the commit and marks the transaction as complete.';
comment on column wagrun.outbox.failure is 'The reason for which the trigger could not capture the row completely.';

-- The drainer reads the outbox in order of position.
create index outbox_position on wagrun.outbox (position);
-- The table is a queue whose size varies, so a number of changes triggers the clean-up and not a share of the rows.
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
    is_comparison boolean not null default false,
    action       text,
    seen_before  jsonb,
    seen_after   jsonb,
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
    'One row for each transaction and object, numbered when the drainer first saw it committed. An event is pending until it is '
    'settled, and history afterwards.';
comment on column wagrun.event.sequence is
    'The event''s number: microseconds since 1970, or one more than the last number. For one object it grows in the order of '
    'commits, also across restores.';
comment on column wagrun.event.id is 'The event''s id, which never changes.';
comment on column wagrun.event.before is 'Captured columns before the transaction. Null when the object did not exist.';
comment on column wagrun.event.after is 'Captured columns after the transaction. Null when the object no longer exists.';
comment on column wagrun.event.is_part_only is
    'True while the present state of the object''s own row is still to be read, because the transaction changed only parts of the '
    'object.';
comment on column wagrun.event.incomplete is 'The reason for which the event does not show all of the object.';
comment on column wagrun.event.is_comparison is
    'True for an event without a change of the object. It is published if the visibility of the object differs from the one that '
    'was said last.';
comment on column wagrun.event.action is
    'The last part of the event''s type, for a page or a document. It is decided once, before the event is published for the first '
    'time, because it depends on the visibility that earlier events said. Null for other objects, and until it is decided.';
comment on column wagrun.event.seen_before is 'The visibility of the object before the event, decided together with the action.';
comment on column wagrun.event.seen_after is 'The visibility of the object after the event, decided together with the action.';
comment on column wagrun.event.bytes is 'The size of before and after as text, in bytes. It limits the size of a batch.';
comment on column wagrun.event.outcome is
    'published: the topic accepted the event. nothing: the transaction has no net change of the object. discarded: an operator '
    'discarded the event.';
comment on column wagrun.event.set_apart_at is
    'The time at which the event was set apart for an operator, because it cannot be read or published. last_error is the reason.';

create index event_pending on wagrun.event (sequence) where settled_at is null;

create sequence wagrun.event_sequence as bigint;
comment on sequence wagrun.event_sequence is 'The highest sequence of all events. Only wagrun.reserve_sequence advances it.';

-- A restored database must not reuse numbers, because receivers would drop its events as old ones. So numbers follow the clock.
-- The clock is ahead of every used number, because no drainer numbers a million events in a second.
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
    'Reserves a number of consecutive sequence numbers above all used ones, and returns the first. The caller must hold the drain '
    'lock.';
revoke all on function wagrun.reserve_sequence from public;

create aggregate wagrun.merged(jsonb) (sfunc = jsonb_concat, stype = jsonb, initcond = '{}');
comment on aggregate wagrun.merged(jsonb) is 'Merges objects. Of a key that several objects have, the last value wins. Nulls are skipped.';
revoke all on function wagrun.merged from public;
