//! Whether a subscriber still takes anything, remembered in its own parameter.
//!
//! deliver has no database. Since when nothing gets through is written into the subscriber's parameter, because
//! deliver reads that anyway: whoever succeeds sees without another call that there is something to take back. It is
//! written when a delivery has failed for half an hour or for the last time, so an ordinary outage costs no call at all, and
//! a long one two: one to note it, one to take it back.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use wagrun_delivery::subscriber::{Rules, Subscriber};
use wagrun_event_topic::PublishError;
use wagrun_lambda::telemetry::chain;

use crate::{
    parameter::{ParameterError, Parameters},
    topic::{Disabled, Topic},
};

/// A subscriber that took nothing for this long is switched off.
pub const PATIENCE: SignedDuration = SignedDuration::from_hours(5 * 24);
/// A failure counts when its delivery now waits at least this long, in seconds, or is given up.
const LONG_WAIT: u32 = 3600;
/// A subscriber that took nothing for this long since then is taken for dead.
const LONG: SignedDuration = SignedDuration::from_mins(30);
/// Why a subscriber that kept failing was switched off.
pub const FAILED_TOO_LONG: &str = "failed for five days without a success";

/// What deliver writes into subscribers' parameters.
#[derive(Debug, Clone)]
pub struct Health {
    parameters: Parameters,
    topic: Topic,
}

/// For how long a subscriber has taken nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failing {
    /// Not long enough to say anything.
    Briefly,
    /// So long that it is taken for dead.
    Long,
    /// So long that it is to be switched off.
    TooLong,
}

/// The subscriber could not be switched off.
#[derive(Debug, thiserror::Error)]
pub enum DisableError {
    /// Its parameter.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// The event about it.
    #[error(transparent)]
    Topic(#[from] PublishError),
}

impl Health {
    /// With these parameters and this topic.
    pub fn new(parameters: Parameters, topic: Topic) -> Self {
        Self { parameters, topic }
    }

    /// Takes back what was noted of earlier failures.
    pub async fn succeeded(&self, subscriber: &Subscriber) {
        if subscriber.failing_since.is_some() {
            self.note(subscriber, |fields| {
                fields.shift_remove("failing_since").is_some()
            })
            .await;
        }
    }

    /// Notes a failure after which the delivery waits for `wait` seconds, or is given up; for how long the subscriber has
    /// been failing.
    pub async fn failed(
        &self,
        subscriber: &Subscriber,
        wait: Option<u32>,
        now: Timestamp,
    ) -> Failing {
        let counts = wait.is_none_or(|wait| wait >= LONG_WAIT);
        if let Some(since) = subscriber.failing_since {
            return match now.duration_since(since) {
                long if counts && long >= PATIENCE => Failing::TooLong,
                long if long >= LONG => Failing::Long,
                _ => Failing::Briefly,
            };
        }
        if !counts {
            return Failing::Briefly;
        }
        self.note(subscriber, |fields| {
            if fields.contains_key("failing_since") {
                return false;
            }
            fields.insert("failing_since".into(), now.to_string().into());
            true
        })
        .await;
        Failing::Briefly
    }

    /// Switches the subscriber off; false when it must not be, because its owner has given it another target since.
    ///
    /// The event goes first: when it can't be published, the subscriber is still on, and the next failure does both.
    pub async fn disable(
        &self,
        subscriber: &Subscriber,
        reason: &str,
        at: Timestamp,
    ) -> Result<bool, DisableError> {
        let Some(held) = self.parameters.read(&subscriber.parameter).await? else {
            return Ok(true);
        };
        match current(held.json()) {
            Some(current) if !current.enabled => return Ok(true),
            // It has taken something since the parameter was last read.
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
        let disabled = Disabled {
            subscriber: &subscriber.name,
            version: held.version(),
            reason,
            at,
        };
        self.topic.announce(&disabled).await?;
        self.parameters
            .change(held, |json, fields| {
                is_still(subscriber, json) && switch_off(fields, reason, at)
            })
            .await?;
        tracing::warn!(subscriber = subscriber.name, reason, "subscriber disabled");
        Ok(true)
    }

    /// Changes the parameter; a failure to do so is logged, since no delivery depends on it.
    async fn note(
        &self,
        subscriber: &Subscriber,
        change: impl Fn(&mut Map<String, Value>) -> bool,
    ) {
        let change = |json: &str, fields: &mut Map<String, Value>| {
            is_still(subscriber, json) && change(fields)
        };
        let noted = match self.parameters.read(&subscriber.parameter).await {
            Ok(Some(held)) => self.parameters.change(held, change).await,
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = noted {
            tracing::error!(
                subscriber = subscriber.name,
                error = chain(&error),
                "cannot note how the subscriber fares"
            );
        }
    }
}

/// Whether the JSON still describes the receiver that was called: what one did says nothing about another.
fn is_still(subscriber: &Subscriber, json: &str) -> bool {
    current(json).is_some_and(|current| current.target == subscriber.target)
}

fn current(json: &str) -> Option<Subscriber> {
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
    // Whoever switches it on again should not have it switched off by what was before.
    fields.shift_remove("failing_since");
    true
}
