//! A client of the emulator's API, with the protocols of AWS.

use std::collections::HashMap;

use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use testing::aws::{ACCESS_KEY, REGION};

use super::error::AwsError;

/// A client of the emulator, cheap to clone.
#[derive(Debug, Clone)]
pub struct Aws {
    endpoint: String,
    http: reqwest::Client,
}

impl Aws {
    /// Creates a client of the emulator at this endpoint.
    pub fn new(endpoint: &str) -> Result<Self, reqwest::Error> {
        testing::install_crypto();
        Ok(Self {
            endpoint: endpoint.to_owned(),
            http: reqwest::Client::builder().no_proxy().build()?,
        })
    }

    /// Makes a call in the JSON protocol. `target` is the value of `X-Amz-Target`.
    pub async fn json(
        &self,
        service: &str,
        target: &str,
        input: &Value,
    ) -> Result<Value, AwsError> {
        // SQS uses version 1.0 of the protocol, SSM and Logs use 1.1. They differ in this header only.
        let version = if service == "sqs" { "1.0" } else { "1.1" };
        let request = self
            .request(service, "/")
            .header("x-amz-target", target)
            .header("content-type", format!("application/x-amz-json-{version}"))
            .body(input.to_string());
        let answer = text(target, send(target, request).await?).await?;
        if answer.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&answer).map_err(|_| AwsError::Answer {
            call: target.to_owned(),
            answer,
        })
    }

    /// Makes a call in the query protocol, whose answer is XML.
    pub async fn query(
        &self,
        service: &str,
        action: &str,
        version: &str,
        parameters: &[(&str, &str)],
    ) -> Result<String, AwsError> {
        let mut form = HashMap::from([("Action", action), ("Version", version)]);
        form.extend(parameters.iter().copied());
        let request = self.request(service, "/").form(&form);
        text(action, send(action, request).await?).await
    }

    /// Makes a call in a REST protocol that reads something.
    pub async fn get(&self, service: &str, path: &str) -> Result<String, AwsError> {
        let call = format!("GET {path}");
        let request = self
            .http
            .get(format!("{}{path}", self.endpoint))
            .header("authorization", authorization(service));
        text(&call, send(&call, request).await?).await
    }

    /// Makes a call in a REST protocol that changes something, with a JSON body.
    pub async fn put(&self, service: &str, path: &str, input: &Value) -> Result<(), AwsError> {
        let call = format!("PUT {path}");
        let request = self
            .http
            .put(format!("{}{path}", self.endpoint))
            .header("authorization", authorization(service))
            .body(input.to_string());
        text(&call, send(&call, request).await?).await.map(drop)
    }

    /// Makes a call in a REST protocol that deletes something.
    pub async fn delete(&self, service: &str, path: &str) -> Result<(), AwsError> {
        let call = format!("DELETE {path}");
        let request = self
            .http
            .delete(format!("{}{path}", self.endpoint))
            .header("authorization", authorization(service));
        text(&call, send(&call, request).await?).await.map(drop)
    }

    /// Makes a call in a REST protocol that creates something, with an XML body.
    pub async fn post(&self, service: &str, path: &str, xml: &str) -> Result<String, AwsError> {
        let call = format!("POST {path}");
        let request = self.request(service, path).body(xml.to_owned());
        text(&call, send(&call, request).await?).await
    }

    /// Begins a POST request to a service.
    pub(super) fn request(&self, service: &str, path: &str) -> RequestBuilder {
        self.http
            .post(format!("{}{path}", self.endpoint))
            .header("authorization", authorization(service))
    }
}

/// Returns the authorization header. The emulator reads the service, the region and the account from it, and verifies no
/// signature of the root user.
fn authorization(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20260101/{REGION}/{service}/aws4_request, \
         SignedHeaders=host, Signature=0"
    )
}

/// Sends a request. `call` names it in the error.
pub(super) async fn send(call: &str, request: RequestBuilder) -> Result<Response, AwsError> {
    request.send().await.map_err(|source| AwsError::Http {
        call: call.to_owned(),
        source,
    })
}

/// Returns the body of a successful answer.
pub(super) async fn text(call: &str, response: Response) -> Result<String, AwsError> {
    let status = response.status();
    let answer = response.text().await.map_err(|source| AwsError::Http {
        call: call.to_owned(),
        source,
    })?;
    if status.is_success() {
        return Ok(answer);
    }
    Err(AwsError::Refused {
        call: call.to_owned(),
        status: status.as_u16(),
        answer,
    })
}
