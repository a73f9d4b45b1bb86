//! One run, top to bottom.

mod empty_streams;
mod find;
mod orphans;
mod retention;
mod state;

use std::error::Error;
use std::time::SystemTime;

use aws_config::SdkConfig;
use jiff::Timestamp;

use crate::answer::Answer;
use crate::cloudwatch_logs::CloudWatchLogs;
use crate::config::Config;
use crate::rate_limit::Clock;
use crate::request::{Options, Request};
use crate::writers::{ServiceClients, Writers};
use empty_streams::delete_empty_streams;
use find::find_log_groups;
use orphans::delete_orphan;
use retention::set_retention;
use state::{Failures, OutOfTime, RunState};

/// The function's configuration and clients.
#[derive(Debug)]
pub struct LogRetention {
    config: Config,
    sdk: SdkConfig,
    logs: aws_sdk_cloudwatchlogs::Client,
    services: ServiceClients,
}

/// A run that did not do everything.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.message())]
pub struct Incomplete {
    /// The result of the steps that succeeded.
    pub answer: Answer,
    /// The number of failures.
    pub failures: usize,
    /// True when the time was over before the end.
    pub out_of_time: bool,
    /// The log group, prefix or tag of the first failure.
    first_subject: String,
    /// The first failure.
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl LogRetention {
    /// Builds the clients.
    pub fn new(config: Config, sdk: &SdkConfig) -> Self {
        Self {
            config,
            logs: CloudWatchLogs::client(sdk),
            services: ServiceClients::new(sdk),
            sdk: sdk.clone(),
        }
    }

    /// Serves a request, and begins nothing more after `stop_at`.
    ///
    /// # Errors
    /// Fails after a step that failed, and if the time was not enough. Everything else is done, and a later run continues from there.
    pub async fn run(
        &self,
        request: &Request,
        stop_at: SystemTime,
    ) -> Result<Answer, Box<Incomplete>> {
        let clock = Clock::new(&self.sdk, stop_at);
        let options = match request {
            Request::AllLogGroups(options) => *options,
            Request::CreatedLogGroup(_) => Options::default(),
        };
        let mut run = RunState {
            config: &self.config,
            options,
            now: clock.now().try_into().unwrap_or(Timestamp::UNIX_EPOCH),
            logs: CloudWatchLogs::new(self.logs.clone(), clock),
            writers: Writers::new(&self.services),
            answer: Answer {
                plan: options.plan,
                retention_days: self.config.retention.days(),
                ..Answer::default()
            },
            failures: Failures::default(),
        };
        let result = match request {
            Request::AllLogGroups(_) => check_all(&mut run).await,
            Request::CreatedLogGroup(name) => check_created(&mut run, name).await,
        };
        let out_of_time = result.is_err();
        if run.failures.count == 0 && !out_of_time {
            return Ok(run.answer);
        }
        let (first_subject, source) = run.failures.first.unzip();
        Err(Box::new(Incomplete {
            answer: run.answer,
            failures: run.failures.count,
            out_of_time,
            first_subject: first_subject.unwrap_or_default(),
            source,
        }))
    }
}

async fn check_all(run: &mut RunState<'_>) -> Result<(), OutOfTime> {
    let mut found = find_log_groups(run).await?;
    run.answer.log_groups = found.len();
    for found in &mut found {
        set_retention(run, &mut found.group).await?;
    }
    let mut in_use = Vec::new();
    for found in found {
        if !delete_orphan(run, &found).await? {
            in_use.push(found.group);
        }
    }
    for group in &in_use {
        delete_empty_streams(run, group).await?;
    }
    Ok(())
}

async fn check_created(run: &mut RunState<'_>, name: &str) -> Result<(), OutOfTime> {
    if run.config.selection.writer(name).is_none() {
        tracing::info!("log group is not the stack's");
        return Ok(());
    }
    match run.logs.named(name).await {
        Ok(Some(mut group)) => {
            run.answer.log_groups = 1;
            set_retention(run, &mut group).await
        }
        // The log group was deleted in the meantime.
        Ok(None) => Ok(()),
        Err(error) => run.record(name, error),
    }
}

impl Incomplete {
    fn message(&self) -> String {
        let mut parts = Vec::new();
        if self.out_of_time {
            parts.push("the time was over before the end; the next run continues".to_owned());
        }
        if self.failures > 0 {
            let Self {
                failures,
                first_subject,
                ..
            } = self;
            // The cause of the first failure follows as this error's source.
            parts.push(format!("{failures} failed, the first {first_subject}"));
        }
        parts.join("; ")
    }
}
