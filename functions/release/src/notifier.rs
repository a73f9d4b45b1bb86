//! Notifies programs that a release ended (event topic), and people that a release failed or waits (alarm topic).

use aws_sdk_sns::Client;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use wagrun_event::{Event, NewEvent, sendable_text};
use wagrun_event_topic::{EventTopic, PublishError, event_id_from};

use crate::aws_error::AwsError;
use crate::config::Config;
use crate::decision::Notification;
use crate::image::Image;
use crate::state::Release;
use crate::text::tail;

/// The subject of the events. A stack has one site.
const SUBJECT: &str = "site";
/// The maximum length of a reason, in characters. A mail is read on a telephone, and an event has a size limit.
const MAX_REASON_LENGTH: usize = 4000;
/// The maximum length of a mail's subject, in characters. SNS refuses 100.
const MAX_SUBJECT_LENGTH: usize = 99;

/// Sends notifications to the event topic and to the alarm topic.
#[derive(Debug, Clone)]
pub struct Notifier {
    client: Client,
    event_topic: EventTopic,
    alarm_topic: String,
    stack: String,
    source: String,
    repository: String,
    platform: &'static str,
}

/// A notification could not be sent.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// The mail is not on the alarm topic.
    #[error(transparent)]
    Mail(#[from] AwsError),
    /// The event is not on the event topic.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

impl Notifier {
    /// Creates the notifier of a stack.
    pub fn new(client: Client, config: &Config) -> Self {
        Self {
            event_topic: EventTopic::new(client.clone(), config.event_topic_arn.clone()),
            client,
            alarm_topic: config.alarm_topic_arn.clone(),
            stack: config.stack.clone(),
            source: config.source.clone(),
            repository: config.repository.clone(),
            platform: config.platform.name(),
        }
    }

    /// Sends a notification. When it is sent again, the event has the same id, and people get a second mail.
    pub async fn send(
        &self,
        notification: &Notification,
        now: Timestamp,
    ) -> Result<(), NotifyError> {
        match notification {
            Notification::Deployed(release) => {
                self.publish("site.deployed", release, None, now).await
            }
            Notification::Failed { release, reason } => {
                let reason = tail(reason, MAX_REASON_LENGTH);
                self.publish("site.deployment_failed", release, Some(&reason), now)
                    .await?;
                let digest = release.image.short_digest();
                let subject = format!("{}: release of {digest} failed", self.stack);
                let text = format!(
                    "Release {} of {} failed while {}. The version that was serving still is.\n\n{reason}\n\n\
                     docs/runbook.md#a-release-failed",
                    release.sequence,
                    self.describe(&release.image),
                    release.phase.name(),
                );
                self.mail(&subject, &text).await
            }
            Notification::ServicePaused(release) => {
                let digest = release.image.short_digest();
                let subject = format!("{}: release of {digest} waits", self.stack);
                let text = format!(
                    "Release {} of {} is migrated, and the web service is paused. The image is deployed when the \
                     service has been resumed.\n\ndocs/runbook.md#a-release-waits",
                    release.sequence,
                    self.describe(&release.image),
                );
                self.mail(&subject, &text).await
            }
        }
    }

    /// Publishes the end of a release; a failure has a reason.
    async fn publish(
        &self,
        kind: &str,
        release: &Release,
        failure: Option<&str>,
        now: Timestamp,
    ) -> Result<(), NotifyError> {
        let event = self.event(kind, release, failure, now);
        self.event_topic.publish(&event).await?;
        tracing::info!(
            event.id = %event.id,
            event.type = kind,
            event.subject = SUBJECT,
            event.sequence = event.sequence,
            "event published"
        );
        Ok(())
    }

    fn event(&self, kind: &str, release: &Release, failure: Option<&str>, now: Timestamp) -> Event {
        let duration = now.duration_since(release.started_at);
        let mut data = Map::new();
        let mut set = |name: &str, value: Value| data.insert(name.to_owned(), value);
        set("image", json!(release.image.uri(&self.repository)));
        set("digest", json!(release.image.digest));
        set("tag", json!(release.image.tag));
        set("platform", json!(self.platform));
        set("migrations_applied", json!(release.migrations_applied));
        set("milliseconds", json!(duration.as_millis().max(0)));
        if let Some(reason) = failure {
            set("phase", json!(release.phase.name()));
            set("reason", json!(reason));
        }
        Event::new(NewEvent {
            // A repeated event of the same release has the same id.
            id: event_id_from(&format!(
                "{} {} {} {kind}",
                self.source, release.sequence, release.started_at
            )),
            source: &self.source,
            kind: kind.to_owned(),
            subject: SUBJECT.to_owned(),
            time: format!("{now:.6}"),
            // A number that grows by one with each release does not reach the maximum.
            sequence: i64::try_from(release.sequence).unwrap_or(i64::MAX),
            data,
        })
    }

    /// Publishes to the alarm topic, which sends a mail to its subscribers.
    async fn mail(&self, subject: &str, text: &str) -> Result<(), NotifyError> {
        let subject: String = subject.chars().take(MAX_SUBJECT_LENGTH).collect();
        self.client
            .publish()
            .topic_arn(&self.alarm_topic)
            .subject(subject)
            .message(sendable_text(text))
            .send()
            .await
            .map_err(|error| AwsError::new("publish to the alarm topic", error))?;
        Ok(())
    }

    fn describe(&self, image: &Image) -> String {
        let uri = image.uri(&self.repository);
        match &image.tag {
            Some(tag) => format!("{uri} (tag {tag})"),
            None => uri,
        }
    }
}

#[cfg(test)]
mod tests;
