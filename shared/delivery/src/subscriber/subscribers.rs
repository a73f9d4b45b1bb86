//! All subscribers at one time, with those whose parameters cannot be used.

use std::collections::BTreeMap;

use serde_json::Value;
use wagrun_event::Event;

use super::definition::{Rules, Subscriber};
use super::earlier_versions::EarlierVersions;
use super::invalid::InvalidSubscriber;
use crate::parameter_cache::Parameter;

/// All subscribers at one time.
#[derive(Debug, Default)]
pub struct Subscribers {
    usable: BTreeMap<String, Subscriber>,
    unusable: BTreeMap<String, Unusable>,
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
            match Subscriber::parse(&parameter.key, name, value, rules) {
                Ok(subscriber) => {
                    subscribers.usable.insert(parameter.key, subscriber);
                }
                Err(fault) => subscribers.add(&parameter, fault, rules, earlier).await,
            }
        }
        let names: Vec<_> = subscribers
            .faults()
            .map(|one| one.fault.parameter.clone())
            .collect();
        earlier
            .retain(|name| names.iter().any(|one| one == name))
            .await;
        subscribers
    }

    /// Adds a subscriber whose parameter cannot be used, as its last usable version has it.
    ///
    /// A version that is switched off is not in force: the newest one may have been meant to switch it on.
    async fn add(
        &mut self,
        parameter: &Parameter,
        fault: InvalidSubscriber,
        rules: Rules,
        earlier: &EarlierVersions,
    ) {
        let key = parameter.key.clone();
        let is_off = says_off(&parameter.value);
        let usable = match is_off {
            true => None,
            false => earlier.last_usable(parameter, &fault, rules).await,
        };
        let usable = usable.filter(|subscriber| subscriber.enabled);
        match usable {
            Some(subscriber) => {
                self.usable.insert(key.clone(), subscriber);
            }
            None => {
                let unusable = Unusable { fault, is_off };
                self.unusable.insert(key.clone(), unusable);
            }
        }
        for Fault { fault, effect, .. } in self.faults().filter(|one| one.subscriber == key) {
            tracing::error!(
                subscriber = key,
                error = %fault,
                effect = effect.as_str(),
                version = effect.version(),
                "subscriber's parameter cannot be used"
            );
        }
    }

    /// Returns the enabled subscribers that receive the event, by name.
    ///
    /// An event for one subscriber reaches that one at most, and only if it passes the subscriber's filter. The filter is the limit of
    /// what a subscriber may see. A snapshot without an addressee reaches no subscriber.
    pub fn matching<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = &'a Subscriber> {
        self.usable.values().filter(|subscriber| {
            is_for(event, &subscriber.name)
                && subscriber.enabled
                && subscriber.filter.matches(event)
        })
    }

    /// Returns the names of the subscribers for which the event is set aside. Their filters are unknown.
    pub fn setting_aside<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = &'a str> {
        let unusable = self.unusable.iter();
        let names = unusable.filter(|(name, one)| is_for(event, name) && !one.is_off);
        names.map(|(name, _)| name.as_str())
    }

    /// Returns the status of this name.
    pub fn find(&self, name: &str) -> SubscriberStatus<'_> {
        match (self.usable.get(name), self.unusable.get(name)) {
            (Some(subscriber), _) if subscriber.enabled => SubscriberStatus::Enabled(subscriber),
            (Some(_), _) => SubscriberStatus::Disabled,
            (None, Some(unusable)) if unusable.is_off => SubscriberStatus::Disabled,
            (None, Some(unusable)) => SubscriberStatus::Invalid(&unusable.fault),
            (None, None) => SubscriberStatus::Gone,
        }
    }

    /// Returns the subscribers of which a version is in force, by name.
    pub fn usable(&self) -> impl Iterator<Item = &Subscriber> {
        self.usable.values()
    }

    /// Returns the parameters that cannot be used.
    pub fn faults(&self) -> impl Iterator<Item = Fault<'_>> {
        let superseded = self.usable.iter().filter_map(|(name, subscriber)| {
            let superseded = subscriber.superseded.as_deref()?;
            Some(Fault {
                subscriber: name,
                fault: &superseded.fault,
                effect: Effect::LastUsableVersion(superseded.version),
            })
        });
        let unusable = self.unusable.iter().map(|(name, unusable)| Fault {
            subscriber: name,
            fault: &unusable.fault,
            effect: match unusable.is_off {
                true => Effect::Off,
                false => Effect::SetAside,
            },
        });
        superseded.chain(unusable)
    }
}

fn is_for(event: &Event, subscriber: &str) -> bool {
    match &event.subscriber {
        Some(name) => name == subscriber,
        None => !event.is_snapshot(),
    }
}

/// Returns true when a parameter that cannot be used says at least that the subscriber is switched off.
fn says_off(json: &str) -> bool {
    let value: Value = serde_json::from_str(json).unwrap_or_default();
    value.get("enabled") == Some(&Value::Bool(false))
}
