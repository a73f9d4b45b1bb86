//! The `migrate` command, top to bottom.

use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::time::{Instant, timeout_at};
use wagrun_database::connection::ConnectError;
use wagrun_database::schema::{
    self, LockError, LockLost, MigrationLock, MigrationOutcome, SchemaError, UserTable, WatchError,
};
use wagrun_lambda::telemetry::chain;

use crate::answer::Migrated;
use crate::discovery::{Discovery, DiscoveryError, Printed, migrate_and_discover};
use crate::migrator::{Ask, Migrator, Sessions, close};
use crate::superuser::{self, SuperuserError};

/// How long a run waits for another one. A longer one is not waited for, as the wait is the caller's time too.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// How much later than its commands a run is given up: they are asked to end first.
pub(crate) const LATER: Duration = Duration::from_secs(12);
/// What a statement of ours gets also when the time is nearly over.
const SHORTEST_STATEMENT: Duration = Duration::from_secs(1);

/// The step that failed; those before it stay done.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database can't be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Another run held the lock for too long, or the database went away.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// What an earlier run left behind can't be ended.
    #[error("can't end the sessions of an earlier run")]
    EarlierRun(#[source] sqlx::Error),
    /// wagrun's own migrations failed.
    #[error("wagrun's schema can't be brought up to date")]
    Schema(#[from] SchemaError),
    /// The run can't be written down.
    #[error("can't write to wagrun.migration_run")]
    History(#[source] sqlx::Error),
    /// Django's migrations failed, or it did not say what to watch.
    #[error(transparent)]
    Django(#[from] DiscoveryError),
    /// The settings or the roles can't be set.
    #[error("can't set up capture")]
    Capture(#[source] sqlx::Error),
    /// A table can't be watched.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// The superuser can't be created.
    #[error(transparent)]
    Superuser(#[from] SuperuserError),
    /// The lock's session was lost on the way, so another run may have run beside this one.
    #[error(transparent)]
    LockLost(#[from] LockLost),
    /// The database took longer than the function has.
    #[error("the migration did not end in the function's time")]
    OutOfTime,
}

/// Answers a deployment that CloudFormation takes back: a schema that is newer than this program is what the newer version
/// left, and this image has served beside one before. Refusing would leave the stack in `UPDATE_ROLLBACK_FAILED`, and protect
/// nothing. Whatever else was refused stays so.
async fn taken_back(
    connection: &mut PgConnection,
    ask: &Ask,
    refused: SchemaError,
) -> Result<Migrated, MigrateError> {
    let (SchemaError::Newer { .. }, true, Some(image)) =
        (&refused, ask.may_be_rollback, ask.deploy.as_deref())
    else {
        return Err(refused.into());
    };
    let earlier = schema::last_successful_run(connection, image).await;
    let Some(run) = earlier.map_err(MigrateError::History)? else {
        return Err(refused.into());
    };
    let reason = chain(&refused);
    tracing::warn!(
        image,
        earlier_run = run,
        reason,
        "nothing was migrated: this image has succeeded before, so CloudFormation takes a deployment back"
    );
    Ok(Migrated {
        run,
        applied_django: Vec::new(),
        watched_tables: 0,
        superuser: "not looked for".to_owned(),
        milliseconds: 0,
        output: vec![reason],
    })
}

impl Migrator {
    /// Brings the database up to date, alone.
    pub async fn migrate(&self, ask: &Ask) -> Result<Migrated, MigrateError> {
        let started = Instant::now();
        let mut connection = self.connect(ask).await?;
        let work = self.migrate_alone(&mut connection, ask, started);
        let result = timeout_at(ask.stop_at + LATER, work).await;
        close(connection).await;
        result.unwrap_or(Err(MigrateError::OutOfTime))
    }

    async fn migrate_alone(
        &self,
        connection: &mut PgConnection,
        ask: &Ask,
        started: Instant,
    ) -> Result<Migrated, MigrateError> {
        let give_up_at = ask.stop_at.min(started + LONGEST_WAIT);
        let mut locked = schema::lock_migration(connection, give_up_at).await?;
        let result = self.migrate_recorded(&mut locked, ask, started).await;
        match result {
            // Its session is gone, and the lock with it.
            Err(MigrateError::LockLost(lost)) => Err(lost.into()),
            Err(error) => {
                // What failed is the news; the lock ends with the session in a moment.
                if let Err(lost) = locked.unlock().await {
                    tracing::warn!(error = chain(&lost), "the lock was not given back");
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
        &self,
        locked: &mut MigrationLock<'_>,
        ask: &Ask,
        started: Instant,
    ) -> Result<Migrated, MigrateError> {
        let connection = locked.connection();
        let left = schema::end_sessions_of_earlier_runs(connection)
            .await
            .map_err(MigrateError::EarlierRun)?;
        if left > 0 {
            tracing::warn!(sessions = left, "ended what a killed run had left behind");
        }
        if let Err(refused) = schema::migrate(connection).await {
            return taken_back(connection, ask, refused).await;
        }
        let run = schema::begin_run(connection, &ask.asked_by, ask.deploy.as_deref())
            .await
            .map_err(MigrateError::History)?;
        let mut migrated = Migrated {
            run,
            applied_django: Vec::new(),
            watched_tables: 0,
            superuser: String::new(),
            milliseconds: 0,
            output: Vec::new(),
        };
        let result = self.steps(locked, ask, &mut migrated).await;
        let failure = result.as_ref().err().map(|error| chain(error));
        if let Err(MigrateError::LockLost(lost)) = result {
            // The next run finds this one without an end, and calls it abandoned.
            return Err(lost.into());
        }
        let outcome = match &failure {
            None => MigrationOutcome::Succeeded,
            Some(reason) => MigrationOutcome::Failed(reason),
        };
        let ended = schema::end_run(locked.connection(), run, &migrated.applied_django, outcome);
        let recorded = ended.await.map_err(MigrateError::History);
        result?;
        recorded?;
        migrated.milliseconds = started.elapsed().as_millis();
        Ok(migrated)
    }

    async fn steps(
        &self,
        locked: &mut MigrationLock<'_>,
        ask: &Ask,
        migrated: &mut Migrated,
    ) -> Result<(), MigrateError> {
        let sessions = if ask.capture.unwrap_or(self.config.capture_migrations) {
            Sessions::Captured
        } else {
            Sessions::Uncaptured
        };
        let surroundings = self.surroundings(ask, sessions);
        let mut printed = Printed::default();
        let django = migrate_and_discover(&self.manage, &surroundings, &mut printed);
        let discovery = locked.during(django).await;
        migrated.applied_django = printed.applied;
        migrated.output = printed.tail;
        let discovery = discovery??;
        let has_superuser = discovery.superuser;
        migrated.watched_tables = self
            .set_up_capture(locked.connection(), discovery, ask.stop_at)
            .await?;
        migrated.superuser = match &self.config.superuser_parameter {
            None => "not configured".to_owned(),
            // The parameter is not looked at: who has logged in is told to delete it.
            Some(_) if has_superuser => "exists".to_owned(),
            Some(name) => {
                let superuser = superuser::ensure(&self.ssm, name, &self.manage, &surroundings);
                locked.during(superuser).await??
            }
        };
        Ok(())
    }

    /// Sets up what the triggers need, and then the triggers, one table at a time: each keeps its old ones until it has the new ones.
    async fn set_up_capture(
        &self,
        connection: &mut PgConnection,
        discovery: Discovery,
        stop_at: Instant,
    ) -> Result<usize, MigrateError> {
        let config = &self.config;
        let mut tables = discovery.tables;
        let named = schema::named_tables(connection, &config.watched_tables, &tables).await?;
        tables.extend(named);

        let settings = self.set_up_settings(connection, &discovery.user, stop_at);
        settings.await.map_err(MigrateError::Capture)?;
        let watched = schema::watch_tables(connection, &tables, stop_at).await?;
        schema::watch_scheduled_tables(connection, &discovery.schedules, stop_at).await?;
        Ok(watched)
    }

    async fn set_up_settings(
        &self,
        connection: &mut PgConnection,
        users: &UserTable,
        stop_at: Instant,
    ) -> Result<(), sqlx::Error> {
        let config = &self.config;
        let mut transaction = connection.begin().await?;
        // The server gives up in time for the history's last word.
        let left = stop_at.saturating_duration_since(Instant::now());
        schema::limit_statements(&mut transaction, left.max(SHORTEST_STATEMENT)).await?;
        if config.doorbell_function.is_some() {
            schema::create_lambda_extension(&mut transaction).await?;
        }
        schema::set_user_table(&mut transaction, users).await?;
        schema::set_doorbell_function(&mut transaction, config.doorbell_function.as_deref())
            .await?;
        schema::set_up_roles(&mut transaction, &config.web_user, &config.relay_user).await?;
        transaction.commit().await
    }
}
