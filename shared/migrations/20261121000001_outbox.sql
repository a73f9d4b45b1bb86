-- The transactional outbox, and what is watched.
--
-- Intent: a content change and the record of it are one transaction. Everything wagrun owns in a
-- Wagtail database lives in this schema, its migrations table included; nothing of Wagtail's is altered.

create table wagrun.setting (
    name  text primary key,
    value text not null
);
comment on table wagrun.setting is
    'What migrate found out at deployment and the triggers need: doorbell_function, user_table, user_key, user_name.';

create table wagrun.watched_table (
    relation   regclass primary key,
    kind       text not null,
    model      text not null,
    object     text not null,
    key_column name not null,
    root       regclass,
    collection text,
    fields     jsonb not null,
    withheld   text[] not null,
    ignored    text[] not null,
    constraint watched_table_kind check (kind in ('page', 'image', 'document', 'snippet', 'table'))
);
comment on table wagrun.watched_table is 'The tables with capture triggers, as discovered from Django; rewritten by every migrate.';
comment on column wagrun.watched_table.model is 'Django''s app.model label in lower case.';
comment on column wagrun.watched_table.object is 'First part of the object''s name: page, image, document, or the model''s label.';
comment on column wagrun.watched_table.key_column is 'The column that holds the object''s key: the primary key, or in a part the link to the root row.';
comment on column wagrun.watched_table.root is
    'Null for an object''s own row; for a part (a page type''s own table, an inline child) the table that holds the object''s row.';
comment on column wagrun.watched_table.collection is
    'For an inline child, of which an object has many, the field that they are: a change in one is a change of that field.';
comment on column wagrun.watched_table.fields is 'Column name to field name, for the reader of the outbox.';
comment on column wagrun.watched_table.withheld is
    'Columns whose values are not captured, only that they changed: they are large, or nobody''s business.';
comment on column wagrun.watched_table.ignored is 'Bookkeeping columns: a change of nothing else is no change.';

create sequence wagrun.event_sequence as bigint;
comment on sequence wagrun.event_sequence is
    'Numbers events in the order in which the single drainer first saw them committed, so that it grows with commit order per object.';

create table wagrun.outbox (
    position    bigint generated always as identity primary key,
    id          uuid not null default gen_random_uuid(),
    xid         xid8 not null,
    object      text not null,
    kind        text not null,
    model       text not null,
    captured_at timestamptz not null default clock_timestamp(),
    before      jsonb,
    after       jsonb,
    changed     text[] not null,
    editor      text default nullif(current_setting('wagrun.editor', true), ''),
    sequence    bigint,
    claimed_at  timestamptz,
    settled_at  timestamptz,
    outcome     text,
    failures    integer not null default 0,
    last_error  text,
    constraint outbox_one_row_per_commit_and_object unique (xid, object),
    constraint outbox_outcome check (outcome in ('published', 'nothing')),
    constraint outbox_claimed_has_sequence check ((claimed_at is null) = (sequence is null)),
    constraint outbox_settled_has_outcome check ((settled_at is null) = (outcome is null)),
    constraint outbox_settled_was_claimed check (settled_at is null or claimed_at is not null)
);
comment on table wagrun.outbox is 'One row per commit and object; pending until settled.';
comment on column wagrun.outbox.position is 'Order of capture. Not commit order between objects: a row may become visible after a later one.';
comment on column wagrun.outbox.id is 'The event''s id, for ever.';
comment on column wagrun.outbox.before is 'Small columns before the commit; null when the object did not exist.';
comment on column wagrun.outbox.after is 'Small columns after the commit; null when the object no longer exists.';
comment on column wagrun.outbox.changed is 'Withheld columns and collections that some statement of the transaction changed; of all others before and after tell.';
comment on column wagrun.outbox.editor is 'Key of the user, where the site says who is editing: set wagrun.editor.';
comment on column wagrun.outbox.outcome is 'published: the topic has it. nothing: the commit''s net change is none.';

create index outbox_pending on wagrun.outbox (position) where settled_at is null;
create index outbox_history on wagrun.outbox (settled_at) where settled_at is not null;
