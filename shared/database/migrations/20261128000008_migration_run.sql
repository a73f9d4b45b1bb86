-- The history of migrate: who ran it, for which image, what it did, and how it ended.
--
-- Intent: the person on call asks the database what was done to it, and not a log that has expired.

create table wagrun.migration_run (
    id         bigint generated always as identity primary key,
    asked_by   text not null,
    deploy     text,
    program    text not null,
    started_at timestamptz not null default clock_timestamp(),
    ended_at   timestamptz,
    outcome    text,
    applied    text[] not null default '{}',
    failure    text,
    constraint migration_run_outcome check (outcome in ('succeeded', 'failed', 'abandoned')),
    constraint migration_run_ended_has_outcome check ((ended_at is null) = (outcome is null)),
    constraint migration_run_failed_has_failure check ((outcome = 'failed') = (failure is not null))
);
comment on table wagrun.migration_run is 'One row per run of migrate that got the lock; the newest may still be running.';
comment on column wagrun.migration_run.asked_by is 'CloudFormation with its request, or the invocation, by id.';
comment on column wagrun.migration_run.deploy is 'The image that the site and migrate ran from, where the caller named it.';
comment on column wagrun.migration_run.program is 'Version of wagrun.';
comment on column wagrun.migration_run.outcome is
    'abandoned: the run was killed or lost its database, which the next run found out. Null while it runs.';
comment on column wagrun.migration_run.applied is 'Django''s migrations that the run applied, such as blog.0002_author.';
comment on column wagrun.migration_run.failure is 'Which step failed and why, with the end of what Django printed.';
