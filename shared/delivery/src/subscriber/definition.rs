//! A subscriber as fan-out and deliver use it, and the rules for parsing one.

use std::fmt;

use http::HeaderMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wagrun_event::filter::Filter;
use wagrun_lambda::environment::{EnvironmentError, optional, parsed_value_or};

use super::invalid::{InvalidSubscriber, Warning};
use super::request::{self, RenderError, RenderedRequest, RequestTemplate};
use super::retry::RetrySchedule;
use super::secret::Secret;

/// One valid subscriber.
#[derive(Debug, Clone, PartialEq)]
pub struct Subscriber {
    /// The parameter's name below the stack's `subscribers/` path, such as `cdn` or `team/cdn`.
    pub name: String,
    /// The parameter's whole name.
    pub parameter: String,
    /// The target of its events.
    pub target: Target,
    /// The filter that its events pass.
    pub filter: Filter,
    /// Its own retry schedule; none where the stack's counts.
    pub retry: Option<RetrySchedule>,
    /// True when the subscriber receives events. Otherwise its waiting deliveries are set aside.
    pub enabled: bool,
    /// The time since which deliveries fail, if deliver has written it.
    pub failing_since: Option<Timestamp>,
    /// The parts of its filter that match nothing, beside others that match.
    pub warnings: Vec<Warning>,
    /// The fault of the newest version of the parameter, when this is an earlier one.
    pub superseded: Option<Box<Superseded>>,
}

impl Subscriber {
    /// Returns the subscriber of a version that is in force, because the newest one has this fault.
    pub(super) fn superseded_by(self, version: i64, fault: InvalidSubscriber) -> Self {
        Self {
            superseded: Some(Box::new(Superseded { version, fault })),
            ..self
        }
    }
}

/// A version of a parameter that is in force, because no newer one can be used.
#[derive(Debug, Clone, PartialEq)]
pub struct Superseded {
    /// The number of the version that is in force.
    pub version: i64,
    /// The fault of the newest version.
    pub fault: InvalidSubscriber,
}

/// The target of a subscriber's events.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// A signed POST request.
    Webhook(Box<Webhook>),
    /// An event on an EventBridge bus.
    EventBridge(EventBridge),
    /// An invalidation of the page's paths in a CloudFront distribution.
    CloudFront(CloudFront),
}

impl Target {
    /// Returns true when deliveries wait in the invalidation queue, where order does not matter and several become one call.
    pub fn is_batched(&self) -> bool {
        matches!(self, Self::CloudFront(_))
    }
}

/// The settings of a webhook.
#[derive(Clone, PartialEq)]
pub struct Webhook {
    /// The requests, of which the first that is for an event is made. There is at least one.
    pub requests: Vec<RequestTemplate>,
    /// The secrets. Each of them signs, so that a secret can be replaced with overlap. There is at least one, unless no
    /// request has the event itself as its body. Then the receiver may be a service that does not know Standard Webhooks.
    pub secrets: Vec<Secret>,
    /// Further headers. Their values may be secret.
    pub headers: HeaderMap,
}

impl Webhook {
    /// Returns the requests that an event makes, in their order; none when the event needs no request.
    pub fn render<'a>(&self, event: &'a str) -> Result<Vec<RenderedRequest<'a>>, RenderError> {
        request::render(&self.requests, event)
    }

    /// Returns true when the webhook posts the event as it is.
    pub fn posts_events(&self) -> bool {
        matches!(&self.requests[..], [request] if request.posts_events())
    }

    /// Returns the scheme, host and port of each request, without repetitions.
    pub fn origins(&self) -> Vec<String> {
        let mut origins = Vec::new();
        for request in &self.requests {
            let origin = request.url.sample().origin().ascii_serialization();
            if !origins.contains(&origin) {
                origins.push(origin);
            }
        }
        origins
    }
}

/// The settings of an EventBridge target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventBridge {
    /// The bus's ARN.
    pub bus: String,
}

/// The settings of a CloudFront target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudFront {
    /// The distribution's id.
    pub distribution: String,
    /// True when all paths below a page's path are invalidated too, and its variants by query string.
    pub wildcard: bool,
}

// Receivers often carry a token in the URL, so it is kept out of logs like the secrets.
impl fmt::Debug for Webhook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Webhook")
            .field("origins", &self.origins())
            .field("secrets", &self.secrets.len())
            .field("headers", &self.headers.len())
            .finish_non_exhaustive()
    }
}

/// The schemes that the URL of a webhook may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schemes {
    /// The rule.
    HttpsOnly,
    /// http as well: for a local stack, and for programs that never call the URL.
    HttpOrHttps,
}

/// The rules that depend on the deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// The schemes that a webhook's URL may have.
    pub schemes: Schemes,
    /// Number of attempts of the delivery queue, if it is known.
    pub max_attempts: Option<u32>,
}

impl Rules {
    /// Number of attempts where the environment gives none.
    const DEFAULT_MAX_ATTEMPTS: u32 = 8;

    /// Reads `ALLOW_HTTP_WEBHOOKS` (false) and `MAX_ATTEMPTS` (8). Every function that judges parameters must have the same.
    pub fn from_environment() -> Result<Self, EnvironmentError> {
        Self::from_variables(optional)
    }

    /// Reads the same variables of another environment, such as that of a deployed function.
    pub fn from_variables(
        value_of: impl Fn(&'static str) -> Option<String>,
    ) -> Result<Self, EnvironmentError> {
        let allows_http = parsed_value_or(
            "ALLOW_HTTP_WEBHOOKS",
            value_of("ALLOW_HTTP_WEBHOOKS"),
            false,
            "true or false",
        )?;
        Ok(Self {
            schemes: match allows_http {
                true => Schemes::HttpOrHttps,
                false => Schemes::HttpsOnly,
            },
            max_attempts: Some(parsed_value_or(
                "MAX_ATTEMPTS",
                value_of("MAX_ATTEMPTS"),
                Self::DEFAULT_MAX_ATTEMPTS,
                "a number of attempts",
            )?),
        })
    }

    /// Rules for programs that deliver nothing, and leave the judgement to deliver.
    pub const LENIENT: Self = Self {
        schemes: Schemes::HttpOrHttps,
        max_attempts: None,
    };
}
