//! The settings of a stack.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;
use testing::progress::Progress;

use crate::own_site::OwnSite;
use crate::postgres::Durability;

/// The settings of a stack.
#[derive(Debug, Clone)]
pub struct StackOptions {
    /// The name of the run, with which its directories begin.
    pub name: String,
    /// The output for progress.
    pub progress: Progress,
    /// The durability of commits.
    pub durability: Durability,
    /// The names of the subscribers, each with further fields of its parameter. The receiver serves all their webhooks.
    pub subscribers: Vec<(String, Value)>,
    /// Parameters of the template, besides those with addresses and names.
    pub parameters: BTreeMap<&'static str, String>,
    /// True if the database rings by its log alone, as with `Doorbell=Logs`.
    pub rings_by_log: bool,
    /// The directory in which the emulator records its requests. The default is a directory of the run.
    pub requests: Option<PathBuf>,
    /// The site; the stock one without.
    pub own_site: Option<OwnSite>,
}

impl StackOptions {
    /// A stack without progress lines, durability and subscribers.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            progress: Progress::quiet(),
            durability: Durability::Fast,
            subscribers: Vec::new(),
            parameters: BTreeMap::new(),
            rings_by_log: false,
            requests: None,
            own_site: None,
        }
    }
}
