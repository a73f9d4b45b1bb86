//! The commands `migrate` and `detach`, as the deployed function runs them.

use std::error::Error;
use std::time::Duration;

use local_stack::migrate_config::migrate_config;
use migrate::{Command, Invocation, Migrator};
use wagrun_database::connection::DatabaseConfig;
use wagrun_lambda::telemetry::chain;

use crate::database::SiteDatabase;

/// The time that Lambda gives to a run.
const RUN_TIME: Duration = Duration::from_secs(850);

pub struct Wagrun {
    migrator: Migrator,
}

impl Wagrun {
    pub fn new(database: &SiteDatabase) -> Result<Self, Box<dyn Error>> {
        let config = migrate_config(
            DatabaseConfig::trusted(database.url().parse()?),
            &database.tools,
        );
        let sdk = aws_config::SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .build();
        Ok(Self {
            migrator: Migrator::new(config, &sdk),
        })
    }

    pub async fn attach(&self) -> Result<(), Box<dyn Error>> {
        self.migrator.migrate(&invocation()).await?;
        Ok(())
    }

    /// Removes the triggers, discards what they have captured, and removes the rest.
    pub async fn detach(&self, database: &SiteDatabase) -> Result<(), Box<dyn Error>> {
        let answer = self.migrator.command(Command::Detach, &invocation()).await;
        match answer.map_err(|error| chain(&error)) {
            Ok(_) => Ok(()),
            Err(refusal) if refusal.contains("are not published yet") => {
                let mut session = database.session().await?;
                sqlx::raw_sql("delete from wagrun.outbox")
                    .execute(&mut session)
                    .await?;
                self.migrator
                    .command(Command::Detach, &invocation())
                    .await?;
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn invocation() -> Invocation {
    Invocation {
        id: "bench".to_owned(),
        image: None,
        capture: None,
        is_stack_update: false,
        stop_at: tokio::time::Instant::now() + RUN_TIME,
    }
}
