//! The whole local stack, started in the order in which its parts need each other.

mod error;
mod options;
mod parts;
mod superuser;

use std::sync::Arc;

use serde_json::Value;
use testing::process::Supervisor;
use testing::receiver::Receiver;

use crate::admin::{Admin, PageId};
use crate::deployment::{Build, Deployer, Deployment};
use crate::emulator::Emulator;
use crate::gunicorn::Site;
use crate::log_export::LogExport;
use crate::postgres::Postgres;
use crate::tools::Tools;

pub use error::{StackError, StartError};
pub use options::StackOptions;
pub use superuser::Superuser;

use parts::Parts;
pub(crate) use parts::{DATABASE, WEB_USER};

/// A running stack. Dropping it ends its processes and removes its files.
#[derive(Debug)]
pub struct LocalStack {
    /// The export of the server's log, if the database rings by log. It is dropped before the log is removed.
    _log_export: Option<LogExport>,
    /// The owner of the processes, the run directory and the logs.
    pub supervisor: Supervisor,
    /// The installed programs.
    pub tools: Tools,
    /// The PostgreSQL server.
    pub postgres: Postgres,
    /// The name of the site's database.
    pub database: String,
    /// The emulator of AWS.
    pub emulator: Emulator,
    /// The functions, built for this machine.
    pub build: Build,
    /// `template.yaml` in the emulator.
    pub deployment: Deployment,
    /// The receiver of all subscribers' webhooks.
    pub receiver: Arc<Receiver>,
    /// The Wagtail site.
    pub site: Site,
    /// The superuser of the admin.
    pub superuser: Superuser,
    /// The front page of the site. Tests create their pages under it.
    pub home: PageId,
    /// The answer of migrate.
    pub migrated: Value,
}

impl LocalStack {
    /// Starts all parts, from installing the tools to a healthy site. The first time takes minutes, later ones seconds.
    pub async fn start(options: StackOptions) -> Result<Self, StartError> {
        let logs = testing::checkout().join(".local/logs");
        let failed = |source| StartError {
            logs: logs.clone(),
            source,
        };
        let mut supervisor =
            Supervisor::start(&options.name, &logs).map_err(|error| failed(error.into()))?;
        supervisor.report_to(options.progress.clone());
        match Parts::start(&supervisor, &options).await {
            Ok(parts) => Ok(Self::of(supervisor, parts)),
            Err(source) => {
                supervisor.keep_logs();
                Err(StartError {
                    logs: supervisor.logs().to_owned(),
                    source,
                })
            }
        }
    }

    /// Logs in to the Wagtail admin as the superuser.
    pub async fn admin(&self) -> Result<Admin, StackError> {
        let address = || StackError::Address(self.site.url.clone());
        let url = self.site.url.parse().map_err(|_| address())?;
        let Superuser { username, password } = &self.superuser;
        Ok(Admin::login(url, username, password).await?)
    }

    /// Returns the URL of the site's database, as the role that owns the database and the schema.
    pub fn database_url(&self) -> String {
        self.postgres.url(&self.database)
    }

    /// Returns a deployer for further stacks.
    pub fn deployer(&self) -> Deployer<'_> {
        Deployer {
            root: testing::checkout(),
            tools: &self.tools,
            supervisor: &self.supervisor,
            emulator: &self.emulator,
            build: &self.build,
        }
    }

    /// Ends the processes and removes the files, like dropping it.
    pub fn stop(self) {
        drop(self);
    }

    fn of(supervisor: Supervisor, parts: Parts) -> Self {
        Self {
            _log_export: parts.log_export,
            supervisor,
            tools: parts.tools,
            postgres: parts.postgres,
            database: DATABASE.to_owned(),
            emulator: parts.emulator,
            build: parts.build,
            deployment: parts.deployment,
            receiver: parts.receiver,
            site: parts.site,
            superuser: parts.superuser,
            home: parts.home,
            migrated: parts.migrated,
        }
    }
}
