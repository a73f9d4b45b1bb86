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
//! `target` says what else must be there: `url` and `secrets` for a webhook (`headers` and `template` may be), `bus` for
//! `"eventbridge"`, `distribution` for `"cloudfront"` (`wildcard` may be). The rest may be left out: `types`,
//! `content_types` and `under` then let everything through (see [`Filter`]), failed deliveries are tried again as for all
//! (`retry_seconds`), and the subscriber is enabled. A field of another name is an error, because a misspelt filter would
//! silently send too much or too little. `docs/subscriber.schema.json` says the same for editors and other programs.
//!
//! deliver writes two fields itself: `failing_since` while nothing gets through, and `disabled` (why and when) beside
//! `"enabled": false` when it has switched the subscriber off.

mod invalid;
mod parse;
mod retry;
mod secret;
mod store;
mod template;

use std::fmt;

use http::HeaderMap;
use jiff::Timestamp;
use url::Url;

pub use invalid::{InvalidSubscriber, Place, Problem};
pub use retry::RetrySchedule;
pub use secret::Secret;
pub use store::{Found, LoadError, SubscriberStore, Subscribers};
pub use template::{Template, TooLong};
pub use wagrun_event::filter::Filter;

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
    Webhook(Box<Webhook>),
    /// An event on an EventBridge bus.
    EventBridge(EventBridge),
    /// An invalidation of the page's paths in a CloudFront distribution.
    CloudFront(CloudFront),
}

impl Target {
    /// Whether deliveries wait in the queue for invalidations, where order does not matter and several become one call.
    pub fn is_batched(&self) -> bool {
        matches!(self, Self::CloudFront(_))
    }
}

/// The receiver of a signed POST.
#[derive(Clone, PartialEq)]
pub struct Webhook {
    /// Where to post.
    pub url: Url,
    /// Every one signs, so that a secret can be replaced with overlap. There is at least one, unless there is a template:
    /// then the receiver may be a service that knows nothing of Standard Webhooks.
    pub secrets: Vec<Secret>,
    /// Headers besides those that a delivery always has; their values may be secret.
    pub headers: HeaderMap,
    /// The payload, where it is not the event itself.
    pub template: Option<Template>,
}

/// A bus that takes events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventBridge {
    /// The bus's ARN.
    pub bus: String,
}

/// A distribution that forgets pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudFront {
    /// The distribution's id.
    pub distribution: String,
    /// Whether everything below a page's path is invalidated too, and its variants by query string.
    pub wildcard: bool,
}

// Receivers often carry a token in the URL, so it is kept out of logs like the secrets.
impl fmt::Debug for Webhook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Webhook")
            .field("host", &self.url.host_str())
            .field("secrets", &self.secrets.len())
            .field("headers", &self.headers.len())
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
