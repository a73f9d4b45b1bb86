//! A POST signed as Standard Webhooks 1.0 say.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Client, StatusCode, header, redirect::Policy};
use standardwebhooks::{
    HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook as Signer,
};
use wagrun::subscriber::Webhook;

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
    #[error("the receiver answered {0}")]
    Status(StatusCode),
}

impl WebhookError {
    /// The receiver's status, where it answered.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status(status) => Some(status.as_u16()),
            _ => None,
        }
    }

    /// One word for logs.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Sign(_) => "unsigned",
            Self::Timeout(_) => "timeout",
            Self::Unreachable(_) => "unreachable",
            Self::Status(_) => "refused",
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
            signatures(webhook, event_id, timestamp, body).map_err(WebhookError::Sign)?;
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
            status => Err(WebhookError::Status(status)),
        }
    }
}

/// One v1 signature by each secret, with spaces between.
fn signatures(
    webhook: &Webhook,
    event_id: &str,
    timestamp: i64,
    body: &str,
) -> Result<String, standardwebhooks::WebhookError> {
    let signatures = webhook
        .secrets
        .iter()
        .map(|secret| {
            Signer::from_bytes(secret.key().to_vec())?.sign(event_id, timestamp, body.as_bytes())
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(signatures.join(" "))
}
