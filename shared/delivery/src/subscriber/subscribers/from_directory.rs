//! Subscribers of a directory, which are parsed when they are asked for.

use std::sync::{Arc, OnceLock};

use super::{Fault, Judged, Member, Subscribers, Unusable, says_off};
use crate::directory::{Directory, Entry};
use crate::subscriber::definition::{Rules, Subscriber};
use crate::subscriber::invalid::{FieldPath, InvalidSubscriber, Problem};

/// The parameter of one subscriber, as the directory has it.
#[derive(Debug)]
pub struct Stored {
    subscriber: String,
    path: Arc<str>,
    rules: Rules,
    entry: Entry,
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

impl Stored {
    /// Parses the version that is in force.
    pub fn judge(&self) -> Judged {
        let fault = match &self.entry.value {
            Some(value) => match self.parse(value) {
                Ok(subscriber) => return Judged::Usable(Box::new(subscriber)),
                Err(fault) => fault,
            },
            None => InvalidSubscriber {
                parameter: format!("{}/{}", self.path, self.subscriber),
                place: FieldPath(String::new()),
                problem: Problem::Unreadable,
            },
        };
        let in_force = self.entry.in_force.as_ref();
        let earlier = in_force.and_then(|one| Some((one.version, self.parse(&one.value).ok()?)));
        match earlier {
            Some((version, subscriber)) => {
                Judged::Usable(Box::new(subscriber.superseded_by(version, fault)))
            }
            None => {
                let is_off = self.entry.value.as_deref().is_some_and(says_off);
                Judged::Unusable(Box::new(Unusable { fault, is_off }))
            }
        }
    }

    fn parse(&self, value: &str) -> Result<Subscriber, InvalidSubscriber> {
        let parameter = format!("{}/{}", self.path, self.subscriber);
        Subscriber::parse(&self.subscriber, &parameter, value, self.rules)
    }
}
