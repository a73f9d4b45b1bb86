//! Subscribers: the receivers of events, and their settings.
//!
//! A subscriber is one SSM parameter below the stack's `subscribers/` path. The rest of the parameter's name is the subscriber's
//! name. Its value is JSON:
//!
//! ```json
//! {"target": "webhook", "url": "https://…", "secrets": ["whsec_…"],
//!  "types": ["wagtail.page.*"], "content_types": ["blog.*"], "under": "/blog/", "enabled": true}
//! ```
//!
//! `target` decides which other fields there are. A webhook requires `url` and `secrets`, and may have `headers` and `template`. A
//! target `"eventbridge"` requires `bus`. A target `"cloudfront"` requires `distribution`, and may have `wildcard`. Without `types`,
//! `content_types` and `under` every event passes (see [`Filter`]). Without `retry_seconds` failed deliveries follow the stack's
//! schedule. An unknown field is an error, because a misspelt filter would silently send too much or too little. So is a filter
//! that can match no event.
//! `docs/subscriber.schema.json` says the same for editors and other programs.
//!
//! # A parameter that cannot be used
//! Its last usable version stays in force, which SSM keeps (see `earlier_versions`). Where there is none, or where that one is
//! switched off, the subscriber's events are set aside until the parameter is corrected. The function subscriber-directory
//! judges for all (see [`crate::directory`]). A copy of fan-out or deliver that reads SSM itself judges by the same [`Rules`],
//! and by what SSM has. So it comes to the same result.
//!
//! deliver writes two fields itself: `failing_since` while no delivery succeeds, and `disabled` (reason and time) beside
//! `"enabled": false` when it has switched the subscriber off.

mod definition;
mod earlier_versions;
mod invalid;
mod judged;
mod parse;
mod request;
mod retry;
mod secret;
mod single;
mod store;
mod stored;
mod subscribers;
mod template;

pub use definition::{
    CloudFront, EventBridge, Rules, Schemes, Subscriber, Superseded, Target, Webhook,
};
pub use invalid::{FieldPath, InvalidSubscriber, Problem, Warning};
pub use judged::{Effect, Fault, Unusable};
pub use request::{Body, RenderError, RenderedRequest, RequestTemplate, UrlFault};
pub use retry::RetrySchedule;
pub use secret::Secret;
pub use store::{LoadError, SubscriberStore};
pub use subscribers::{SubscriberStatus, Subscribers};
pub use template::PayloadTooLong;
pub use wagrun_event::filter::Filter;

pub(crate) use earlier_versions::last_usable;
pub(crate) use judged::says_off;
