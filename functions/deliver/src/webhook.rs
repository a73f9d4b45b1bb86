//! A POST signed as Standard Webhooks 1.0 say.

use std::{borrow::Cow, sync::Arc, time::Duration};

use jiff::Timestamp;
use reqwest::{
    Client, StatusCode,
    header::{self, HeaderMap, HeaderValue},
    redirect::Policy,
};
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP};
use wagrun_delivery::subscriber::{TooLong, Webhook};

use crate::{
    resolver::{self, NotPublic, PublicOnly},
    retry_after::retry_after,
    sign::signatures,
};

const USER_AGENT: &str = concat!("wagrun/", env!("CARGO_PKG_VERSION"));

/// How long a receiver may take.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// To accept the connection, TLS included.
    pub connect: Duration,
    /// From the start until its status is here.
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

/// Where a receiver may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// On the internet.
    Public,
    /// Also on this machine and in this network, for a local stack.
    Anywhere,
}

/// Posts to receivers.
#[derive(Debug, Clone)]
pub struct WebhookClient {
    http: Client,
    reach: Reach,
}

/// The receiver has not accepted the event.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The subscriber's template gives no payload for this event.
    #[error(transparent)]
    Template(TooLong),
    /// The event is not the JSON that it was.
    #[error("cannot read the event for the subscriber's template")]
    Json(#[source] serde_json::Error),
    /// The event can't be signed.
    #[error("cannot sign the event")]
    Sign(#[source] standardwebhooks::WebhookError),
    /// The event's id, or what it was signed to, is nothing that a header may hold.
    #[error("cannot write the delivery's headers")]
    Header(#[source] header::InvalidHeaderValue),
    /// The receiver is not on the internet.
    #[error(transparent)]
    NotPublic(NotPublic),
    /// No answer within the time.
    #[error("the receiver did not answer in time")]
    Timeout(#[source] reqwest::Error),
    /// No connection, or one that broke.
    #[error("cannot reach the receiver")]
    Unreachable(#[source] reqwest::Error),
    /// An answer that is not 2xx; a redirect is one of them.
    #[error("the receiver answered {status}")]
    Status {
        /// What it answered.
        status: StatusCode,
        /// The seconds after which it wants to be asked again, where it says so.
        retry_after: Option<u32>,
    },
}

impl WebhookError {
    /// The receiver's status, where it answered.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(status.as_u16()),
            _ => None,
        }
    }

    /// The seconds after which the receiver wants to be asked again, where it says so.
    pub fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Why this receiver is not to be asked again, if it said so.
    pub fn reason_to_disable(&self) -> Option<&'static str> {
        match self {
            Self::Status {
                status: StatusCode::GONE,
                ..
            } => Some("the receiver answered 410 Gone"),
            _ => None,
        }
    }

    /// One word for logs.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Template(_) | Self::Json(_) => "unrendered",
            Self::Sign(_) | Self::Header(_) => "unsigned",
            Self::NotPublic(_) => "forbidden",
            Self::Timeout(_) => "timeout",
            Self::Unreachable(_) => "unreachable",
            Self::Status { .. } => "refused",
        }
    }
}

impl WebhookClient {
    /// The process's TLS provider must be installed before.
    pub fn new(timeouts: Timeouts, reach: Reach) -> Result<Self, reqwest::Error> {
        Self::resolving(timeouts, reach, PublicOnly(resolver::system))
    }

    /// With another resolver for `Reach::Public`.
    pub(crate) fn resolving(
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
            // Lambda freezes between invocations: a kept connection is often dead, which would cost an attempt.
            .pool_max_idle_per_host(0);
        if reach == Reach::Public {
            client = client.https_only(true).dns_resolver(Arc::new(resolver));
        }
        let http = client.build()?;
        Ok(Self { http, reach })
    }

    /// Posts the event's JSON as it is, or what the subscriber's template makes of it; returns the status when it is 2xx.
    /// The answer's body is not read.
    pub async fn post(
        &self,
        webhook: &Webhook,
        event_id: &str,
        event: &str,
        now: Timestamp,
    ) -> Result<StatusCode, WebhookError> {
        let body = payload(webhook, event)?;
        let headers = headers(webhook, event_id, &body, now)?;
        if self.reach == Reach::Public {
            resolver::check_literal(&webhook.url).map_err(WebhookError::NotPublic)?;
        }
        let answer = self
            .http
            .post(webhook.url.clone())
            .headers(headers)
            .body(body.into_owned())
            .send()
            .await
            .map_err(|error| {
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

fn payload<'a>(webhook: &Webhook, event: &'a str) -> Result<Cow<'a, str>, WebhookError> {
    let Some(template) = &webhook.template else {
        return Ok(Cow::Borrowed(event));
    };
    let event = serde_json::from_str(event).map_err(WebhookError::Json)?;
    let body = template.render(&event).map_err(WebhookError::Template)?;
    Ok(Cow::Owned(body))
}

/// The subscriber's headers, and those that every delivery has.
fn headers(
    webhook: &Webhook,
    event_id: &str,
    body: &str,
    now: Timestamp,
) -> Result<HeaderMap, WebhookError> {
    let timestamp = now.as_second();
    let content_type = match webhook.template {
        None => "application/cloudevents+json",
        Some(_) => "application/json",
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.extend(webhook.headers.clone());
    headers.insert(HEADER_WEBHOOK_TIMESTAMP, timestamp.into());
    let mut texts = vec![(HEADER_WEBHOOK_ID, event_id.to_owned())];
    if !webhook.secrets.is_empty() {
        let signatures = signatures(&webhook.secrets, event_id, timestamp, body);
        texts.push((
            HEADER_WEBHOOK_SIGNATURE,
            signatures.map_err(WebhookError::Sign)?,
        ));
    }
    for (name, text) in texts {
        // Ids, base64 and commas are what a header may hold.
        let value = HeaderValue::try_from(text).map_err(WebhookError::Header)?;
        headers.insert(name, value);
    }
    Ok(headers)
}
