//! One run, top to bottom.

mod empty_streams;
mod orphans;

use std::collections::BTreeMap;
use std::time::SystemTime;

use aws_config::SdkConfig;
use jiff::Timestamp;
use wagrun_lambda::telemetry::chain;

use crate::answer::{Answer, Change, Governed, Kept};
use crate::logs::{Group, Logs};
use crate::pace::{CallError, Clock};
use crate::verdict::{Verdict, judge};
use crate::writers::{Services, Writers};
use crate::{Config, OPT_OUT_TAG, Options, Request, STACK_TAG, Writer};

/// The function's configuration and clients.
#[derive(Debug)]
pub struct LogRetention {
    config: Config,
    sdk: SdkConfig,
    logs: aws_sdk_cloudwatchlogs::Client,
    services: Services,
}

/// Not everything was done; the rest was.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct Incomplete {
    /// What was done.
    pub answer: Answer,
    /// How many steps failed.
    pub failures: usize,
    /// Whether the time was over before the end.
    pub out_of_time: bool,
    first: String,
}

/// The time of a run is over.
struct OutOfTime;

struct Run<'a> {
    config: &'a Config,
    options: Options,
    now: Timestamp,
    logs: Logs,
    writers: Writers<'a>,
    answer: Answer,
    failures: usize,
    first: String,
}

/// A log group of the stack, and who writes it.
struct Found {
    group: Group,
    writer: Writer,
}

impl LogRetention {
    /// Builds the clients.
    pub fn new(config: Config, sdk: &SdkConfig) -> Self {
        Self {
            config,
            logs: Logs::client(sdk),
            services: Services::new(sdk),
            sdk: sdk.clone(),
        }
    }

    /// Does what is asked, and stops at the given time.
    ///
    /// # Errors
    /// When a step failed, or the time was not enough. Everything else is done, and a later run goes on from there.
    pub async fn run(
        &self,
        request: &Request,
        stop_at: SystemTime,
    ) -> Result<Answer, Box<Incomplete>> {
        let clock = Clock::new(&self.sdk, stop_at);
        let options = match request {
            Request::All(options) => *options,
            Request::Created(_) => Options::default(),
        };
        let mut run = Run {
            config: &self.config,
            options,
            now: clock.now().try_into().unwrap_or(Timestamp::UNIX_EPOCH),
            logs: Logs::new(self.logs.clone(), clock),
            writers: Writers::new(&self.services),
            answer: Answer {
                plan: options.plan,
                retention_days: self.config.retention.days(),
                ..Answer::default()
            },
            failures: 0,
            first: String::new(),
        };
        let ended = match request {
            Request::All(_) => run.all().await,
            Request::Created(name) => run.created(name).await,
        };
        let out_of_time = ended.is_err();
        if run.failures == 0 && !out_of_time {
            return Ok(run.answer);
        }
        Err(Box::new(Incomplete {
            answer: run.answer,
            failures: run.failures,
            out_of_time,
            first: run.first,
        }))
    }
}

impl Run<'_> {
    async fn all(&mut self) -> Result<(), OutOfTime> {
        let mut all = self.find().await?;
        self.answer.log_groups = all.len();
        for found in &mut all {
            self.look_after(&mut found.group).await?;
        }
        let mut left = Vec::new();
        for found in all {
            if !self.is_orphan(&found).await? {
                left.push(found.group);
            }
        }
        for group in &left {
            self.look_into(group).await?;
        }
        Ok(())
    }

    async fn created(&mut self, name: &str) -> Result<(), OutOfTime> {
        if self.config.selection.writer(name).is_none() {
            tracing::info!(log_group = name, "is not the stack's");
            return Ok(());
        }
        match self.logs.named(name).await {
            Ok(Some(mut group)) => {
                self.answer.log_groups = 1;
                self.look_after(&mut group).await
            }
            // It did not last.
            Ok(None) => Ok(()),
            Err(error) => self.failed(name, error),
        }
    }

    /// Every log group of the stack once, in the order of the names.
    async fn find(&mut self) -> Result<Vec<Found>, OutOfTime> {
        let mut all = BTreeMap::new();
        for prefix in self.config.selection.prefixes() {
            match self.logs.with_prefix(&prefix).await {
                Ok(groups) => all.extend(groups.into_iter().filter_map(|group| {
                    let writer = self.config.selection.writer(&group.name)?;
                    Some((group.name.clone(), Found { group, writer }))
                })),
                Err(error) => self.failed(&prefix, error)?,
            }
        }
        if self.config.by_tag {
            match self
                .logs
                .tagged(STACK_TAG, self.config.selection.stack())
                .await
            {
                Ok(groups) => {
                    for group in groups {
                        // A name says more than the tag: who writes it.
                        all.entry(group.name.clone()).or_insert(Found {
                            group,
                            writer: Writer::Anyone,
                        });
                    }
                }
                Err(error) => self.failed(STACK_TAG, error)?,
            }
        }
        Ok(all.into_values().collect())
    }

    /// Sets the retention where it is to be set; afterwards the group has the days for which it keeps its events.
    async fn look_after(&mut self, group: &mut Group) -> Result<(), OutOfTime> {
        let log_group = group.name.clone();
        match judge(group, self.config.retention, self.options.enforce) {
            Verdict::Right => self.answer.right += 1,
            Verdict::Keep => self.answer.kept.push(Kept {
                log_group,
                days: group.days,
            }),
            Verdict::Governed(policy) => self.answer.governed.push(Governed {
                log_group,
                policy,
                days: group.days,
            }),
            Verdict::Set => match self.set(group).await {
                Ok(true) => {
                    let from_days = group.days.replace(self.config.retention.days());
                    self.answer.set.push(Change {
                        log_group,
                        from_days,
                    });
                }
                Ok(false) => self.answer.opted_out.push(log_group),
                Err(error) => self.failed(&log_group, error)?,
            },
        }
        Ok(())
    }

    async fn set(&mut self, group: &Group) -> Result<bool, CallError> {
        if self.logs.has_tag(group, OPT_OUT_TAG).await? {
            return Ok(false);
        }
        let days = self.config.retention.days();
        if !self.options.plan {
            self.logs.put_retention(group, days).await?;
        }
        tracing::info!(
            log_group = group.name,
            from_days = group.days,
            days,
            plan = self.options.plan,
            "sets the retention"
        );
        Ok(true)
    }

    /// What does not work for one log group does not keep the others.
    fn failed(&mut self, log_group: &str, error: CallError) -> Result<(), OutOfTime> {
        match error {
            CallError::OutOfTime => Err(OutOfTime),
            // Somebody deleted it meanwhile, so that there is nothing left to do.
            CallError::Gone(_) => Ok(()),
            CallError::Failed { .. } => {
                self.fail(log_group, &chain(&error));
                Ok(())
            }
        }
    }

    fn fail(&mut self, log_group: &str, reason: &str) {
        // The run's own error has room for one; here is every one.
        tracing::warn!(log_group, error = reason, "failed");
        self.failures += 1;
        if self.failures == 1 {
            self.first = format!("{log_group}: {reason}");
        }
    }
}

impl Incomplete {
    fn sentence(&self) -> String {
        let mut parts = Vec::new();
        if self.failures > 0 {
            let Self {
                failures, first, ..
            } = self;
            parts.push(format!("{failures} failed, the first {first}"));
        }
        if self.out_of_time {
            parts.push("the time was over before the end; the next run goes on".to_owned());
        }
        parts.join("; ")
    }
}
