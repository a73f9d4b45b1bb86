//! The directory as a reader uses it: looked at once in a while, and parsed when it has changed.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;
use wagrun_lambda::telemetry::chain;

use super::document::Directory;
use super::object::{DirectoryObject, ETag, Read};
use crate::subscriber::Subscribers;

/// Age of the last listing from which a directory is not used. The writer lists all parameters every five minutes, so two
/// listings in a row may fail.
pub const MAX_AGE: SignedDuration = SignedDuration::from_mins(15);

/// Looks at the directory, and uses what it found for a while.
#[derive(Debug)]
pub struct DirectoryCache {
    object: DirectoryObject,
    path: String,
    max_age: Duration,
    cached: Mutex<Cached>,
}

/// The subscribers of a directory.
#[derive(Debug, Clone)]
pub struct Known {
    /// The directory has every change before this time.
    pub as_of: Timestamp,
    /// The subscribers.
    pub subscribers: Arc<Subscribers>,
}

/// The reason why the directory cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryFault {
    /// There is none. Before the first subscriber there is none either.
    #[error("there is no subscriber directory")]
    Missing,
    /// The writer has not listed the parameters for too long.
    #[error("the last listing of the subscriber directory began at {0}")]
    Old(Timestamp),
    /// It could not be read, or understood.
    #[error("{0}")]
    Unreadable(String),
}

#[derive(Debug, Default)]
struct Cached {
    looked_at: Option<Timestamp>,
    /// The content that was read last, which may not have changed since.
    content: Option<(ETag, Known)>,
    fault: Option<DirectoryFault>,
}

impl DirectoryCache {
    /// Creates a cache of the directory of the parameters below `path`, which looks at it again after `max_age`.
    pub fn new(object: DirectoryObject, path: &str, max_age: Duration) -> Self {
        Self {
            object,
            path: path.trim_end_matches('/').to_owned(),
            max_age,
            cached: Mutex::default(),
        }
    }

    /// Returns the subscribers, as the directory was within the last `max_age`.
    ///
    /// # Errors
    /// Returns the reason why it cannot be used, which is also logged when it is found.
    pub async fn current(&self, now: Timestamp) -> Result<Known, DirectoryFault> {
        let mut cached = self.cached.lock().await;
        if !self.is_fresh(&cached, now) {
            let looked = self.look(&mut cached).await;
            cached.fault = looked.err();
            cached.looked_at = Some(now);
            if let Err(fault) = cached.usable(now) {
                log(&fault);
            }
        }
        cached.usable(now)
    }

    fn is_fresh(&self, cached: &Cached, now: Timestamp) -> bool {
        cached.looked_at.is_some_and(|looked_at| {
            let age = now.duration_since(looked_at);
            // A clock that was set back makes the age negative.
            age >= SignedDuration::ZERO && age.unsigned_abs() < self.max_age
        })
    }

    async fn look(&self, cached: &mut Cached) -> Result<(), DirectoryFault> {
        let unreadable = |text: String| DirectoryFault::Unreadable(text);
        let known = cached.content.as_ref().map(|(etag, _)| etag);
        let read = self.object.read(known).await;
        match read.map_err(|error| unreadable(chain(&error)))? {
            Read::Unchanged => Ok(()),
            Read::Missing => {
                cached.content = None;
                Err(DirectoryFault::Missing)
            }
            Read::Found { etag, bytes } => {
                cached.content = None;
                let directory = Directory::decode(&bytes);
                let directory = directory.map_err(|error| unreadable(error.to_string()))?;
                if directory.path != self.path {
                    let text = format!("the subscriber directory is that of {}", directory.path);
                    return Err(unreadable(text));
                }
                let known = Known {
                    as_of: directory.as_of,
                    subscribers: Arc::new(directory.into()),
                };
                cached.content = Some((etag, known));
                Ok(())
            }
        }
    }
}

impl Cached {
    fn usable(&self, now: Timestamp) -> Result<Known, DirectoryFault> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let (_, known) = self.content.as_ref().ok_or(DirectoryFault::Missing)?;
        match now.duration_since(known.as_of) > MAX_AGE {
            true => Err(DirectoryFault::Old(known.as_of)),
            false => Ok(known.clone()),
        }
    }
}

fn log(fault: &DirectoryFault) {
    match fault {
        DirectoryFault::Missing => tracing::debug!("there is no subscriber directory"),
        DirectoryFault::Old(_) | DirectoryFault::Unreadable(_) => {
            tracing::error!(error = %fault, "cannot use the subscriber directory");
        }
    }
}
