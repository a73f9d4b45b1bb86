//! Judges a parameter that was read, and finds the version that is in force.

use wagrun_lambda::telemetry::chain;

use super::document::{Directory, Entry, InForce};
use crate::parameter_history::ParameterHistory;
use crate::subscriber::{Subscriber, last_usable, says_off};

/// The newest version of a parameter, as Parameter Store has it.
#[derive(Clone, PartialEq, Eq)]
pub struct Reading {
    /// The number of the version.
    pub version: i64,
    /// The time of its last change, in milliseconds since 1970, if Parameter Store gave one.
    pub changed_at: Option<i64>,
    /// The decrypted value; none when Parameter Store does not hand it out.
    pub value: Option<String>,
}

/// Returns the entry of a subscriber, by the rules of the directory.
///
/// An entry of the directory stays as it is when the reading is of the same version. It also stays when the reading is of an
/// earlier change: Parameter Store is eventually consistent, and an answer may be older than the one before it.
pub async fn compile(
    directory: &Directory,
    subscriber: &str,
    reading: Reading,
    history: &ParameterHistory,
) -> Entry {
    let known = directory.subscribers.get(subscriber);
    if let Some(known) = known
        && (reading.changed_at < known.changed_at || is_same(known, &reading))
    {
        return known.clone();
    }
    let parameter = directory.parameter(subscriber);
    let parse = |value: &str| Subscriber::parse(subscriber, &parameter, value, directory.rules);
    let mut entry = Entry {
        version: reading.version,
        changed_at: reading.changed_at,
        value: reading.value,
        is_usable: false,
        in_force: None,
        is_incomplete: false,
    };
    match &entry.value {
        Some(value) if parse(value).is_ok() => entry.is_usable = true,
        Some(value) if says_off(value) => {}
        Some(_) => match history.versions(&parameter).await {
            Ok(versions) => {
                let usable = last_usable(versions, |version| parse(&version.value).ok());
                // The newest version may have been meant to switch it on.
                let usable = usable.filter(|(_, subscriber)| subscriber.enabled);
                entry.in_force = usable.map(|(version, _)| InForce {
                    version: version.number,
                    value: version.value,
                });
            }
            Err(error) => {
                tracing::error!(
                    subscriber,
                    error = chain(&error),
                    "cannot look for a usable version of the subscriber's parameter"
                );
                entry.is_incomplete = true;
                entry.in_force = known.and_then(in_force);
            }
        },
        None => {
            entry.is_incomplete = true;
            entry.in_force = known.and_then(in_force);
        }
    }
    entry
}

fn is_same(known: &Entry, reading: &Reading) -> bool {
    !known.is_incomplete
        && known.version == reading.version
        && known.changed_at == reading.changed_at
        && known.value == reading.value
}

/// Returns the version that the entry has in force.
fn in_force(known: &Entry) -> Option<InForce> {
    match (&known.value, known.is_usable) {
        (Some(value), true) => Some(InForce {
            version: known.version,
            value: value.clone(),
        }),
        _ => known.in_force.clone(),
    }
}
