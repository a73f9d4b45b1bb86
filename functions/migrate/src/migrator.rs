//! The entry point for every command.

use aws_config::SdkConfig;
use aws_sdk_ssm::Client;

use crate::answer::{Answer, Migrated};
use crate::commands::{self, CommandError};
use crate::config::Config;
use crate::invocation::Invocation;
use crate::manage_py::ManagePy;
use crate::migration::{self, MigrateError};
use crate::request::Command;
use crate::site::Site;

/// Runs the commands on one site; one for the life of the process.
#[derive(Debug)]
pub struct Migrator {
    site: Site,
}

impl Migrator {
    /// Builds the client for SSM.
    pub fn new(config: Config, sdk: &SdkConfig) -> Self {
        let manage_py = ManagePy {
            directory: config.site_directory.clone(),
            python: config.site_python.clone(),
        };
        Self {
            site: Site {
                config,
                manage_py,
                ssm: Client::new(sdk),
            },
        }
    }

    /// Brings the database up to date, under the migration lock.
    pub async fn migrate(&self, invocation: &Invocation) -> Result<Migrated, MigrateError> {
        // Boxed, because the types of the futures nest too deeply for the compiler otherwise.
        Box::pin(migration::migrate(&self.site, invocation)).await
    }

    /// Runs a command.
    pub async fn command(
        &self,
        command: Command,
        invocation: &Invocation,
    ) -> Result<Answer, CommandError> {
        let site = &self.site;
        Ok(match command {
            Command::Migrate => Answer::Migrated(self.migrate(invocation).await?),
            Command::Plan => Answer::Plan(commands::plan(site, invocation).await?),
            Command::Status => Answer::Status(commands::status(site, invocation).await?),
            Command::CreateSuperuser => {
                Answer::CommandOutput(commands::create_superuser(site, invocation).await?)
            }
            // Two that publish at the same time would both find the same page due.
            Command::PublishScheduled => {
                Answer::Published(commands::publish_scheduled(site, invocation).await?)
            }
            // Both only read content and may take long. A migration must not wait for them.
            Command::UpdateIndex => Answer::CommandOutput(
                commands::run_unlocked(site, invocation, "update_index").await?,
            ),
            Command::RebuildReferencesIndex => Answer::CommandOutput(
                commands::run_unlocked(site, invocation, "rebuild_references_index").await?,
            ),
            // It needs no Django, so it works when the site is gone.
            Command::Detach => Answer::Detached(commands::detach(site, invocation).await?),
        })
    }
}
