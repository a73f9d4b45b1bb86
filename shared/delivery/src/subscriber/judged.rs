//! A subscriber as its parameter was judged, and the faults of parameters.

use serde_json::Value;

use super::definition::Subscriber;
use super::invalid::InvalidSubscriber;

/// A subscriber, as its parameter was judged.
#[derive(Debug)]
pub enum Judged {
    /// A version is in force.
    Usable(Box<Subscriber>),
    /// No version is in force.
    Unusable(Box<Unusable>),
}

/// A subscriber of which no version is in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Unusable {
    /// The fault of its parameter.
    pub fault: InvalidSubscriber,
    /// True when the parameter says all the same that it is switched off.
    pub is_off: bool,
}

/// A parameter that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fault<'a> {
    /// The subscriber's name.
    pub subscriber: &'a str,
    /// The fault.
    pub fault: &'a InvalidSubscriber,
    /// The effect on the subscriber's events.
    pub effect: Effect,
}

/// The effect of a parameter that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Its version of this number is in force.
    LastUsableVersion(i64),
    /// The events are set aside until it is corrected.
    SetAside,
    /// The subscriber is switched off.
    Off,
}

impl Effect {
    /// Returns the name of the effect in log lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LastUsableVersion(_) => "last_usable_version",
            Self::SetAside => "set_aside",
            Self::Off => "off",
        }
    }

    /// Returns the number of the version that is in force.
    pub fn version(self) -> Option<i64> {
        match self {
            Self::LastUsableVersion(version) => Some(version),
            Self::SetAside | Self::Off => None,
        }
    }
}

impl Fault<'_> {
    /// Logs the fault, where it is found.
    pub fn log(self) {
        tracing::error!(
            subscriber = self.subscriber,
            error = %self.fault,
            effect = self.effect.as_str(),
            version = self.effect.version(),
            "subscriber's parameter cannot be used"
        );
    }
}

impl Judged {
    /// Returns the fault of the newest version, if it has one.
    pub fn fault<'a>(&'a self, subscriber: &'a str) -> Option<Fault<'a>> {
        let (fault, effect) = match self {
            Self::Usable(one) => {
                let superseded = one.superseded.as_deref()?;
                let effect = Effect::LastUsableVersion(superseded.version);
                (&superseded.fault, effect)
            }
            Self::Unusable(one) if one.is_off => (&one.fault, Effect::Off),
            Self::Unusable(one) => (&one.fault, Effect::SetAside),
        };
        Some(Fault {
            subscriber,
            fault,
            effect,
        })
    }
}

/// Returns true when a parameter that cannot be used says at least that the subscriber is switched off.
pub fn says_off(json: &str) -> bool {
    let value: Value = serde_json::from_str(json).unwrap_or_default();
    value.get("enabled") == Some(&Value::Bool(false))
}
