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

mod invalid;
mod parse;
mod store;

use std::fmt;

use url::Url;

pub use crate::filter::Filter;
pub use invalid::{InvalidSubscriber, Place, Problem};
pub use store::{Found, LoadError, SubscriberStore, Subscribers};

/// One valid subscriber.
#[derive(Debug, Clone, PartialEq)]
pub struct Subscriber {
    /// The parameter's name below the stack's `subscribers/` path, such as `cdn` or `team/cdn`.
    pub name: String,
    /// Where its events go.
    pub target: Target,
    /// Which events concern it.
    pub filter: Filter,
    /// A disabled subscriber receives nothing, also not what already waits for it.
    pub enabled: bool,
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

/// The key of a Standard Webhooks secret.
#[derive(Clone, PartialEq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// The key's bytes, for signing.
    pub fn key(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
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
