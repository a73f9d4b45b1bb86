//! All subscribers at one time, with those whose parameters cannot be used.

mod from_directory;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::Value;
use wagrun_event::Event;

use super::definition::{Rules, Subscriber};
use super::earlier_versions::EarlierVersions;
use super::invalid::InvalidSubscriber;
use crate::parameter_cache::Parameter;

use self::from_directory::Stored;

/// All subscribers at one time.
#[derive(Debug, Default)]
pub struct Subscribers(BTreeMap<String, Member>);

/// One subscriber.
#[derive(Debug)]
enum Member {
    /// Its parameter was parsed when it was read.
    Judged(Judged),
    /// It is in a directory, and is parsed when it is asked for: deliver needs one of thousands.
    Stored(Stored, OnceLock<Judged>),
}

/// A subscriber, as its parameter was judged.
#[derive(Debug)]
enum Judged {
    Usable(Box<Subscriber>),
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

/// The status of a subscriber's name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SubscriberStatus<'a> {
    /// The subscriber is enabled.
    Enabled(&'a Subscriber),
    /// The subscriber is switched off.
    Disabled,
    /// The parameter cannot be used, and no earlier version is in force. The subscriber's events are set aside.
    Invalid(&'a InvalidSubscriber),
    /// There is no parameter.
    Gone,
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

impl Subscribers {
    /// Parses the parameters. One that cannot be used is logged, and harms no other.
    pub(super) async fn parse(
        parameters: Vec<Parameter>,
        rules: Rules,
        earlier: &EarlierVersions,
    ) -> Self {
        let mut subscribers = Self::default();
        for parameter in parameters {
            let Parameter { name, value, .. } = &parameter;
            let judged = match Subscriber::parse(&parameter.key, name, value, rules) {
                Ok(subscriber) => Judged::Usable(Box::new(subscriber)),
                Err(fault) => judge_unusable(&parameter, fault, rules, earlier).await,
            };
            subscribers.0.insert(parameter.key, Member::Judged(judged));
        }
        subscribers.faults().for_each(Fault::log);
        subscribers
    }

    /// Returns the number of subscribers.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns true when there is no subscriber.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the enabled subscribers that receive the event, by name.
    ///
    /// An event for one subscriber reaches that one at most, and only if it passes the subscriber's filter. The filter is the limit of
    /// what a subscriber may see. A snapshot without an addressee reaches no subscriber.
    pub fn matching<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = &'a Subscriber> {
        self.receivers(event)
            .filter_map(|(_, member)| match member.judged() {
                Judged::Usable(one) if one.enabled && one.filter.matches(event) => Some(&**one),
                Judged::Usable(_) | Judged::Unusable(_) => None,
            })
    }

    /// Returns the names of the subscribers for which the event is set aside. Their filters are unknown.
    pub fn setting_aside<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = &'a str> {
        self.receivers(event)
            .filter_map(|(name, member)| match member.judged() {
                Judged::Unusable(one) if !one.is_off => Some(name.as_str()),
                Judged::Usable(_) | Judged::Unusable(_) => None,
            })
    }

    /// Returns the status of this name.
    pub fn find(&self, name: &str) -> SubscriberStatus<'_> {
        match self.0.get(name).map(Member::judged) {
            None => SubscriberStatus::Gone,
            Some(Judged::Usable(one)) if one.enabled => SubscriberStatus::Enabled(one),
            Some(Judged::Usable(_)) => SubscriberStatus::Disabled,
            Some(Judged::Unusable(one)) if one.is_off => SubscriberStatus::Disabled,
            Some(Judged::Unusable(one)) => SubscriberStatus::Invalid(&one.fault),
        }
    }

    /// Returns the subscribers of which a version is in force, by name.
    pub fn usable(&self) -> impl Iterator<Item = &Subscriber> {
        self.0.values().filter_map(|member| match member.judged() {
            Judged::Usable(one) => Some(&**one),
            Judged::Unusable(_) => None,
        })
    }

    /// Returns the parameters that cannot be used, by the subscriber's name.
    pub fn faults(&self) -> impl Iterator<Item = Fault<'_>> {
        let members = self.0.iter();
        members.filter_map(|(name, member)| member.judged().fault(name))
    }

    /// Returns the subscribers that the event may be for, before any filter.
    fn receivers<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = (&'a String, &'a Member)> {
        self.0.iter().filter(|(name, _)| is_for(event, name))
    }
}

impl Fault<'_> {
    fn log(self) {
        tracing::error!(
            subscriber = self.subscriber,
            error = %self.fault,
            effect = self.effect.as_str(),
            version = self.effect.version(),
            "subscriber's parameter cannot be used"
        );
    }
}

/// Judges a parameter that cannot be used by its last usable version.
///
/// A version that is switched off is not in force: the newest one may have been meant to switch it on.
async fn judge_unusable(
    parameter: &Parameter,
    fault: InvalidSubscriber,
    rules: Rules,
    earlier: &EarlierVersions,
) -> Judged {
    let is_off = says_off(&parameter.value);
    let usable = match is_off {
        true => None,
        false => earlier.last_usable(parameter, &fault, rules).await,
    };
    match usable.filter(|subscriber| subscriber.enabled) {
        Some(subscriber) => Judged::Usable(Box::new(subscriber)),
        None => Judged::Unusable(Box::new(Unusable { fault, is_off })),
    }
}

impl Member {
    fn judged(&self) -> &Judged {
        match self {
            Self::Judged(judged) => judged,
            Self::Stored(stored, judged) => judged.get_or_init(|| stored.judge()),
        }
    }
}

impl Judged {
    fn fault<'a>(&'a self, subscriber: &'a str) -> Option<Fault<'a>> {
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

fn is_for(event: &Event, subscriber: &str) -> bool {
    match &event.subscriber {
        Some(name) => name == subscriber,
        None => !event.is_snapshot(),
    }
}

/// Returns true when a parameter that cannot be used says at least that the subscriber is switched off.
pub fn says_off(json: &str) -> bool {
    let value: Value = serde_json::from_str(json).unwrap_or_default();
    value.get("enabled") == Some(&Value::Bool(false))
}
