//! The health of subscribers: for how long one has accepted nothing, and when it is switched off.
//!
//! deliver has no database. The time since which a subscriber fails stands in the subscriber's own parameter, which deliver
//! reads anyway: a success sees without another call that there is something to clear. It is written when a delivery waits
//! for at least an hour, or has failed for the last time. So a short outage costs no call. A long one costs two: one to set
//! the time, one to clear it.
//!
//! While a parameter cannot be used and an earlier version of it is in force, nothing is written.

mod announcement;
mod parameter;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use wagrun_delivery::subscriber::{Rules, Subscriber};
use wagrun_event_topic::PublishError;
use wagrun_lambda::telemetry::chain;

pub use announcement::{DisabledSubscriber, Topic};
pub use parameter::{ParameterError, Parameters, ReadParameter};

/// Time without a success after which a subscriber is switched off.
pub const MAX_FAILING_TIME: SignedDuration = SignedDuration::from_hours(5 * 24);
/// Time since `failing_since` after which a subscriber counts as dead.
const DEAD_AFTER: SignedDuration = SignedDuration::from_mins(30);
/// A failure is written down when its delivery then waits at least this long, or is given up.
const MIN_COUNTED_WAIT: Duration = Duration::from_secs(3600);
/// The reason given when a subscriber is switched off because it kept failing.
pub const FAILED_TOO_LONG: &str = "failed for five days without a success";

/// Reads and writes the health of subscribers.
#[derive(Debug, Clone)]
pub struct SubscriberHealth {
    parameters: Parameters,
    topic: Topic,
    /// The times of failures that this copy has cleared. The directory may have them a little longer.
    cleared: Arc<Mutex<HashMap<String, Timestamp>>>,
}

/// A subscriber's condition after a failed delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// It may accept other deliveries.
    Alive,
    /// It has accepted nothing for so long that its deliveries are to be set aside.
    Dead,
    /// It is switched off.
    Off,
}

/// The meaning of a failure, judged by what is written in the subscriber's parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failing {
    /// Nothing changes.
    Briefly,
    /// The time is to be written down as the beginning of the failure.
    FromNow,
    /// The subscriber counts as dead.
    Long,
    /// The subscriber is to be switched off.
    TooLong,
}

/// A subscriber could not be switched off.
#[derive(Debug, thiserror::Error)]
pub enum DisableError {
    /// Its parameter could not be read or written.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// The event about it could not be published.
    #[error(transparent)]
    Topic(#[from] PublishError),
}

impl SubscriberHealth {
    /// Uses these parameters and this topic.
    pub fn new(parameters: Parameters, topic: Topic) -> Self {
        Self {
            parameters,
            topic,
            cleared: Arc::default(),
        }
    }

    /// Clears what was written about earlier failures. An error is logged.
    pub async fn record_success(&self, subscriber: &Subscriber) {
        let since = subscriber.failing_since;
        let Some(since) = since.filter(|_| subscriber.superseded.is_none()) else {
            return;
        };
        if self.cleared().get(&subscriber.name) == Some(&since) {
            return;
        }
        let clear =
            |fields: &mut Map<String, Value>| fields.shift_remove("failing_since").is_some();
        if self.change(subscriber, clear).await {
            self.cleared().insert(subscriber.name.clone(), since);
        }
    }

    fn cleared(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.cleared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a failure, and returns the subscriber's condition. Switches the subscriber off when it has failed for too long, or
    /// when `reason_to_disable` holds the receiver's own reason.
    ///
    /// `wait` is the time until the delivery's next attempt; none when it is given up.
    ///
    /// # Errors
    /// Fails if the subscriber could not be switched off. The next failure tries it again.
    pub async fn record_failure(
        &self,
        subscriber: &Subscriber,
        reason_to_disable: Option<&str>,
        wait: Option<Duration>,
        now: Timestamp,
    ) -> Result<Condition, DisableError> {
        if subscriber.superseded.is_some() {
            return Ok(condition_of_superseded(reason_to_disable, wait));
        }
        let reason = match reason_to_disable {
            Some(reason) => reason,
            None => match failing(subscriber.failing_since, wait, now) {
                Failing::Briefly => return Ok(Condition::Alive),
                Failing::FromNow => {
                    self.record_beginning(subscriber, now).await;
                    return Ok(Condition::Alive);
                }
                Failing::Long => return Ok(Condition::Dead),
                Failing::TooLong => FAILED_TOO_LONG,
            },
        };
        Ok(match self.disable(subscriber, reason, now).await? {
            true => Condition::Off,
            false => Condition::Alive,
        })
    }

    /// Switches the subscriber off. Returns false when it stays on, because its owner has given it another target, or because
    /// it has accepted something since.
    ///
    /// The event is published first. When that fails, the subscriber is still on, and the next failure does both.
    pub async fn disable(
        &self,
        subscriber: &Subscriber,
        reason: &str,
        at: Timestamp,
    ) -> Result<bool, DisableError> {
        let Some(read) = self.parameters.read(&subscriber.parameter).await? else {
            return Ok(true);
        };
        match parse(read.json()) {
            Some(current) if !current.enabled => return Ok(true),
            // It has accepted something since the subscribers were read.
            Some(current)
                if subscriber.failing_since.is_some()
                    && current.failing_since.is_none()
                    && reason == FAILED_TOO_LONG =>
            {
                return Ok(false);
            }
            Some(current) if current.target == subscriber.target => {}
            _ => return Ok(false),
        }
        let disabled = DisabledSubscriber {
            name: &subscriber.name,
            version: read.version(),
            reason,
            at,
        };
        self.topic.announce(&disabled).await?;
        self.parameters
            .change(read, |json, fields| {
                has_same_target(subscriber, json) && switch_off(fields, reason, at)
            })
            .await?;
        tracing::warn!(subscriber = subscriber.name, reason, "subscriber disabled");
        Ok(true)
    }

    async fn record_beginning(&self, subscriber: &Subscriber, now: Timestamp) {
        self.change(subscriber, |fields| {
            if fields.contains_key("failing_since") {
                return false;
            }
            fields.insert("failing_since".into(), now.to_string().into());
            true
        })
        .await;
    }

    /// Changes the parameter. An error is logged, because no delivery depends on it. Returns false then.
    async fn change(
        &self,
        subscriber: &Subscriber,
        change: impl Fn(&mut Map<String, Value>) -> bool,
    ) -> bool {
        let change = |json: &str, fields: &mut Map<String, Value>| {
            has_same_target(subscriber, json) && change(fields)
        };
        let changed = match self.parameters.read(&subscriber.parameter).await {
            Ok(Some(read)) => self.parameters.change(read, change).await,
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        let Err(error) = changed else {
            return true;
        };
        tracing::error!(
            subscriber = subscriber.name,
            error = chain(&error),
            "cannot record the subscriber's health"
        );
        false
    }
}

/// Returns the condition of a subscriber whose newest parameter cannot be used. Nothing can be written into that, so the first
/// failure that counts makes it dead, and its deliveries are set aside.
fn condition_of_superseded(reason_to_disable: Option<&str>, wait: Option<Duration>) -> Condition {
    match reason_to_disable.is_some() || is_counted(wait) {
        true => Condition::Dead,
        false => Condition::Alive,
    }
}

fn is_counted(wait: Option<Duration>) -> bool {
    wait.is_none_or(|wait| wait >= MIN_COUNTED_WAIT)
}

fn failing(since: Option<Timestamp>, wait: Option<Duration>, now: Timestamp) -> Failing {
    let is_counted = is_counted(wait);
    match since.map(|since| now.duration_since(since)) {
        Some(time) if is_counted && time >= MAX_FAILING_TIME => Failing::TooLong,
        Some(time) if time >= DEAD_AFTER => Failing::Long,
        None if is_counted => Failing::FromNow,
        _ => Failing::Briefly,
    }
}

/// Returns true when the JSON still describes the receiver that was called. Another receiver's failures say nothing about it.
fn has_same_target(subscriber: &Subscriber, json: &str) -> bool {
    parse(json).is_some_and(|current| current.target == subscriber.target)
}

fn parse(json: &str) -> Option<Subscriber> {
    Subscriber::parse("", "", json, Rules::LENIENT).ok()
}

fn switch_off(fields: &mut Map<String, Value>, reason: &str, at: Timestamp) -> bool {
    if fields.get("enabled") == Some(&Value::Bool(false)) {
        return false;
    }
    fields.insert("enabled".into(), false.into());
    fields.insert(
        "disabled".into(),
        json!({"reason": reason, "at": at.to_string()}),
    );
    // Otherwise the first failure after it is switched on again would switch it off.
    fields.shift_remove("failing_since");
    true
}

#[cfg(test)]
mod tests;
