//! Compares all parameters with the directory.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use wagrun_delivery::directory::{Directory, Replaced};
use wagrun_delivery::subscriber::Rules;

use crate::handler::Answer;
use crate::parameter_store::Listed;
use crate::writer::{Current, MAX_TURNS, Writer, WriterError};

/// The longest time of a run, which is Lambda's limit.
const LONGEST_RUN: SignedDuration = SignedDuration::from_mins(15);

impl Writer {
    /// Lists all parameters, reads those that differ from the directory, and writes it with the time of the listing.
    ///
    /// The listing only says which parameters to read. They are read after the directory, and again when another writer was first.
    pub async fn compare(&self) -> Result<Answer, WriterError> {
        let started = (self.clock)();
        let listed = self.parameters.list().await?;
        for turn in 0..MAX_TURNS {
            let current = self.current().await?;
            let (etag, directory) = match current {
                // A bucket without objects is deleted together with its stack.
                Current::Missing if listed.is_empty() => {
                    return Ok(Answer {
                        written: false,
                        subscribers: None,
                        differing: 0,
                    });
                }
                Current::Missing => (None, self.empty()),
                Current::Unusable(etag) => (Some(etag), self.empty()),
                Current::Usable(etag, directory) => (Some(etag), directory),
            };
            // A time far in the future is no comparison's.
            let later = directory.as_of.duration_since(started);
            if (SignedDuration::ZERO..LONGEST_RUN).contains(&later) {
                // Another comparison began later, and was first.
                return Ok(Answer {
                    written: false,
                    subscribers: Some(directory.subscribers.len()),
                    differing: 0,
                });
            }
            let differing = differing(&directory, &listed, self.rules);
            let directory = self.judged_by_own_rules(directory.clone());
            let mut refreshed = self.refreshed(&directory, &differing).await?;
            refreshed.as_of = started;
            match self.replace(etag.as_ref(), &refreshed).await? {
                Replaced::Yes => {
                    return Ok(Answer {
                        written: true,
                        subscribers: Some(refreshed.subscribers.len()),
                        differing: differing.len(),
                    });
                }
                Replaced::Conflict => self.give_way(turn).await,
            }
        }
        Err(WriterError::Contended)
    }

    fn empty(&self) -> Directory {
        let never = jiff::Timestamp::MIN;
        Directory::new(self.parameters.path(), self.rules, never)
    }

    /// Returns the directory with this writer's rules. Entries that were judged by others are removed, and so read anew.
    fn judged_by_own_rules(&self, directory: Directory) -> Directory {
        match directory.rules == self.rules {
            true => directory,
            false => self.empty(),
        }
    }
}

/// Returns the subscribers whose parameters are not as the directory has them.
fn differing<'a>(
    directory: &'a Directory,
    listed: &'a BTreeMap<String, Listed>,
    rules: Rules,
) -> Vec<&'a str> {
    let is_new = directory.rules != rules;
    let changed = listed.iter().filter(|(name, one)| {
        let entry = directory.subscribers.get(*name);
        is_new
            || entry.is_none_or(|entry| {
                entry.is_incomplete
                    || (entry.version, entry.changed_at) != (one.version, one.changed_at)
            })
    });
    let known = directory.subscribers.keys();
    let gone = known.filter(|name| !listed.contains_key(*name));
    let changed = changed.map(|(name, _)| name);
    changed.chain(gone).map(String::as_str).collect()
}
