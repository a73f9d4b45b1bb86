//! migrate as a CloudFormation custom resource: whatever happens, CloudFormation gets its answer.
//!
//! The contract is the one of `crpg-ref` in CloudFormation's user guide: a PUT of at most 4096 bytes to a presigned URL.
//! Without it the stack waits for an hour and then fails without a reason.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use reqwest::{Client, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use wagrun::telemetry::chain;

use crate::run::{Answer, MigrateError};

/// The resource's id: the same for ever, as another one would make CloudFormation delete the old.
const PHYSICAL_ID: &str = "wagrun-migration";
/// What is left of a reason in an answer that may have 4096 bytes in all, of which the ids take up to 2 KB.
const LONGEST_REASON: usize = 1500;
/// Time before the function's deadline at which a migration is given up, so that the answer still leaves.
const MARGIN: Duration = Duration::from_secs(20);
/// Attempts to give the answer, and how long one may take.
const ATTEMPTS: u32 = 3;
const LONGEST_ATTEMPT: Duration = Duration::from_secs(5);

/// What of a request is needed to answer it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    request_type: RequestType,
    request_id: String,
    #[serde(rename = "ResponseURL")]
    response_url: String,
    stack_id: String,
    logical_resource_id: String,
    physical_resource_id: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum RequestType {
    Create,
    Update,
    Delete,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Response<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    physical_resource_id: &'a str,
    stack_id: &'a str,
    request_id: &'a str,
    logical_resource_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data>,
}

/// What `!GetAtt` can ask for.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Data {
    applied: usize,
    watched_tables: i32,
    superuser: String,
}

/// The migration failed, or CloudFormation could not be told how it went.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// CloudFormation knows; the invocation fails as well, because an alarm counts failed invocations.
    #[error("{0}")]
    Migration(String),
    /// The answer can't be written, which its type rules out.
    #[error("can't encode the answer to CloudFormation")]
    Encode(#[from] serde_json::Error),
    /// Nobody took it.
    #[error("can't answer CloudFormation")]
    Send(#[from] reqwest::Error),
}

impl Request {
    /// The request in a payload that has the keys of one; `None` for any other invocation.
    pub fn parse(payload: &Value) -> Option<Result<Self, serde_json::Error>> {
        payload
            .get("RequestType")
            .map(|_| Self::deserialize(payload))
    }

    /// Runs the migration, except for a deletion, and tells CloudFormation how it went.
    pub async fn serve(
        &self,
        migration: impl Future<Output = Result<Answer, MigrateError>>,
        deadline: Instant,
    ) -> Result<(), ServeError> {
        let outcome = match self.request_type {
            // What a deletion would undo is the database's content; the database itself may be gone already.
            RequestType::Delete => Ok(None),
            RequestType::Create | RequestType::Update => {
                let guarded = AssertUnwindSafe(migration).catch_unwind();
                match timeout_at(deadline.checked_sub(MARGIN).unwrap_or(deadline), guarded).await {
                    Ok(Ok(Ok(answer))) => Ok(Some(answer)),
                    Ok(Ok(Err(error))) => Err(chain(&error)),
                    Ok(Err(_)) => Err("migrate panicked; its log has the place".to_owned()),
                    Err(_) => Err("the migration did not end in the function's time".to_owned()),
                }
            }
        };
        self.answer(&outcome).await?;
        outcome.map(drop).map_err(ServeError::Migration)
    }

    async fn answer(&self, outcome: &Result<Option<Answer>, String>) -> Result<(), ServeError> {
        let (status, reason, data) = match outcome {
            Ok(answer) => ("SUCCESS", None, answer.as_ref().map(Data::from)),
            Err(reason) => ("FAILED", Some(shortened(reason)), None),
        };
        let body = serde_json::to_vec(&Response {
            status,
            reason,
            physical_resource_id: self.physical_resource_id.as_deref().unwrap_or(PHYSICAL_ID),
            stack_id: &self.stack_id,
            request_id: &self.request_id,
            logical_resource_id: &self.logical_resource_id,
            data,
        })?;
        let client = Client::builder().timeout(LONGEST_ATTEMPT).build()?;
        let mut attempt = 1;
        loop {
            let sent = client
                .put(&self.response_url)
                // The URL is signed for a request without one.
                .header(header::CONTENT_TYPE, "")
                .body(body.clone())
                .send()
                .await
                .and_then(reqwest::Response::error_for_status);
            match sent {
                Ok(_) => return Ok(()),
                // The URL is a permission to answer in our place.
                Err(error) if attempt == ATTEMPTS => return Err(error.without_url().into()),
                Err(_) => attempt += 1,
            }
        }
    }
}

impl From<&Answer> for Data {
    fn from(answer: &Answer) -> Self {
        Self {
            applied: answer.applied_django.len(),
            watched_tables: answer.watched_tables,
            superuser: answer.superuser.clone(),
        }
    }
}

/// The end of a long reason, which is where Django says what went wrong.
fn shortened(reason: &str) -> String {
    if reason.len() <= LONGEST_REASON {
        return reason.to_owned();
    }
    let start = reason.ceil_char_boundary(reason.len() - LONGEST_REASON);
    format!("… {}", &reason[start..])
}

#[cfg(test)]
mod tests;
