//! SNS: programs hear of a release's end on the event topic, people of what needs them on the alarm topic.

use aws_sdk_sns::Client;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use wagrun_event::{Event, NewEvent};
use wagrun_event_topic::{EventTopic, PublishError, event_id_from};

use crate::call::CallError;
use crate::config::Config;
use crate::state::{Failure, Image, Release, end_of};
use crate::words::Tell;

/// The object that a release is about: there is one site in a stack.
const SUBJECT: &str = "site";
/// Of a long reason the end, in characters: a mail is read on a telephone, an event has a size limit.
const LONGEST_REASON: usize = 4000;
/// SNS refuses a subject of 100 characters.
const LONGEST_SUBJECT: usize = 99;

/// Both topics.
#[derive(Debug, Clone)]
pub struct Announcer {
    client: Client,
    event_topic: EventTopic,
    alarm_topic: String,
    stack: String,
    source: String,
    repository: String,
    platform: &'static str,
}

/// Nobody could be told.
#[derive(Debug, thiserror::Error)]
pub enum AnnounceError {
    /// SNS did not take it.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The event is not on its topic.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

impl Announcer {
    /// The topics of a configuration, and the client that reaches them.
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

    /// Tells whoever it concerns. Told again, programs get the same event id, and people a second mail.
    pub async fn tell(&self, tell: &Tell, now: Timestamp) -> Result<(), AnnounceError> {
        match tell {
            Tell::Deployed(release) => self.publish("site.deployed", release, None, now).await,
            Tell::Failed(release, failure, reason) => {
                let reason = end_of(reason, LONGEST_REASON);
                self.publish(
                    "site.deployment_failed",
                    release,
                    Some((failure, &reason)),
                    now,
                )
                .await?;
                let short = release.image.short();
                let subject = format!("{}: release of {short} failed", self.stack);
                let text = format!(
                    "Release {} of {} failed while {}. The version that was serving still is.\n\n{reason}\n\n\
                     docs/runbook.md#a-release-failed",
                    release.sequence,
                    self.named(&release.image),
                    failure.phase,
                );
                self.alarm(&subject, &text).await
            }
            Tell::Paused(release) => {
                let short = release.image.short();
                let subject = format!("{}: release of {short} waits", self.stack);
                let text = format!(
                    "Release {} of {} is migrated, and the web service is paused. It is rolled when the service has \
                     been resumed.\n\ndocs/runbook.md#a-release-waits",
                    release.sequence,
                    self.named(&release.image),
                );
                self.alarm(&subject, &text).await
            }
        }
    }

    async fn publish(
        &self,
        kind: &str,
        release: &Release,
        failure: Option<(&Failure, &str)>,
        now: Timestamp,
    ) -> Result<(), AnnounceError> {
        let event = self.event(kind, release, failure, now);
        self.event_topic.publish(&event).await?;
        tracing::info!(
            event.id = %event.id,
            event.type = kind,
            event.subject = SUBJECT,
            event.sequence = event.sequence,
            "published"
        );
        Ok(())
    }

    fn event(
        &self,
        kind: &str,
        release: &Release,
        failure: Option<(&Failure, &str)>,
        now: Timestamp,
    ) -> Event {
        let mut data = Map::new();
        let mut set = |name: &str, value: Value| data.insert(name.to_owned(), value);
        set("image", json!(self.uri(&release.image)));
        set("digest", json!(release.image.digest));
        set("tag", json!(release.image.tag));
        set("platform", json!(self.platform));
        set("migrations_applied", json!(release.migrations_applied));
        set(
            "milliseconds",
            json!(now.duration_since(release.started).as_millis().max(0)),
        );
        if let Some((failure, reason)) = failure {
            set("phase", json!(failure.phase));
            set("reason", json!(reason));
        }
        Event::new(NewEvent {
            // The same for the same end of the same release.
            id: event_id_from(&format!(
                "{} {} {} {kind}",
                self.source, release.sequence, release.started
            )),
            source: &self.source,
            kind: kind.to_owned(),
            subject: SUBJECT.to_owned(),
            time: format!("{now:.6}"),
            // One more for each release, which no counter of ours outgrows.
            sequence: i64::try_from(release.sequence).unwrap_or(i64::MAX),
            data,
        })
    }

    async fn alarm(&self, subject: &str, text: &str) -> Result<(), AnnounceError> {
        let subject: String = subject.chars().take(LONGEST_SUBJECT).collect();
        self.client
            .publish()
            .topic_arn(&self.alarm_topic)
            .subject(subject)
            .message(text)
            .send()
            .await
            .map_err(|error| CallError::new("tell the alarm topic", error))?;
        Ok(())
    }

    fn uri(&self, image: &Image) -> String {
        format!("{}@{}", self.repository, image.digest)
    }

    fn named(&self, image: &Image) -> String {
        match &image.tag {
            Some(tag) => format!("{} (tag {tag})", self.uri(image)),
            None => self.uri(image),
        }
    }
}

#[cfg(test)]
mod tests;
