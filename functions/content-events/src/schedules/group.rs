//! The schedule group in EventBridge Scheduler, with one schedule for each minute at which content is due.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::config::timeout::TimeoutConfig;
use aws_sdk_scheduler::error::BuildError;
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode,
    RetryPolicy, Target,
};
use jiff::{SignedDuration, Timestamp};

use crate::config::ScheduleConfig;

/// The prefix of a schedule's name. The rest is its minute, so two schedules cannot be for the same minute.
const NAME_PREFIX: &str = "publish-";
/// The payload of the invocation.
const INPUT: &str = r#"{"command":"publish-scheduled"}"#;
/// The number of times that Scheduler repeats a failed invocation. Afterwards it goes to the dead-letter queue.
const MAX_RETRIES: i32 = 5;
/// The time in seconds after which Scheduler stops repeating an invocation.
const MAX_RETRY_SECONDS: i32 = 3600;
/// The maximum time from a schedule's minute to the end of its work. Scheduler takes up to a minute, a database that
/// resumes half a minute, and a site that publishes the rest.
const MAX_WORK_TIME: SignedDuration = SignedDuration::from_mins(10);

/// Time limit of one attempt of a call.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(4);
/// Time limit of a call with all of its attempts.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// The schedule group and the target of its schedules.
#[derive(Debug, Clone)]
pub(crate) struct ScheduleGroup {
    client: Client,
    config: ScheduleConfig,
}

/// The numbers of schedules that a synchronisation created and deleted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SyncCounts {
    /// The number of created schedules.
    pub created: usize,
    /// The number of deleted schedules.
    pub deleted: usize,
}

/// A call of EventBridge Scheduler failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {resource}")]
pub struct ScheduleError {
    action: &'static str,
    resource: String,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl ScheduleGroup {
    /// Creates the client of the group.
    pub fn new(schedules: ScheduleConfig, sdk: &aws_config::SdkConfig) -> Self {
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(CALL_TIMEOUT)
            .build();
        let config = aws_sdk_scheduler::config::Builder::from(sdk)
            .timeout_config(timeouts)
            .build();
        Self {
            client: Client::from_conf(config),
            config: schedules,
        }
    }

    /// Makes the schedules exactly those of `minutes`, which are full minutes.
    ///
    /// Creates the missing schedules before it deletes others. So an interruption leaves a schedule too many, which finds nothing to
    /// publish, and never one too few.
    pub async fn sync(&self, minutes: &[Timestamp]) -> Result<SyncCounts, ScheduleError> {
        let present = self.names().await?;
        let wanted: BTreeSet<String> = minutes.iter().map(|minute| name(*minute)).collect();
        let mut counts = SyncCounts::default();
        for minute in minutes.iter().filter(|it| !present.contains(&name(**it))) {
            self.create(*minute).await?;
            counts.created += 1;
        }
        for name in present.difference(&wanted) {
            self.delete(name).await?;
            counts.deleted += 1;
        }
        Ok(counts)
    }

    /// Returns true when a schedule still exists although its run should have ended. The run that it causes would have deleted it.
    pub async fn has_missed(&self, now: Timestamp) -> Result<bool, ScheduleError> {
        // Names sort in the order of their minutes.
        let due_before = name(now - MAX_WORK_TIME);
        Ok(self.names().await?.iter().any(|name| *name < due_before))
    }

    async fn names(&self) -> Result<BTreeSet<String>, ScheduleError> {
        let mut names = BTreeSet::new();
        let mut pages = self
            .client
            .list_schedules()
            .group_name(&self.config.group)
            .name_prefix(NAME_PREFIX)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.error("list the schedules of", None, error))?;
            let found = page.schedules.into_iter();
            names.extend(found.filter_map(|schedule| schedule.name));
        }
        Ok(names)
    }

    async fn create(&self, minute: Timestamp) -> Result<(), ScheduleError> {
        let name = name(minute);
        let unbuilt = |error: BuildError| self.error("describe schedule", Some(&name), error);
        let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off);
        let created = self
            .client
            .create_schedule()
            .group_name(&self.config.group)
            .name(&name)
            .schedule_expression(minute.strftime("at(%Y-%m-%dT%H:%M:%S)").to_string())
            .schedule_expression_timezone("UTC")
            .flexible_time_window(window.build().map_err(unbuilt)?)
            .target(self.target().map_err(unbuilt)?)
            // A schedule stays until its work is seen to be done. Otherwise a failure would go unnoticed while the database
            // is paused.
            .action_after_completion(ActionAfterCompletion::None)
            .send()
            .await;
        match created {
            Ok(_) => Ok(()),
            // Another run has created the schedule already.
            Err(error) if is_service_error(&error, |error| error.is_conflict_exception()) => Ok(()),
            Err(error) => Err(self.error("create schedule", Some(&name), error)),
        }
    }

    async fn delete(&self, name: &str) -> Result<(), ScheduleError> {
        let deleted = self
            .client
            .delete_schedule()
            .group_name(&self.config.group)
            .name(name)
            .send()
            .await;
        match deleted {
            Ok(_) => Ok(()),
            Err(error)
                if is_service_error(&error, |error| error.is_resource_not_found_exception()) =>
            {
                Ok(())
            }
            Err(error) => Err(self.error("delete schedule", Some(name), error)),
        }
    }

    fn target(&self) -> Result<Target, BuildError> {
        let config = &self.config;
        let dead_letters = DeadLetterConfig::builder().arn(&config.dead_letter_queue_arn);
        let retries = RetryPolicy::builder()
            .maximum_retry_attempts(MAX_RETRIES)
            .maximum_event_age_in_seconds(MAX_RETRY_SECONDS);
        Target::builder()
            .arn(&config.function_arn)
            .role_arn(&config.role_arn)
            .input(INPUT)
            .retry_policy(retries.build())
            .dead_letter_config(dead_letters.build())
            .build()
    }

    fn error(
        &self,
        action: &'static str,
        name: Option<&str>,
        error: impl std::error::Error + Send + Sync + 'static,
    ) -> ScheduleError {
        let group = &self.config.group;
        ScheduleError {
            action,
            resource: name.map_or_else(|| group.clone(), |name| format!("{group}/{name}")),
            source: Box::new(error),
        }
    }
}

/// Returns true when the service answered with an error that satisfies `reason`.
fn is_service_error<E, R>(
    error: &aws_sdk_scheduler::error::SdkError<E, R>,
    reason: impl Fn(&E) -> bool,
) -> bool {
    error.as_service_error().is_some_and(reason)
}

/// Returns the name of a minute's schedule, such as `publish-20261125T0104Z`.
fn name(minute: Timestamp) -> String {
    format!("{NAME_PREFIX}{}", minute.strftime("%Y%m%dT%H%MZ"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use testing::replay::Replay;

    fn group(replay: &Replay) -> ScheduleGroup {
        let config = ScheduleConfig {
            group: "wagrun-publishing".to_owned(),
            function_arn: "arn:aws:lambda:eu-central-1:123456789012:function:wagrun-migrate"
                .to_owned(),
            role_arn: "arn:aws:iam::123456789012:role/publishing".to_owned(),
            dead_letter_queue_arn: "arn:aws:sqs:eu-central-1:123456789012:publishing-failures"
                .to_owned(),
        };
        ScheduleGroup::new(config, &replay.config())
    }

    /// Returns Scheduler's answer to ListSchedules.
    fn listed(names: &[&str]) -> (u16, String) {
        let schedules: Vec<_> = names
            .iter()
            .map(|name| serde_json::json!({"Name": name}))
            .collect();
        (200, serde_json::json!({"Schedules": schedules}).to_string())
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn missing_schedules_are_created_and_superfluous_ones_deleted() {
        let replay = Replay::new([
            listed(&["publish-20261125T0104Z", "publish-20261125T0105Z"]),
            (200, r#"{"ScheduleArn": "arn"}"#.to_owned()),
            (200, "{}".to_owned()),
        ]);
        let minutes = [at("2026-11-25T01:05:00Z"), at("2026-12-01T00:00:00Z")];
        let counts = group(&replay).sync(&minutes).await.unwrap();
        assert_eq!(
            counts,
            SyncCounts {
                created: 1,
                deleted: 1
            }
        );
        let requests = replay.requests();
        assert!(requests[0].line.starts_with("GET /schedules?"));
        assert!(requests[0].line.contains("ScheduleGroup=wagrun-publishing"));
        assert_eq!(requests[1].line, "POST /schedules/publish-20261201T0000Z");
        let body: serde_json::Value = serde_json::from_str(&requests[1].body).unwrap();
        assert_eq!(body["ScheduleExpression"], "at(2026-12-01T00:00:00)");
        assert_eq!(body["ScheduleExpressionTimezone"], "UTC");
        assert_eq!(body["GroupName"], "wagrun-publishing");
        assert_eq!(body["FlexibleTimeWindow"]["Mode"], "OFF");
        assert_eq!(body["Target"]["Input"], INPUT);
        assert!(
            requests[2]
                .line
                .starts_with("DELETE /schedules/publish-20261125T0104Z?")
        );
    }

    #[tokio::test]
    async fn a_refusal_names_the_schedule() {
        let replay = Replay::new([listed(&[]), (403, "{}".to_owned())]);
        let minutes = [at("2026-11-25T01:05:00Z")];
        let error = group(&replay).sync(&minutes).await.unwrap_err();
        let message = wagrun_lambda::telemetry::chain(&error);
        assert!(
            message.starts_with(
                "cannot create schedule wagrun-publishing/publish-20261125T0105Z: service error: "
            ),
            "{message}"
        );
    }

    #[tokio::test]
    async fn a_schedule_is_missed_when_it_is_still_there_ten_minutes_later() {
        for (now, missed) in [
            ("2026-11-25T01:04:00Z", false),
            ("2026-11-25T01:14:30Z", false),
            ("2026-11-25T01:15:00Z", true),
        ] {
            let replay = Replay::new([listed(&["publish-20261125T0104Z"])]);
            let found = group(&replay).has_missed(at(now)).await.unwrap();
            assert_eq!(found, missed, "at {now}");
        }
    }
}
