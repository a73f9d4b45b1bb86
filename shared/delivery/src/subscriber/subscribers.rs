//! All subscribers at one time, with those whose parameters cannot be used.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use wagrun_event::Event;

use super::definition::{Rules, Subscriber};
use super::earlier_versions::EarlierVersions;
use super::invalid::InvalidSubscriber;
use super::judged::{Fault, Judged, Unusable, says_off};
use super::stored::Stored;
use crate::directory::Directory;
use crate::parameter_cache::Parameter;

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

impl From<Directory> for Subscribers {
    /// Takes the subscribers of a directory, and logs those that its writer could not use.
    fn from(directory: Directory) -> Self {
        let path = Arc::<str>::from(directory.path.as_str());
        let rules = directory.rules;
        let members = directory.subscribers.into_iter().map(|(name, entry)| {
            let stored = Stored {
                subscriber: name.clone(),
                path: Arc::clone(&path),
                rules,
                entry,
            };
            (name, Member::Stored(stored, OnceLock::new()))
        });
        let subscribers = Self(members.collect());
        for (name, member) in &subscribers.0 {
            if let Member::Stored(stored, _) = member
                && !stored.entry.is_usable
                && let Some(fault) = member.judged().fault(name)
            {
                Fault::log(fault);
            }
        }
        subscribers
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

fn is_for(event: &Event, subscriber: &str) -> bool {
    match &event.subscriber {
        Some(name) => name == subscriber,
        None => !event.is_snapshot(),
    }
}
