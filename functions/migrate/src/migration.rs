//! The command `migrate`, top to bottom.

mod capture;

use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::time::Instant;
use wagrun_database::connection::ConnectError;
use wagrun_database::schema::{
    self, LockError, LockLost, MigrationLock, MigrationOutcome, SchemaError,
};
use wagrun_lambda::telemetry::chain;

use crate::answer::Migrated;
use crate::discovery::{DiscoveryError, MigrationOutput, migrate_and_discover};
use crate::invocation::{Invocation, OutOfTime};
use crate::manage_py::{CommandEnv, ManagePyError};
use crate::site::{ChildSessions, CommandEnvError, Site, close};
use crate::superuser::{self, SuperuserError, SuperuserOutcome};
use capture::{CaptureError, set_up_capture};

/// Longest wait for another run. It is short, because the caller waits too.
const MAX_LOCK_WAIT: Duration = Duration::from_secs(300);

/// A step that failed. The steps before it stay done.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database could not be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Another run held the lock for too long, or the database was lost.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The sessions that an earlier run has left could not be ended.
    #[error("cannot end the sessions of an earlier run")]
    EarlierRun(#[source] sqlx::Error),
    /// The environment of Django's commands could not be made.
    #[error(transparent)]
    CommandEnv(#[from] CommandEnvError),
    /// The session by which Django recognises the database could not be marked.
    #[error("cannot take a lock in the database")]
    Proof(#[source] sqlx::Error),
    /// The site uses another database than migrate, or an old Wagtail. Nothing was changed.
    #[error(transparent)]
    Refused(ManagePyError),
    /// Before anything was changed: the site's settings fail.
    #[error("the site does not start")]
    Site(#[source] ManagePyError),
    /// A migration of wagrun's own schema failed.
    #[error("wagrun's schema cannot be brought up to date")]
    Schema(#[from] SchemaError),
    /// The run could not be recorded.
    #[error("cannot write to wagrun.migration_run")]
    History(#[source] sqlx::Error),
    /// Django's migrations failed, or Django did not list the tables to watch.
    #[error(transparent)]
    Django(#[from] DiscoveryError),
    /// The settings, the roles or the triggers could not be set up.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The superuser could not be created.
    #[error(transparent)]
    Superuser(#[from] SuperuserError),
    /// The session with the lock was lost, so that another run may have worked at the same time.
    #[error(transparent)]
    LockLost(#[from] LockLost),
    /// The database took longer than the function has.
    #[error(transparent)]
    OutOfTime(#[from] OutOfTime),
}

/// Brings the database up to date, under the migration lock.
pub async fn migrate(site: &Site, invocation: &Invocation) -> Result<Migrated, MigrateError> {
    let started = Instant::now();
    let mut connection = site.connect(invocation).await?;
    let work = migrate_locked(site, invocation, &mut connection, started);
    let result = invocation.in_time(work).await;
    close(connection).await;
    let mut migrated = result?;
    migrated.milliseconds = started.elapsed().as_millis();
    Ok(migrated)
}

async fn migrate_locked(
    site: &Site,
    invocation: &Invocation,
    connection: &mut PgConnection,
    started: Instant,
) -> Result<Migrated, MigrateError> {
    let give_up_at = invocation.stop_at.min(started + MAX_LOCK_WAIT);
    let mut locked = schema::lock_migration(connection, give_up_at).await?;
    let result = migrate_recorded(site, invocation, &mut locked).await;
    match result {
        // The session is gone, and the lock with it.
        Err(MigrateError::LockLost(lost)) => Err(lost.into()),
        Err(error) => {
            // The caller needs the error of the run. The lock ends with the session a moment later.
            if let Err(lost) = locked.unlock().await {
                tracing::warn!(error = chain(&lost), "migration lock not released");
            }
            Err(error)
        }
        Ok(migrated) => {
            locked.unlock().await?;
            Ok(migrated)
        }
    }
}

async fn migrate_recorded(
    site: &Site,
    invocation: &Invocation,
    locked: &mut MigrationLock<'_>,
) -> Result<Migrated, MigrateError> {
    let connection = locked.connection();
    let sessions = schema::end_sessions_of_earlier_runs(connection)
        .await
        .map_err(MigrateError::EarlierRun)?;
    if sessions > 0 {
        tracing::warn!(sessions, "database sessions of a killed run ended");
    }
    let proof = schema::prove_database(connection)
        .await
        .map_err(MigrateError::Proof)?;
    let captures = invocation.capture.unwrap_or(site.config.capture_migrations);
    let child_sessions = if captures {
        ChildSessions::Captured
    } else {
        ChildSessions::Uncaptured
    };
    let env = site.command_env(invocation, child_sessions, proof).await?;
    let installed = schema::installed_version(connection).await;
    if installed.map_err(MigrateError::History)?.is_none() {
        // Otherwise a wrong parameter would leave a schema in a database that is not the site's.
        let look = site.manage_py.check_site(&env);
        locked.during(look).await?.map_err(|error| match error {
            ManagePyError::Refused(_) => MigrateError::Refused(error),
            _ => MigrateError::Site(error),
        })?;
    }
    let connection = locked.connection();
    if let Err(refused) = schema::migrate(connection).await {
        return accept_rollback(connection, invocation, refused).await;
    }
    let run = schema::begin_run(connection, &invocation.id, invocation.image.as_deref())
        .await
        .map_err(MigrateError::History)?;
    let mut migrated = Migrated {
        run,
        applied_django: Vec::new(),
        watched_tables: 0,
        superuser: SuperuserOutcome::NotConfigured,
        milliseconds: 0,
        output: Vec::new(),
    };
    let result = run_steps(site, invocation, &env, locked, &mut migrated).await;
    if let Err(MigrateError::LockLost(lost)) = result {
        // The next run finds this one without an end, and marks it as abandoned.
        return Err(lost.into());
    }
    let failure = result.as_ref().err().map(|error| chain(error));
    let outcome = match &failure {
        None => MigrationOutcome::Succeeded,
        Some(reason) => MigrationOutcome::Failed(reason),
    };
    let recorded = schema::end_run(locked.connection(), run, &migrated.applied_django, outcome)
        .await
        .map_err(MigrateError::History);
    result?;
    recorded?;
    Ok(migrated)
}

/// Runs the steps that are Django's, and those that need Django's answer. Writes their results to `migrated`, also those of
/// the steps before one that fails.
async fn run_steps(
    site: &Site,
    invocation: &Invocation,
    env: &CommandEnv,
    locked: &mut MigrationLock<'_>,
    migrated: &mut Migrated,
) -> Result<(), MigrateError> {
    let mut output = MigrationOutput::default();
    let discovery = locked
        .during(migrate_and_discover(&site.manage_py, env, &mut output))
        .await;
    migrated.applied_django = output.applied;
    migrated.output = output.last_lines.into();
    let discovery = discovery??;

    let has_superuser = discovery.has_superuser;
    let connection = locked.connection();
    migrated.watched_tables =
        set_up_capture(connection, &site.config, discovery, invocation.stop_at).await?;

    migrated.superuser = match &site.config.superuser_parameter {
        None => SuperuserOutcome::NotConfigured,
        // The parameter is not read: the documentation tells people to delete it after the first login.
        Some(_) if has_superuser => SuperuserOutcome::Exists,
        Some(name) => {
            let create = superuser::create(&site.ssm, name, &site.manage_py, env);
            locked.during(create).await??
        }
    };
    Ok(())
}

/// Accepts a schema that is newer than this program, if CloudFormation rolls a deployment back to an image that has succeeded
/// before. Every other refusal stays an error.
///
/// The newer version has left this schema, and the image has served beside one before. An error would protect nothing, and
/// leave the stack in `UPDATE_ROLLBACK_FAILED`.
async fn accept_rollback(
    connection: &mut PgConnection,
    invocation: &Invocation,
    refused: SchemaError,
) -> Result<Migrated, MigrateError> {
    let image = match (&refused, &invocation.image) {
        (SchemaError::Newer { .. }, Some(image)) if invocation.is_stack_update => image,
        _ => return Err(refused.into()),
    };
    let last_success = schema::last_successful_run(connection, image)
        .await
        .map_err(MigrateError::History)?;
    let Some(run) = last_success else {
        return Err(refused.into());
    };
    let reason = chain(&refused);
    tracing::warn!(
        run,
        reason,
        "migration skipped, because CloudFormation rolls back to an image that succeeded before"
    );
    Ok(Migrated {
        run,
        applied_django: Vec::new(),
        watched_tables: 0,
        superuser: SuperuserOutcome::NotChecked,
        milliseconds: 0,
        output: vec![reason],
    })
}
