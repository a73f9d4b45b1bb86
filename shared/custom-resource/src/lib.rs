//! A CloudFormation custom resource: whatever happens, CloudFormation gets its answer.
//!
//! The contract is the one of `crpg-ref` in CloudFormation's user guide: a PUT of at most 4096 bytes to a presigned URL.
//! Without it the stack waits for an hour and then fails without a reason.

use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use reqwest::{Client, header};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::{Instant, timeout_at};

use wagrun_lambda::telemetry::chain;

/// What CloudFormation takes, in bytes.
const LONGEST_BODY: usize = 4096;
/// Time before the function's deadline at which the work is given up, so that the answer still leaves.
const MARGIN: Duration = Duration::from_secs(20);
/// Attempts to give the answer, and how long one may take.
const ATTEMPTS: u32 = 3;
const LONGEST_ATTEMPT: Duration = Duration::from_secs(5);

/// What CloudFormation asks for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    request_type: String,
    request_id: String,
    #[serde(rename = "ResponseURL")]
    response_url: String,
    stack_id: String,
    logical_resource_id: String,
    /// The id of what is there, in an update or a deletion.
    pub physical_resource_id: Option<String>,
    /// The resource's properties, all numbers and booleans as strings.
    #[serde(default)]
    pub resource_properties: Map<String, Value>,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The resource is new.
    Create,
    /// A property has changed.
    Update,
    /// The resource goes, or a failed creation is taken back.
    Delete,
}

/// What is there now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resource {
    /// Its id: another one than before makes CloudFormation delete what had the old one.
    pub physical_id: String,
    /// What `!GetAtt` can ask for.
    pub data: Map<String, Value>,
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
    #[serde(skip_serializing_if = "Map::is_empty")]
    data: &'a Map<String, Value>,
}

/// The work failed, or CloudFormation could not be told how it went.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// CloudFormation knows; the invocation fails as well, because an alarm counts failed invocations.
    #[error("{0}")]
    Work(String),
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

    /// What is to be done; an error for what CloudFormation does not know (yet).
    fn change(&self) -> Result<Change, String> {
        match self.request_type.as_str() {
            "Create" => Ok(Change::Create),
            "Update" => Ok(Change::Update),
            "Delete" => Ok(Change::Delete),
            other => Err(format!(
                "RequestType: {other:?} is not Create, Update or Delete"
            )),
        }
    }

    /// Does the work and tells CloudFormation how it went, also when it panics or does not end by `deadline`, which is
    /// the function's own. `physical_id` names a resource whose creation failed.
    ///
    /// # Errors
    /// When the work failed, or when CloudFormation could not be told.
    pub async fn serve<F, E>(
        &self,
        physical_id: &str,
        deadline: Instant,
        work: impl FnOnce(Change) -> F,
    ) -> Result<(), ServeError>
    where
        F: Future<Output = Result<Resource, E>>,
        E: Error + 'static,
    {
        let outcome = match self.change() {
            Err(reason) => Err(reason),
            Ok(change) => {
                let guarded = AssertUnwindSafe(async { work(change).await }).catch_unwind();
                match timeout_at(deadline.checked_sub(MARGIN).unwrap_or(deadline), guarded).await {
                    Ok(Ok(Ok(resource))) => Ok(resource),
                    Ok(Ok(Err(error))) => Err(chain(&error)),
                    Ok(Err(_)) => Err("the function panicked; its log has the place".to_owned()),
                    Err(_) => Err("the work did not end in the function's time".to_owned()),
                }
            }
        };
        self.answer(physical_id, &outcome).await?;
        outcome.map(drop).map_err(ServeError::Work)
    }

    async fn answer(
        &self,
        physical_id: &str,
        outcome: &Result<Resource, String>,
    ) -> Result<(), ServeError> {
        let body = self.body(physical_id, outcome)?;
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

    /// The answer in few enough bytes: of a reason the end is kept, which is where a program says what went wrong.
    fn body(
        &self,
        physical_id: &str,
        outcome: &Result<Resource, String>,
    ) -> Result<Vec<u8>, serde_json::Error> {
        let none = Map::new();
        let known = self.physical_resource_id.as_deref().unwrap_or(physical_id);
        let encode = |reason: Option<String>, id: &str, data: &Map<String, Value>| {
            serde_json::to_vec(&Response {
                status: if reason.is_none() {
                    "SUCCESS"
                } else {
                    "FAILED"
                },
                reason,
                physical_resource_id: id,
                stack_id: &self.stack_id,
                request_id: &self.request_id,
                logical_resource_id: &self.logical_resource_id,
                data,
            })
        };
        let reason = match outcome {
            Ok(resource) => {
                let body = encode(None, &resource.physical_id, &resource.data)?;
                if body.len() <= LONGEST_BODY {
                    return Ok(body);
                }
                format!(
                    "the answer has {} bytes, and CloudFormation takes {LONGEST_BODY}",
                    body.len()
                )
            }
            Err(reason) => reason.clone(),
        };
        let mut kept = reason.len();
        loop {
            let body = encode(Some(end_of(&reason, kept)), known, &none)?;
            if body.len() <= LONGEST_BODY || kept == 0 {
                return Ok(body);
            }
            // A byte of the reason is one to six of the answer, so this takes a few rounds.
            kept = (kept * LONGEST_BODY / body.len()).min(kept - 1);
        }
    }
}

/// The last `length` bytes of a text, or a few fewer.
fn end_of(text: &str, length: usize) -> String {
    if text.len() <= length {
        return text.to_owned();
    }
    let start = text.ceil_char_boundary(text.len() - length);
    format!("… {}", &text[start..])
}

#[cfg(test)]
mod tests;
