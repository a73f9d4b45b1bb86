-- Backfills: events that somebody asks for, of the past (replay) or of the present (snapshot).
--
-- Intent: a run is longer than a function's time, and must outlive whoever works at it. So all that is known of it is
-- its row here, and whichever drain comes next goes on where the last one stopped, after the live events.

create table wagrun.backfill (
    id           uuid primary key,
    request      jsonb not null,
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
comment on column wagrun.backfill.cursor is
    'Where the next slice begins. Replay: {"after": sequence, "last": sequence}. Snapshot: {"model": label, "after": key}.';
comment on column wagrun.backfill.sliced_at is 'When its last slice was made: runs take turns.';
