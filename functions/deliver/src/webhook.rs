//! A POST signed as Standard Webhooks 1.0 say.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Client, StatusCode, header, redirect::Policy};
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP};
use wagrun::subscriber::Webhook;

use crate::{retry_after::retry_after, sign::signatures};

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

/// Posts to receivers.
#[derive(Debug, Clone)]
pub struct WebhookClient(Client);

/// The receiver has not accepted the event.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The event can't be signed.
    #[error("cannot sign the event")]
    Sign(#[source] standardwebhooks::WebhookError),
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
            Self::Sign(_) => "unsigned",
            Self::Timeout(_) => "timeout",
            Self::Unreachable(_) => "unreachable",
            Self::Status { .. } => "refused",
        }
    }
}

impl WebhookClient {
    /// The process's TLS provider must be installed before.
    pub fn new(timeouts: Timeouts) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .connect_timeout(timeouts.connect)
            .timeout(timeouts.total)
            .redirect(Policy::none())
            .user_agent(USER_AGENT)
            .no_proxy()
            // Lambda freezes between invocations: a kept connection is often dead, which would cost an attempt.
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self(client))
    }

    /// Posts the event's JSON as it is; returns the status when it is 2xx. The answer's body is not read.
    pub async fn post(
        &self,
        webhook: &Webhook,
        event_id: &str,
        body: &str,
        now: Timestamp,
    ) -> Result<StatusCode, WebhookError> {
        let timestamp = now.as_second();
        let signature =
            signatures(&webhook.secrets, event_id, timestamp, body).map_err(WebhookError::Sign)?;
        let answer = self
            .0
            .post(webhook.url.clone())
            .header(header::CONTENT_TYPE, "application/cloudevents+json")
            .header(HEADER_WEBHOOK_ID, event_id)
            .header(HEADER_WEBHOOK_TIMESTAMP, timestamp)
            .header(HEADER_WEBHOOK_SIGNATURE, signature)
            .body(body.to_owned())
            .send()
            .await
            .map_err(|error| {
                // The URL may carry a token.
                let error = error.without_url();
                if error.is_timeout() {
                    WebhookError::Timeout(error)
                } else {
                    WebhookError::Unreachable(error)
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
