//! The schedules of EventBridge Scheduler that publish what is due: one for each minute, made equal to what is wanted.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::config::timeout::TimeoutConfig;
use aws_sdk_scheduler::error::{BuildError, DisplayErrorContext};
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode,
    RetryPolicy, Target,
};
use jiff::{SignedDuration, Timestamp};

use crate::config::Publishing;

/// How a schedule's name begins; the rest of it is its minute, so that two can't be for the same one.
const PREFIX: &str = "publish-";
/// What the function is invoked with.
const INPUT: &str = r#"{"command":"publish-scheduled"}"#;
/// How often Scheduler tries to invoke it again, and for how many seconds; then the dead-letter queue has the invocation.
const RETRIES: i32 = 5;
const LONGEST_RETRYING: i32 = 3600;
/// How long after its minute a schedule may still be at work: Scheduler takes up to a minute, a database that resumes half
/// of one, and a site that publishes the rest.
const LONGEST_RUN: SignedDuration = SignedDuration::from_mins(10);

/// The schedule group, and what its schedules do.
#[derive(Debug, Clone)]
pub struct Schedules {
    client: Client,
    publishing: Publishing,
}

/// How many schedules were missing, and how many were too many.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// Created.
    pub created: usize,
    /// Deleted.
    pub deleted: usize,
}

/// EventBridge Scheduler said no, or nothing.
#[derive(Debug, thiserror::Error)]
#[error("can't {action} {of}: {reason}")]
pub struct ScheduleError {
    action: &'static str,
    of: String,
    reason: String,
}

impl Schedules {
    /// The group, with its client; a call that hangs is given up after ten seconds.
    pub fn new(publishing: Publishing, sdk: &aws_config::SdkConfig) -> Self {
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(Duration::from_secs(4))
            .operation_timeout(Duration::from_secs(10))
            .build();
        let config = aws_sdk_scheduler::config::Builder::from(sdk)
            .timeout_config(timeouts)
            .build();
        Self {
            client: Client::from_conf(config),
            publishing,
        }
    }

    /// Makes the schedules exactly those of these full minutes. The missing ones come first: whoever is interrupted leaves
    /// one too many, which finds nothing to publish, rather than one too few.
    pub async fn set(&self, minutes: &[Timestamp]) -> Result<Difference, ScheduleError> {
        let there = self.names().await?;
        let wanted: BTreeSet<String> = minutes.iter().map(|minute| name(*minute)).collect();
        let mut difference = Difference::default();
        for minute in minutes.iter().filter(|it| !there.contains(&name(**it))) {
            self.create(*minute).await?;
            difference.created += 1;
        }
        for name in there.difference(&wanted) {
            self.delete(name).await?;
            difference.deleted += 1;
        }
        Ok(difference)
    }

    /// Whether there is a schedule whose time is over, although what it was for would have removed it.
    pub async fn was_missed(&self, now: Timestamp) -> Result<bool, ScheduleError> {
        // Names have the order of their minutes.
        let over = name(now - LONGEST_RUN);
        Ok(self.names().await?.iter().any(|name| *name < over))
    }

    async fn names(&self) -> Result<BTreeSet<String>, ScheduleError> {
        let mut names = BTreeSet::new();
        let mut pages = self
            .client
            .list_schedules()
            .group_name(&self.publishing.group)
            .name_prefix(PREFIX)
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
            .group_name(&self.publishing.group)
            .name(&name)
            .schedule_expression(minute.strftime("at(%Y-%m-%dT%H:%M:%S)").to_string())
            .schedule_expression_timezone("UTC")
            .flexible_time_window(window.build().map_err(unbuilt)?)
            .target(self.target().map_err(unbuilt)?)
            // It stays until its work is seen to be done, or else nobody would know of one that failed while the database
            // sleeps.
            .action_after_completion(ActionAfterCompletion::None)
            .send()
            .await;
        match created {
            Ok(_) => Ok(()),
            // It is there already, which is what is wanted.
            Err(error) if is(&error, |error| error.is_conflict_exception()) => Ok(()),
            Err(error) => Err(self.error("create schedule", Some(&name), error)),
        }
    }

    async fn delete(&self, name: &str) -> Result<(), ScheduleError> {
        let deleted = self
            .client
            .delete_schedule()
            .group_name(&self.publishing.group)
            .name(name)
            .send()
            .await;
        match deleted {
            Ok(_) => Ok(()),
            Err(error) if is(&error, |error| error.is_resource_not_found_exception()) => Ok(()),
            Err(error) => Err(self.error("delete schedule", Some(name), error)),
        }
    }

    fn target(&self) -> Result<Target, BuildError> {
        let publishing = &self.publishing;
        let dead_letters = DeadLetterConfig::builder().arn(&publishing.dead_letter_queue_arn);
        let retries = RetryPolicy::builder()
            .maximum_retry_attempts(RETRIES)
            .maximum_event_age_in_seconds(LONGEST_RETRYING);
        Target::builder()
            .arn(&publishing.function_arn)
            .role_arn(&publishing.role_arn)
            .input(INPUT)
            .retry_policy(retries.build())
            .dead_letter_config(dead_letters.build())
            .build()
    }

    fn error(
        &self,
        action: &'static str,
        name: Option<&str>,
        error: impl std::error::Error,
    ) -> ScheduleError {
        let group = &self.publishing.group;
        ScheduleError {
            action,
            of: name.map_or_else(|| group.clone(), |name| format!("{group}/{name}")),
            reason: DisplayErrorContext(error).to_string(),
        }
    }
}

/// Whether the service refused, and for that reason.
fn is<E, R>(error: &aws_sdk_scheduler::error::SdkError<E, R>, reason: impl Fn(&E) -> bool) -> bool {
    error.as_service_error().is_some_and(reason)
}

/// The name of a minute's schedule, such as `publish-20261125T0104Z`.
fn name(minute: Timestamp) -> String {
    format!("{PREFIX}{}", minute.strftime("%Y%m%dT%H%MZ"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use testing::replay::Replay;

    fn schedules(replay: &Replay) -> Schedules {
        let publishing = Publishing {
            group: "wagrun-publishing".to_owned(),
            function_arn: "arn:aws:lambda:eu-central-1:123456789012:function:wagrun-migrate"
                .to_owned(),
            role_arn: "arn:aws:iam::123456789012:role/publishing".to_owned(),
            dead_letter_queue_arn: "arn:aws:sqs:eu-central-1:123456789012:publishing-failures"
                .to_owned(),
        };
        Schedules::new(publishing, &replay.config())
    }

    /// Scheduler's answer to ListSchedules.
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
    async fn what_is_missing_is_created_and_what_is_superfluous_deleted() {
        let replay = Replay::new([
            listed(&["publish-20261125T0104Z", "publish-20261125T0105Z"]),
            (200, r#"{"ScheduleArn": "arn"}"#.to_owned()),
            (200, "{}".to_owned()),
        ]);
        let minutes = [at("2026-11-25T01:05:00Z"), at("2026-12-01T00:00:00Z")];
        let difference = schedules(&replay).set(&minutes).await.unwrap();
        assert_eq!(
            difference,
            Difference {
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
        let error = schedules(&replay).set(&minutes).await.unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("can't create schedule wagrun-publishing/publish-20261125T0105Z: ")
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
            let found = schedules(&replay).was_missed(at(now)).await.unwrap();
            assert_eq!(found, missed, "at {now}");
        }
    }
}
