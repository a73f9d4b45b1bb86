//! HTTP requests, signed as Standard Webhooks 1.0 specify.

mod address;
#[cfg(not(fuzzing))]
mod resolver;
#[cfg(fuzzing)]
pub mod resolver;
mod retry_after;
mod sign;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use reqwest::{
    Client, StatusCode,
    header::{self, HeaderMap, HeaderValue},
    redirect::Policy,
};
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP};
use wagrun_delivery::subscriber::{Body, RenderError, RenderedRequest, Schemes, Webhook};

use self::resolver::{NotPublic, PublicOnly};
use self::retry_after::retry_after;
use self::sign::signatures;

const USER_AGENT: &str = concat!("wagrun/", env!("CARGO_PKG_VERSION"));

/// The time limits of one event.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// The limit for the connection, TLS included.
    pub connect: Duration,
    /// The limit from the start until the status of the last request has arrived.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            total: Duration::from_secs(15),
        }
    }
}

/// The addresses that a receiver may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Addresses on the internet.
    Public,
    /// Any address, also of this machine and network. For a local stack.
    Anywhere,
}

impl Reach {
    /// Returns the addresses that go with these schemes: whoever allows http wants receivers of this machine.
    pub fn with(schemes: Schemes) -> Self {
        match schemes {
            Schemes::HttpOrHttps => Self::Anywhere,
            Schemes::HttpsOnly => Self::Public,
        }
    }
}

/// Sends webhooks to receivers.
#[derive(Debug, Clone)]
pub struct WebhookClient {
    http: Client,
    reach: Reach,
    limit: Duration,
}

/// The receiver did not accept the event.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The event gives no request of the subscriber's.
    #[error(transparent)]
    Unrendered(RenderError),
    /// The event could not be signed.
    #[error("cannot sign the event")]
    Sign(#[source] standardwebhooks::WebhookError),
    /// The event's id or its signature is not a valid header value.
    #[error("cannot write the delivery's headers")]
    Header(#[source] header::InvalidHeaderValue),
    /// The receiver is not on the internet.
    #[error(transparent)]
    NotPublic(NotPublic),
    /// The receiver did not answer within the time limit.
    #[error("the receiver did not answer in time")]
    Timeout(#[source] reqwest::Error),
    /// The connection could not be made, or broke.
    #[error("cannot reach the receiver")]
    Unreachable(#[source] reqwest::Error),
    /// The receiver answered with a status other than 2xx, such as a redirect.
    #[error("the receiver answered {status}")]
    Status {
        /// The status.
        status: StatusCode,
        /// The delay that the receiver asks for, if it does.
        retry_after: Option<Duration>,
    },
}

impl WebhookError {
    /// Returns the receiver's status, if it answered.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(status.as_u16()),
            _ => None,
        }
    }

    /// Returns the delay that the receiver asks for, if it does.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Returns the reason why this receiver is never to be called again, if it gave one.
    pub fn reason_to_disable(&self) -> Option<&'static str> {
        match self {
            Self::Status {
                status: StatusCode::GONE,
                ..
            } => Some("the receiver answered 410 Gone"),
            _ => None,
        }
    }

    /// Returns one word for logs.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Unrendered(_) => "unrendered",
            Self::Sign(_) | Self::Header(_) => "unsigned",
            Self::NotPublic(_) => "forbidden",
            Self::Timeout(_) => "timeout",
            Self::Unreachable(_) => "unreachable",
            Self::Status { .. } => "refused",
        }
    }
}

impl WebhookClient {
    /// Creates a client. The process's TLS provider must be installed before.
    pub fn new(timeouts: Timeouts, reach: Reach) -> Result<Self, reqwest::Error> {
        Self::with_resolver(timeouts, reach, PublicOnly(resolver::system))
    }

    /// Creates a client with another resolver for [`Reach::Public`].
    fn with_resolver(
        timeouts: Timeouts,
        reach: Reach,
        resolver: PublicOnly,
    ) -> Result<Self, reqwest::Error> {
        let mut client = Client::builder()
            .connect_timeout(timeouts.connect)
            .timeout(timeouts.total)
            .redirect(Policy::none())
            .user_agent(USER_AGENT)
            .no_proxy()
            // Lambda freezes between invocations. A connection that was kept is often dead, which would cost an attempt.
            .pool_max_idle_per_host(0);
        if reach == Reach::Public {
            client = client.https_only(true).dns_resolver(Arc::new(resolver));
        }
        let http = client.build()?;
        Ok(Self {
            http,
            reach,
            limit: timeouts.total,
        })
    }

    /// Makes the subscriber's requests of this event, one after the other until one fails. Returns the status of the last, which
    /// is 2xx; none when the event needs no request. The answers' bodies are not read.
    pub async fn send(
        &self,
        webhook: &Webhook,
        event_id: &str,
        event: &str,
        now: Timestamp,
    ) -> Result<Option<StatusCode>, WebhookError> {
        let requests = webhook.render(event).map_err(WebhookError::Unrendered)?;
        let started = Instant::now();
        let mut status = None;
        for (number, request) in requests.into_iter().enumerate() {
            // The id is that of the event, and tells the further requests apart.
            let id = match number {
                0 => event_id.to_owned(),
                _ => format!("{event_id}-{number}"),
            };
            let headers = headers(webhook, &id, request.body.as_ref(), now)?;
            let limit = self.limit.saturating_sub(started.elapsed());
            status = Some(self.request(request, headers, limit, now).await?);
        }
        Ok(status)
    }

    async fn request(
        &self,
        request: RenderedRequest<'_>,
        headers: HeaderMap,
        limit: Duration,
        now: Timestamp,
    ) -> Result<StatusCode, WebhookError> {
        if self.reach == Reach::Public {
            resolver::check_literal(&request.url).map_err(WebhookError::NotPublic)?;
        }
        let mut call = self
            .http
            .request(request.method, request.url)
            .headers(headers)
            .timeout(limit);
        if let Some(body) = request.body {
            call = call.body(body.into_text());
        }
        let answer = call.send().await.map_err(|error| {
            // The URL may carry a token.
            let error = error.without_url();
            match resolver::refusal(&error) {
                Some(refusal) => WebhookError::NotPublic(refusal),
                None if error.is_timeout() => WebhookError::Timeout(error),
                None => WebhookError::Unreachable(error),
            }
        })?;
        match answer.status() {
            status if status.is_success() => Ok(status),
            status => Err(WebhookError::Status {
                status,
                retry_after: retry_after(answer.headers(), now),
            }),
        }
    }
}

/// Returns the subscriber's headers and those of every delivery.
fn headers(
    webhook: &Webhook,
    event_id: &str,
    body: Option<&Body<'_>>,
    now: Timestamp,
) -> Result<HeaderMap, WebhookError> {
    let timestamp = now.as_second();
    let mut headers = HeaderMap::new();
    if let Some(body) = body {
        let content_type = HeaderValue::from_static(body.media_type());
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    headers.extend(webhook.headers.clone());
    headers.insert(HEADER_WEBHOOK_TIMESTAMP, timestamp.into());
    let mut texts = vec![(HEADER_WEBHOOK_ID, event_id.to_owned())];
    if !webhook.secrets.is_empty() {
        let text = body.map_or("", Body::as_str);
        let signatures = signatures(&webhook.secrets, event_id, timestamp, text);
        texts.push((
            HEADER_WEBHOOK_SIGNATURE,
            signatures.map_err(WebhookError::Sign)?,
        ));
    }
    for (name, text) in texts {
        // Ids and base64 are valid header values.
        let value = HeaderValue::try_from(text).map_err(WebhookError::Header)?;
        headers.insert(name, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod forgery_tests;
