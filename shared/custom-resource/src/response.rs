//! The response to CloudFormation, in at most 4096 bytes.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::request::Request;

/// The size limit of a response.
pub(crate) const MAX_RESPONSE_BYTES: usize = 4096;

/// The resource after the work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resource {
    /// The id of the resource. After an update with another id CloudFormation deletes the resource of the old id.
    pub physical_id: String,
    /// The attributes for `!GetAtt`.
    pub data: Map<String, Value>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Response<'a> {
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    physical_resource_id: &'a str,
    stack_id: &'a str,
    request_id: &'a str,
    logical_resource_id: &'a str,
    #[serde(skip_serializing_if = "Map::is_empty")]
    data: &'a Map<String, Value>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum Status {
    Success,
    Failed,
}

/// Encodes the response. The outcome is the resource, or the reason of the failure.
///
/// A response that would be too large becomes a failure. `new_id` is the id of a resource whose creation failed.
pub(crate) fn encode(
    request: &Request,
    new_id: &str,
    outcome: Result<&Resource, String>,
) -> Result<Vec<u8>, serde_json::Error> {
    let reason = match outcome {
        Ok(resource) => {
            let body = serde_json::to_vec(&Response {
                status: Status::Success,
                reason: None,
                physical_resource_id: &resource.physical_id,
                stack_id: &request.stack_id,
                request_id: &request.request_id,
                logical_resource_id: &request.logical_resource_id,
                data: &resource.data,
            })?;
            if body.len() <= MAX_RESPONSE_BYTES {
                return Ok(body);
            }
            format!(
                "the answer has {} bytes, and CloudFormation takes {MAX_RESPONSE_BYTES}",
                body.len()
            )
        }
        Err(reason) => reason,
    };
    encode_failure(request, new_id, &reason)
}

/// Encodes a failure. The end of a long reason is kept, because a program writes its error at the end.
fn encode_failure(
    request: &Request,
    new_id: &str,
    reason: &str,
) -> Result<Vec<u8>, serde_json::Error> {
    let mut kept_bytes = reason.len();
    loop {
        let body = serde_json::to_vec(&Response {
            status: Status::Failed,
            reason: Some(end_of(reason, kept_bytes)),
            physical_resource_id: request.physical_resource_id.as_deref().unwrap_or(new_id),
            stack_id: &request.stack_id,
            request_id: &request.request_id,
            logical_resource_id: &request.logical_resource_id,
            data: &Map::new(),
        })?;
        if body.len() <= MAX_RESPONSE_BYTES || kept_bytes == 0 {
            return Ok(body);
        }
        // A byte of the reason is one to six bytes of JSON, so this takes a few rounds.
        kept_bytes = (kept_bytes * MAX_RESPONSE_BYTES / body.len()).min(kept_bytes - 1);
    }
}

/// Returns the last `length` bytes of a text, or a few fewer, so that no character is cut.
fn end_of(text: &str, length: usize) -> String {
    if text.len() <= length {
        return text.to_owned();
    }
    let start = text.ceil_char_boundary(text.len() - length);
    format!("… {}", &text[start..])
}
