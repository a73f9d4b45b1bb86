//! The commands besides `migrate`.

use std::collections::VecDeque;

use serde_json::Value;
use sqlx::postgres::PgConnection;
use tokio::time::Instant;
use wagrun_database::connection::ConnectError;
use wagrun_database::schema::{self, DetachError, LockError, LockLost, SessionLost};

use crate::answer::{CommandOutput, Detachment, Plan, Publication, SchemaVersions, Status};
use crate::invocation::{Invocation, OutOfTime};
use crate::manage_py::{CommandEnv, ManagePyError, push_line};
use crate::migration::MigrateError;
use crate::publication::{self, PublicationError};
use crate::site::{ChildSessions, CommandEnvError, Site, close};
use crate::superuser::{self, SuperuserError};

/// The start of the line with which `plan.py` answers.
const PLAN_MARKER: &str = "WAGRUN-PLAN ";
/// The number of runs that `status` reports.
const MAX_REPORTED_RUNS: i64 = 20;

/// A command that failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The database could not be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The database did not answer a query.
    #[error("cannot read wagrun's schema")]
    Database(#[from] sqlx::Error),
    /// Another run held the lock for too long.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The session with the lock was lost.
    #[error(transparent)]
    LockLost(#[from] LockLost),
    /// The session by which Django recognises the database was lost.
    #[error(transparent)]
    SessionLost(#[from] SessionLost),
    /// The environment of a command could not be made.
    #[error(transparent)]
    CommandEnv(#[from] CommandEnvError),
    /// A command of `manage.py` failed.
    #[error(transparent)]
    ManagePy(#[from] ManagePyError),
    /// The superuser could not be created.
    #[error(transparent)]
    Superuser(#[from] SuperuserError),
    /// The database took longer than the function has.
    #[error(transparent)]
    OutOfTime(#[from] OutOfTime),
    /// No parameter with the superuser's account is configured.
    #[error("create-superuser needs SUPERUSER_PARAMETER, the name of an SSM parameter")]
    NoSuperuserParameter,
    /// `plan.py` printed no answer.
    #[error("manage.py shell printed no line that begins with {PLAN_MARKER}")]
    NoPlan,
    /// The answer of `plan.py` has another shape than this version expects.
    #[error("cannot read the answer of plan.py")]
    Plan(#[from] serde_json::Error),
    /// Some due content was not published or expired.
    #[error(transparent)]
    Publication(#[from] PublicationError),
    /// wagrun could not be removed.
    #[error(transparent)]
    Detach(#[from] DetachError),
    /// The command `migrate` failed.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
}

/// Reports the migrations that `migrate` would apply. Its sessions can only read.
pub async fn plan(site: &Site, invocation: &Invocation) -> Result<Plan, CommandError> {
    let work = async |connection: &mut PgConnection, env: CommandEnv| {
        let schema = read_versions(connection).await?;
        let code = include_str!("plan.py");
        let run = site.manage_py.shell(code, PLAN_MARKER, &env, |_| ());
        let answer = schema::keep_in_use(connection, run).await??;
        let migrations: Vec<Value> = serde_json::from_str(&answer.ok_or(CommandError::NoPlan)?)?;
        Ok(Plan { migrations, schema })
    };
    without_lock(site, invocation, ChildSessions::ReadOnly, work).await
}

/// Reports the last runs, and the run that is under way.
pub async fn status(site: &Site, invocation: &Invocation) -> Result<Status, CommandError> {
    let mut connection = site.connect(invocation).await?;
    let status = invocation
        .in_time(async { Ok(read_status(&mut connection).await?) })
        .await;
    close(connection).await;
    status
}

/// Creates the configured superuser, unless the site has one.
pub async fn create_superuser(
    site: &Site,
    invocation: &Invocation,
) -> Result<CommandOutput, CommandError> {
    let name = site.config.superuser_parameter.as_deref();
    let name = name.ok_or(CommandError::NoSuperuserParameter)?;
    let started = Instant::now();
    let work = async |env: CommandEnv| {
        Ok(superuser::create(&site.ssm, name, &site.manage_py, &env).await?)
    };
    let outcome = with_lock(site, invocation, work, async |_, outcome| Ok(outcome)).await?;
    Ok(CommandOutput {
        milliseconds: started.elapsed().as_millis(),
        output: vec![outcome.as_str().to_owned()],
    })
}

/// Publishes and expires everything that is due, under the migration lock.
///
/// # Errors
/// Fails after everything else was handled, if an object could not be published or expired. A failure that was reported a short
/// time ago is only logged.
pub async fn publish_scheduled(
    site: &Site,
    invocation: &Invocation,
) -> Result<Publication, CommandError> {
    let started = Instant::now();
    let mut output = VecDeque::new();
    let work = async |env: CommandEnv| {
        let marker = publication::ANSWER_MARKER;
        let run = site
            .manage_py
            .shell(publication::SCRIPT, marker, &env, |line| {
                if !line.trim().is_empty() {
                    push_line(&mut output, line.to_owned());
                }
            });
        Ok(run.await?)
    };
    let record = async |connection: &mut PgConnection, answer| {
        Ok(publication::record(connection, answer).await?)
    };
    let done = with_lock(site, invocation, work, record).await?;
    Ok(Publication {
        published: done.published,
        expired: done.expired,
        failed: done.failures.len(),
        milliseconds: started.elapsed().as_millis(),
        output: output.into(),
    })
}

/// Runs a command of `manage.py` that may run at the same time as a migration.
pub async fn run_unlocked(
    site: &Site,
    invocation: &Invocation,
    command: &str,
) -> Result<CommandOutput, CommandError> {
    let started = Instant::now();
    let work = async |connection: &mut PgConnection, env: CommandEnv| {
        let run = site.manage_py.command(command, &env);
        Ok(schema::keep_in_use(connection, run).await??)
    };
    let output = without_lock(site, invocation, ChildSessions::Unlocked, work).await?;
    Ok(CommandOutput {
        milliseconds: started.elapsed().as_millis(),
        output,
    })
}

/// Removes wagrun from the database, under the migration lock.
pub async fn detach(site: &Site, invocation: &Invocation) -> Result<Detachment, CommandError> {
    let (web, relay) = (&site.config.web_user, &site.config.relay_user);
    let mut connection = site.connect(invocation).await?;
    let result = invocation
        .in_time(async {
            let mut locked = schema::lock_migration(&mut connection, invocation.stop_at).await?;
            schema::end_sessions_of_earlier_runs(locked.connection()).await?;
            let stop_at = invocation.stop_at;
            let detached = schema::detach(locked.connection(), web, relay, stop_at).await;
            locked.unlock().await?;
            let schema::Detached { tables, kept } = detached?;
            Ok::<_, CommandError>(Detachment { tables, kept })
        })
        .await;
    close(connection).await;
    result
}

/// Does the work under the migration lock, so that no migration and no second command of this kind runs at the same time. After
/// it succeeded, `record` uses the session that holds the lock.
async fn with_lock<T, U>(
    site: &Site,
    invocation: &Invocation,
    work: impl AsyncFnOnce(CommandEnv) -> Result<T, CommandError>,
    record: impl AsyncFnOnce(&mut PgConnection, T) -> Result<U, CommandError>,
) -> Result<U, CommandError> {
    let mut connection = site.connect(invocation).await?;
    let result = invocation
        .in_time(async {
            let mut locked = schema::lock_migration(&mut connection, invocation.stop_at).await?;
            schema::end_sessions_of_earlier_runs(locked.connection()).await?;
            let proof = schema::prove_database(locked.connection()).await?;
            let env = site.command_env(invocation, ChildSessions::Captured, proof);
            // Boxed, because the types of the futures nest too deeply for the compiler otherwise.
            let work = Box::pin(work(env.await?));
            let result = match locked.during(work).await? {
                Ok(done) => record(locked.connection(), done).await,
                Err(error) => Err(error),
            };
            locked.unlock().await?;
            result
        })
        .await;
    close(connection).await;
    result
}

/// Does work with a command of `manage.py` that may run at the same time as a migration. The session given to it is the one by
/// which the command recognises the database.
async fn without_lock<T>(
    site: &Site,
    invocation: &Invocation,
    sessions: ChildSessions,
    work: impl AsyncFnOnce(&mut PgConnection, CommandEnv) -> Result<T, CommandError>,
) -> Result<T, CommandError> {
    let mut connection = site.connect(invocation).await?;
    let result = invocation
        .in_time(async {
            let proof = schema::prove_database(&mut connection).await?;
            let env = site.command_env(invocation, sessions, proof).await?;
            Box::pin(work(&mut connection, env)).await
        })
        .await;
    close(connection).await;
    result
}

async fn read_versions(connection: &mut PgConnection) -> Result<SchemaVersions, sqlx::Error> {
    Ok(SchemaVersions {
        installed: schema::installed_version(connection).await?,
        known: schema::known_version(),
    })
}

async fn read_status(connection: &mut PgConnection) -> Result<Status, sqlx::Error> {
    Ok(Status {
        running: schema::lock_holder(connection).await?,
        schema: read_versions(connection).await?,
        runs: schema::recent_runs(connection, MAX_REPORTED_RUNS).await?,
    })
}
