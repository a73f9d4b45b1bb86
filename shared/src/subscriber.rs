//! Subscribers: who receives which events, and how.
//!
//! A subscriber is one SSM parameter under the stack's `subscribers/` path; the rest of the parameter's name is the
//! subscriber's name, its value is JSON:
//!
//! ```json
//! {"target": "webhook", "url": "https://…", "secrets": ["whsec_…"],
//!  "types": ["wagtail.page.*"], "content_types": ["blog.*"], "under": "/blog/", "enabled": true}
//! ```
//!
//! `target`, `url` and `secrets` must be there. The others may be left out: `types`, `content_types` and `under` then
//! let everything through (see [`Filter`]), and the subscriber is enabled. A field of another name is an error,
//! because a misspelt filter would silently send too much or too little.
//!
//! deliver writes two fields itself: `failing_since` while nothing gets through, and `disabled` (why and when) beside
//! `"enabled": false` when it has switched the subscriber off.

mod filter;
mod invalid;
mod parse;
mod retry;
mod secret;
mod store;

use std::fmt;

use jiff::Timestamp;
use url::Url;

pub use filter::Filter;
pub use invalid::{InvalidSubscriber, Place, Problem};
pub use retry::RetrySchedule;
pub use secret::Secret;
pub use store::{Found, LoadError, SubscriberStore, Subscribers};

/// One valid subscriber.
#[derive(Debug, Clone, PartialEq)]
pub struct Subscriber {
    /// The parameter's name below the stack's `subscribers/` path, such as `cdn` or `team/cdn`.
    pub name: String,
    /// The parameter's whole name.
    pub parameter: String,
    /// Where its events go.
    pub target: Target,
    /// Which events concern it.
    pub filter: Filter,
    /// When its failed deliveries are tried again, where that is not as for all.
    pub retry: Option<RetrySchedule>,
    /// A disabled subscriber receives nothing, also not what already waits for it.
    pub enabled: bool,
    /// Since when nothing was delivered, as far as deliver wrote it down.
    pub failing_since: Option<Timestamp>,
}

/// Where a subscriber's events go.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// A signed POST.
    Webhook(Webhook),
}

/// The receiver of a signed POST.
#[derive(Clone, PartialEq)]
pub struct Webhook {
    /// Where to post.
    pub url: Url,
    /// At least one; every one signs, so that a secret can be replaced with overlap.
    pub secrets: Vec<Secret>,
}

// Receivers often carry a token in the URL, so it is kept out of logs like the secrets.
impl fmt::Debug for Webhook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Webhook")
            .field("host", &self.url.host_str())
            .field("secrets", &self.secrets.len())
            .finish_non_exhaustive()
    }
}

/// What the URL of a webhook may begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schemes {
    /// The rule.
    HttpsOnly,
    /// For a local stack, and for who never calls the URL.
    HttpOrHttps,
}

/// What depends on the deployment rather than on the parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// What a webhook's URL may begin with.
    pub schemes: Schemes,
    /// How many attempts the delivery queue gives a message, where that is known.
    pub most_attempts: Option<u32>,
}

impl Rules {
    /// For who delivers nothing, and leaves the judgement to who does.
    pub const LENIENT: Self = Self {
        schemes: Schemes::HttpOrHttps,
        most_attempts: None,
    };
}
