-- The history of migrate's runs: the caller, the image, the applied migrations and the outcome of each.
--
-- Intent: an operator reads in the database what was done to it, also after the logs have expired.

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
comment on table wagrun.migration_run is 'One row for each run of migrate that took the lock. The newest run may still be going on.';
comment on column wagrun.migration_run.asked_by is 'The id of CloudFormation''s request or of the invocation.';
comment on column wagrun.migration_run.deploy is 'The image of the site and of migrate, when the caller named it.';
comment on column wagrun.migration_run.program is 'The version of wagrun.';
comment on column wagrun.migration_run.outcome is
    'The result of the run. abandoned: it was killed or lost its connection, as the next run found. Null while it runs.';
comment on column wagrun.migration_run.applied is 'Django''s migrations that the run applied, such as blog.0002_author.';
comment on column wagrun.migration_run.failure is 'The step that failed and the cause, with the end of Django''s output.';
