//! Decides whether an event is for a subscriber.

use jiff::Timestamp;
use wagrun_delivery::subscriber::Subscriber;
use wagrun_event::Event;

use super::view::Disabled;

/// The present parameter of a subscriber.
#[derive(Debug, Clone)]
pub struct SubscriberParameter {
    /// The subscriber, or the error in the parameter.
    pub subscriber: Result<Subscriber, String>,
    /// The note of deliver, if it has disabled the subscriber.
    pub disabled: Option<Disabled>,
}

/// The relation of an event to a subscriber at the time at which the event was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eligibility {
    /// The event is for the subscriber.
    Eligible,
    /// The filter does not match the event, or the event is for another subscriber alone.
    Filtered,
    /// The subscriber was disabled, or its parameter was not valid.
    Disabled,
}

impl Eligibility {
    /// Decides with the present parameter, a moment after the event was `seen`.
    pub fn of(
        parameter: Option<&SubscriberParameter>,
        name: &str,
        event: &Event,
        seen: Timestamp,
    ) -> Self {
        let Some(parameter) = parameter else {
            return Self::Disabled;
        };
        let Ok(subscriber) = &parameter.subscriber else {
            return Self::Disabled;
        };
        let is_addressed = match &event.subscriber {
            Some(only) => only == name,
            None => !event.is_snapshot(),
        };
        let disabled_since = parameter
            .disabled
            .as_ref()
            .is_some_and(|off| off.at >= seen);
        if !is_addressed || !subscriber.filter.matches(event) {
            Self::Filtered
        } else if subscriber.enabled || disabled_since {
            Self::Eligible
        } else {
            Self::Disabled
        }
    }
}
