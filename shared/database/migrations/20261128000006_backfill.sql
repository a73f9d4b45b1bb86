-- Backfills: events that an operator asks for, of the past (replay) or of the present state (snapshot).
--
-- Intent: a run takes longer than one invocation, and must survive the end of each. So its row holds its whole state. The next
-- drain goes on where the last one stopped, after the live events.

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
comment on table wagrun.backfill is 'One row for each requested replay or snapshot. A run is open until finished_at is set.';
comment on column wagrun.backfill.id is 'The run''s id, which each of its events carries. It is a version 7 UUID, so it contains the time of the request.';
comment on column wagrun.backfill.request is 'The validated payload of the request, {"replay": …} or {"snapshot": …}.';
comment on column wagrun.backfill.cursor is
    'The position at which the next slice begins. Replay: {"after": sequence, "last": sequence}. Snapshot: {"model": label, "after": key}.';
comment on column wagrun.backfill.sliced_at is 'The time of the last slice. The open run with the oldest time is next.';
