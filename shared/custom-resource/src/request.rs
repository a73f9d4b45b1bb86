//! The request that CloudFormation sends.

use serde::Deserialize;
use serde_json::{Map, Value};

/// A request of CloudFormation for one custom resource.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    /// The request type as CloudFormation spells it. A type that is unknown here still needs an answer.
    pub(crate) request_type: String,
    pub(crate) request_id: String,
    #[serde(rename = "ResponseURL")]
    pub(crate) response_url: String,
    pub(crate) stack_id: String,
    pub(crate) logical_resource_id: String,
    /// The id of the existing resource; set in an update and in a deletion.
    pub physical_resource_id: Option<String>,
    /// The properties of the resource in the template. Numbers and booleans are strings.
    #[serde(default)]
    pub resource_properties: Map<String, Value>,
}

/// The change that CloudFormation asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestType {
    /// The resource is new.
    Create,
    /// A property has changed.
    Update,
    /// The resource is removed, or a failed creation is rolled back.
    Delete,
}

impl Request {
    /// Reads the request from an invocation's payload. Returns `None` when the payload is not a request of CloudFormation.
    pub fn parse(payload: &Value) -> Option<Result<Self, serde_json::Error>> {
        payload
            .get("RequestType")
            .map(|_| Self::deserialize(payload))
    }
}

impl RequestType {
    /// Returns the type of this name, or `None` for an unknown one.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "Create" => Some(Self::Create),
            "Update" => Some(Self::Update),
            "Delete" => Some(Self::Delete),
            _ => None,
        }
    }
}
