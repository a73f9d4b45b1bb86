//! The commands besides `migrate`.

use serde_json::Value;
use sqlx::postgres::PgConnection;
use tokio::time::{Instant, timeout_at};
use wagrun_database::connection::ConnectError;
use wagrun_database::schema::{self, LockError, LockLost};

use crate::answer::{Answer, Finished, Planned, SchemaVersions, Status};
use crate::manage::ManageError;
use crate::migrator::{Ask, Migrator, Sessions, close};
use crate::request::Command;
use crate::run::{LATER, MigrateError};
use crate::superuser::{self, SuperuserError};

/// What `plan.py` puts before its answer.
const PLAN: &str = "WAGRUN-PLAN ";
/// Runs that `status` shows.
const SHOWN_RUNS: i64 = 20;

/// A command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The database can't be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The database did not answer a question.
    #[error("can't read wagrun's schema")]
    Database(#[from] sqlx::Error),
    /// Another run held the lock for too long.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The lock's session was lost on the way.
    #[error(transparent)]
    LockLost(#[from] LockLost),
    /// Django said no.
    #[error(transparent)]
    Manage(#[from] ManageError),
    /// The superuser can't be created.
    #[error(transparent)]
    Superuser(#[from] SuperuserError),
    /// The database took longer than the function has.
    #[error("the command did not end in the function's time")]
    OutOfTime,
    /// There is no parameter with the superuser's account.
    #[error("create-superuser needs SUPERUSER_PARAMETER, the name of an SSM parameter")]
    NoSuperuserParameter,
    /// Django did not say what it would do.
    #[error("manage.py shell printed no line that begins with {PLAN}")]
    NoPlan,
    /// Its answer is not what this version expects.
    #[error("can't read the answer of plan.py")]
    Plan(#[from] serde_json::Error),
    /// What the `migrate` command says.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
}

impl Migrator {
    /// Runs a command.
    pub async fn command(&self, command: Command, ask: &Ask) -> Result<Answer, CommandError> {
        match command {
            Command::Migrate => Ok(Answer::Migrated(self.migrate(ask).await?)),
            Command::Plan => Ok(Answer::Planned(self.plan(ask).await?)),
            Command::Status => Ok(Answer::Status(self.status(ask).await?)),
            Command::CreateSuperuser => self.create_superuser(ask).await.map(Answer::Finished),
            Command::PublishScheduled => {
                let publish = self.manage("publish_scheduled", ask, Sessions::Captured);
                self.alone(ask, publish).await.map(Answer::Finished)
            }
            // Both only read content and may take long, so that a migration does not wait for them.
            Command::UpdateIndex => {
                let update = self.manage("update_index", ask, Sessions::Beside);
                update.await.map(Answer::Finished)
            }
            Command::RebuildReferencesIndex => {
                let rebuild = self.manage("rebuild_references_index", ask, Sessions::Beside);
                rebuild.await.map(Answer::Finished)
            }
        }
    }

    async fn plan(&self, ask: &Ask) -> Result<Planned, CommandError> {
        let mut connection = self.connect(ask).await?;
        let schema = in_time(ask, async { Ok(versions(&mut connection).await?) }).await;
        close(connection).await;
        let surroundings = self.surroundings(ask, Sessions::ReadOnly);
        let answer = self
            .manage
            .shell(include_str!("plan.py"), PLAN, &surroundings, |_| ())
            .await?
            .ok_or(CommandError::NoPlan)?;
        let migrations: Vec<Value> = serde_json::from_str(&answer)?;
        Ok(Planned {
            migrations,
            schema: schema?,
        })
    }

    async fn status(&self, ask: &Ask) -> Result<Status, CommandError> {
        let mut connection = self.connect(ask).await?;
        let status = in_time(ask, async { Ok(read_status(&mut connection).await?) }).await;
        close(connection).await;
        status
    }

    async fn create_superuser(&self, ask: &Ask) -> Result<Finished, CommandError> {
        let name = self.config.superuser_parameter.as_deref();
        let name = name.ok_or(CommandError::NoSuperuserParameter)?;
        let started = Instant::now();
        let surroundings = self.surroundings(ask, Sessions::Captured);
        let ensure = superuser::ensure(&self.ssm, name, &self.manage, &surroundings);
        let outcome = self.alone(ask, async { Ok(ensure.await?) }).await?;
        Ok(Finished {
            milliseconds: started.elapsed().as_millis(),
            output: vec![outcome],
        })
    }

    async fn manage(
        &self,
        command: &str,
        ask: &Ask,
        sessions: Sessions,
    ) -> Result<Finished, CommandError> {
        let started = Instant::now();
        let surroundings = self.surroundings(ask, sessions);
        let output = self.manage.run(&[command], &surroundings, |_| ()).await?;
        Ok(Finished {
            milliseconds: started.elapsed().as_millis(),
            output,
        })
    }

    /// Does `work` under the migration lock: never beside a migration, and never twice at once.
    async fn alone<T>(
        &self,
        ask: &Ask,
        work: impl Future<Output = Result<T, CommandError>>,
    ) -> Result<T, CommandError> {
        let mut connection = self.connect(ask).await?;
        let result = in_time(ask, async {
            let mut locked = schema::lock_migration(&mut connection, ask.stop_at).await?;
            schema::end_sessions_of_earlier_runs(locked.connection()).await?;
            let result = locked.during(work).await?;
            locked.unlock().await?;
            result
        })
        .await;
        close(connection).await;
        result
    }
}

/// Gives up what waits for an answer that never comes, a while after a child would have been ended.
async fn in_time<T>(
    ask: &Ask,
    work: impl Future<Output = Result<T, CommandError>>,
) -> Result<T, CommandError> {
    timeout_at(ask.stop_at + LATER, work)
        .await
        .unwrap_or(Err(CommandError::OutOfTime))
}

async fn versions(connection: &mut PgConnection) -> Result<SchemaVersions, sqlx::Error> {
    Ok(SchemaVersions {
        installed: schema::installed_version(connection).await?,
        known: schema::known_version(),
    })
}

async fn read_status(connection: &mut PgConnection) -> Result<Status, sqlx::Error> {
    Ok(Status {
        running: schema::lock_holder(connection).await?,
        schema: versions(connection).await?,
        runs: schema::recent_runs(connection, SHOWN_RUNS).await?,
    })
}
