//! A subscriber of a directory, which is parsed when it is asked for.

use std::sync::Arc;

use super::definition::{Rules, Subscriber};
use super::invalid::{FieldPath, InvalidSubscriber, Problem};
use super::judged::{Judged, Unusable, says_off};
use crate::directory::Entry;

/// The parameter of one subscriber, as the directory has it.
#[derive(Debug)]
pub struct Stored {
    /// The subscriber's name.
    pub subscriber: String,
    /// The path of the parameters.
    pub path: Arc<str>,
    /// The rules of the directory.
    pub rules: Rules,
    /// The parameter.
    pub entry: Entry,
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
