//! The `migrate` command, top to bottom.

use std::time::{Duration, Instant};

use aws_sdk_ssm::Client;
use serde::Serialize;
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use wagrun::database::ConnectError;
use wagrun::schema;

use crate::config::Config;
use crate::discovery::{self, Discovery, DiscoveryError};
use crate::manage::{Manage, ManageError};
use crate::superuser::{self, SuperuserError};

/// How long the lock's session may sit idle while Django works: as long as a Lambda function may run.
const SESSION_IDLE: Duration = Duration::from_secs(900);

/// Settings of the sessions that Django opens: a data migration does not flood the subscribers.
const CAPTURE_OFF: &str = "-c wagrun.capture=off";

/// Runs the singleton job; one for the life of the process.
#[derive(Debug)]
pub struct Migrator {
    config: Config,
    manage: Manage,
    ssm: Client,
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Django's migrations that were applied, such as `blog.0002_author`.
    pub applied_django: Vec<String>,
    /// How many tables have capture triggers now.
    pub watched_tables: i32,
    /// `created`, `exists` or `not configured`.
    pub superuser: String,
    /// How long it took.
    pub milliseconds: u128,
}

/// The step that failed; those before it stay done.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database can't be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Another run held the lock for too long, or the database went away.
    #[error("can't get the migration lock")]
    Lock(#[source] sqlx::Error),
    /// Django's migrations failed.
    #[error("Django's migrations failed")]
    Django(#[from] ManageError),
    /// wagrun's own migrations failed.
    #[error("wagrun's schema can't be brought up to date")]
    Schema(#[from] sqlx::migrate::MigrateError),
    /// Django did not say what to watch.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    /// The triggers, the settings or the roles can't be set.
    #[error("can't set up capture")]
    Capture(#[source] sqlx::Error),
    /// The superuser can't be created.
    #[error(transparent)]
    Superuser(#[from] SuperuserError),
    /// The session lost its lock on the way, so another run may have run beside this one.
    #[error("the migration lock was lost")]
    LockLost,
}

impl Migrator {
    /// A migrator with its SSM client.
    pub fn new(config: Config, sdk: &aws_config::SdkConfig) -> Self {
        let manage = Manage {
            directory: config.site_directory.clone(),
            python: config.site_python.clone(),
        };
        Self {
            config,
            manage,
            ssm: Client::new(sdk),
        }
    }

    /// Brings the database up to date, alone.
    pub async fn migrate(&self) -> Result<Answer, MigrateError> {
        let started = Instant::now();
        let mut connection = self
            .config
            .database
            .connect("wagrun migrate", SESSION_IDLE)
            .await?;
        schema::lock_migration(&mut connection)
            .await
            .map_err(MigrateError::Lock)?;
        let result = self.migrate_locked(&mut connection, started).await;
        let released = schema::unlock_migration(&mut connection).await;
        let closed = connection.close().await;
        let answer = result?;
        if !released.map_err(MigrateError::Lock)? {
            return Err(MigrateError::LockLost);
        }
        closed.map_err(MigrateError::Lock)?;
        Ok(answer)
    }

    async fn migrate_locked(
        &self,
        connection: &mut PgConnection,
        started: Instant,
    ) -> Result<Answer, MigrateError> {
        // Nothing that lasts is signed while migrating, so a site that insists on a key gets one of the moment.
        let key = uuid::Uuid::new_v4().to_string();
        let database = self.config.database.variables();
        let mut environment = vec![("PGOPTIONS", CAPTURE_OFF)];
        // Django must work on the database whose lock we hold, whatever else the environment says.
        environment.extend(database.iter().map(|(name, value)| (*name, value.as_str())));
        if wagrun::environment::optional("SECRET_KEY").is_none() {
            environment.push(("SECRET_KEY", &key));
        }

        let printed = self
            .manage
            .run(&["migrate", "--no-input", "--no-color"], &environment)
            .await?;
        schema::migrate(connection).await?;
        let discovery = discovery::discover(&self.manage, &environment).await?;
        let watched_tables = self
            .set_up_capture(connection, discovery)
            .await
            .map_err(MigrateError::Capture)?;
        let superuser = match &self.config.superuser_parameter {
            None => "not configured".to_owned(),
            Some(name) => superuser::ensure(&self.ssm, name, &self.manage, &environment).await?,
        };
        Ok(Answer {
            applied_django: applied(&printed),
            watched_tables,
            superuser,
            milliseconds: started.elapsed().as_millis(),
        })
    }

    /// All in one transaction: the old triggers go on working until the new ones are there.
    async fn set_up_capture(
        &self,
        connection: &mut PgConnection,
        discovery: Discovery,
    ) -> Result<i32, sqlx::Error> {
        let config = &self.config;
        let mut tables = discovery.tables;
        tables.extend(
            config
                .watched_tables
                .iter()
                .map(|name| discovery::named_table(name)),
        );

        let mut transaction = connection.begin().await?;
        if config.doorbell_function.is_some() {
            schema::create_lambda_extension(&mut transaction).await?;
        }
        let watched = schema::watch(&mut transaction, &tables).await?;
        schema::set_user_table(&mut transaction, &discovery.user).await?;
        schema::set_doorbell_function(&mut transaction, config.doorbell_function.as_deref())
            .await?;
        schema::set_up_roles(&mut transaction, &config.web_user, &config.relay_user).await?;
        transaction.commit().await?;
        Ok(watched)
    }
}

/// The migrations that `manage.py migrate` says it applied: `  Applying blog.0001_initial... OK`.
fn applied(printed: &[String]) -> Vec<String> {
    printed
        .iter()
        .filter_map(|line| {
            line.trim()
                .strip_prefix("Applying ")?
                .strip_suffix("... OK")
        })
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_applied_migrations_are_read_from_djangos_output() {
        let printed = [
            "Operations to perform:",
            "  Apply all migrations: admin, blog",
            "Running migrations:",
            "  Applying blog.0001_initial... OK",
            "  Applying blog.0002_author... OK",
        ]
        .map(str::to_owned);
        assert_eq!(applied(&printed), ["blog.0001_initial", "blog.0002_author"]);
    }
}
