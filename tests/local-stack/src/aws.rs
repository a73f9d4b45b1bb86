//! Calls to the emulator's AWS API, by plain HTTP.
//!
//! The few calls that the stack and its tests make need no SDK, and are as the AWS command line would send them.

use std::collections::{BTreeMap, HashMap};

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use testing::aws::{ACCESS_KEY, REGION};

/// A call to the API did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// The emulator did not answer.
    #[error("calling {call}")]
    Http {
        /// The API call.
        call: String,
        /// Why it did not.
        source: reqwest::Error,
    },
    /// The emulator answered with an error.
    #[error("{call}: {status}: {answer}")]
    Refused {
        /// The API call.
        call: String,
        /// The HTTP status.
        status: u16,
        /// The answer's text.
        answer: String,
    },
    /// The answer is not what this API answers.
    #[error("{call} answered {answer}")]
    Answer {
        /// The API call.
        call: String,
        /// The answer's text.
        answer: String,
    },
    /// A function ended with an error.
    #[error("function {function} failed: {error}")]
    Function {
        /// The function's name.
        function: String,
        /// What it answered, normally with `errorType` and `errorMessage`.
        error: Value,
    },
}

/// A message of a queue, as `ReceiveMessage` shows it.
#[derive(Debug, Clone)]
pub struct QueueMessage {
    /// The body as it was sent.
    pub body: String,
    /// What the delete of this receipt takes.
    pub receipt_handle: String,
}

/// How many messages a queue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueDepth {
    /// Those that can be received.
    pub visible: u64,
    /// Those that were received and wait for their visibility timeout.
    pub in_flight: u64,
}

/// A line of a log group.
#[derive(Debug, Clone)]
pub struct LogLine {
    /// When the emulator wrote it, which is when the invocation ended; milliseconds since 1970.
    pub written_ms: i64,
    /// The text; the functions' own lines are JSON.
    pub message: String,
}

/// A client of the emulator, cheap to clone.
#[derive(Debug, Clone)]
pub struct Aws {
    endpoint: String,
    http: reqwest::Client,
}

impl Aws {
    /// A client of the emulator at this endpoint.
    pub fn new(endpoint: &str) -> Result<Self, reqwest::Error> {
        testing::install_crypto();
        Ok(Self {
            endpoint: endpoint.to_owned(),
            http: reqwest::Client::builder().no_proxy().build()?,
        })
    }

    /// Invokes a function and waits for what it answers.
    pub async fn invoke(&self, function: &str, payload: &Value) -> Result<Value, AwsError> {
        let response = self
            .send_invocation(function, "RequestResponse", payload)
            .await?;
        let failed = response.headers().contains_key("x-amz-function-error");
        let answer = text(&format!("Invoke {function}"), response).await?;
        let value = serde_json::from_str(&answer).unwrap_or(Value::String(answer));
        if failed {
            return Err(AwsError::Function {
                function: function.to_owned(),
                error: value,
            });
        }
        Ok(value)
    }

    /// Hands an event to a function, as the database's doorbell does, without waiting for it.
    pub async fn invoke_asynchronously(
        &self,
        function: &str,
        payload: &Value,
    ) -> Result<(), AwsError> {
        let response = self.send_invocation(function, "Event", payload).await?;
        text(&format!("Invoke {function}"), response)
            .await
            .map(drop)
    }

    async fn send_invocation(
        &self,
        function: &str,
        kind: &str,
        payload: &Value,
    ) -> Result<Response, AwsError> {
        let call = format!("Invoke {function}");
        let path = format!("/2015-03-31/functions/{function}/invocations");
        let request = self.request("lambda", &path);
        let request = request
            .header("x-amz-invocation-type", kind)
            .body(payload.to_string());
        send(&call, request).await
    }

    /// Writes an SSM parameter, encrypted, over any older value.
    pub async fn put_parameter(&self, name: &str, value: &str) -> Result<(), AwsError> {
        let input =
            json!({"Name": name, "Value": value, "Type": "SecureString", "Overwrite": true});
        self.json("ssm", "AmazonSSM.PutParameter", &input)
            .await
            .map(drop)
    }

    /// The SSM parameters at and below a path, decrypted, by name.
    pub async fn parameters(&self, path: &str) -> Result<BTreeMap<String, String>, AwsError> {
        let mut parameters = BTreeMap::new();
        let mut input = json!({"Path": path, "Recursive": true, "WithDecryption": true});
        loop {
            let call = "AmazonSSM.GetParametersByPath";
            let answer = self.json("ssm", call, &input).await?;
            let text = |one: &Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
            let found = answer["Parameters"].as_array();
            let found = found.into_iter().flatten();
            parameters.extend(found.map(|one| (text(one, "Name"), text(one, "Value"))));
            match answer["NextToken"].as_str() {
                Some(token) => input["NextToken"] = token.into(),
                None => return Ok(parameters),
            }
        }
    }

    /// An SSM parameter's value, decrypted.
    pub async fn parameter(&self, name: &str) -> Result<String, AwsError> {
        let (call, input) = (
            "AmazonSSM.GetParameter",
            json!({"Name": name, "WithDecryption": true}),
        );
        let answer = self.json("ssm", call, &input).await?;
        let value = answer["Parameter"]["Value"].as_str().map(str::to_owned);
        value.ok_or_else(|| AwsError::Answer {
            call: call.to_owned(),
            answer: answer.to_string(),
        })
    }

    /// Removes an SSM parameter.
    pub async fn delete_parameter(&self, name: &str) -> Result<(), AwsError> {
        self.json("ssm", "AmazonSSM.DeleteParameter", &json!({"Name": name}))
            .await
            .map(drop)
    }

    /// How many messages wait in a queue.
    pub async fn queue_depth(&self, queue_url: &str) -> Result<QueueDepth, AwsError> {
        let call = "AmazonSQS.GetQueueAttributes";
        let input = json!({"QueueUrl": queue_url, "AttributeNames": ["All"]});
        let answer = self.json("sqs", call, &input).await?;
        let count = |name: &str| {
            let text = answer["Attributes"][name].as_str();
            text.and_then(|text| text.parse().ok())
                .ok_or_else(|| AwsError::Answer {
                    call: call.to_owned(),
                    answer: answer.to_string(),
                })
        };
        Ok(QueueDepth {
            visible: count("ApproximateNumberOfMessages")?,
            in_flight: count("ApproximateNumberOfMessagesNotVisible")?,
        })
    }

    /// Receives up to ten messages of a queue without removing them; they come back after its visibility timeout.
    pub async fn receive(&self, queue_url: &str) -> Result<Vec<QueueMessage>, AwsError> {
        let input = json!({"QueueUrl": queue_url, "MaxNumberOfMessages": 10});
        let answer = self.json("sqs", "AmazonSQS.ReceiveMessage", &input).await?;
        let messages = answer["Messages"].as_array();
        let field =
            |message: &Value, name: &str| message[name].as_str().unwrap_or_default().to_owned();
        Ok(messages
            .into_iter()
            .flatten()
            .map(|message| QueueMessage {
                body: field(message, "Body"),
                receipt_handle: field(message, "ReceiptHandle"),
            })
            .collect())
    }

    /// Removes a received message.
    pub async fn delete_message(
        &self,
        queue_url: &str,
        receipt_handle: &str,
    ) -> Result<(), AwsError> {
        let input = json!({"QueueUrl": queue_url, "ReceiptHandle": receipt_handle});
        self.json("sqs", "AmazonSQS.DeleteMessage", &input)
            .await
            .map(drop)
    }

    /// Empties a queue.
    pub async fn purge(&self, queue_url: &str) -> Result<(), AwsError> {
        self.json(
            "sqs",
            "AmazonSQS.PurgeQueue",
            &json!({"QueueUrl": queue_url}),
        )
        .await
        .map(drop)
    }

    /// Every line of a log group written at or after a time in milliseconds since 1970, oldest first.
    pub async fn logs(&self, group: &str, since_ms: i64) -> Result<Vec<LogLine>, AwsError> {
        let mut lines = Vec::new();
        let mut input = json!({"logGroupName": group, "startTime": since_ms});
        loop {
            let answer = self
                .json("logs", "Logs_20140328.FilterLogEvents", &input)
                .await?;
            let events = answer["events"].as_array();
            lines.extend(events.into_iter().flatten().map(|event| LogLine {
                written_ms: event["timestamp"].as_i64().unwrap_or_default(),
                message: event["message"].as_str().unwrap_or_default().to_owned(),
            }));
            match answer["nextToken"].as_str() {
                Some(token) => input["nextToken"] = token.into(),
                None => break,
            }
        }
        lines.sort_by_key(|line| line.written_ms);
        Ok(lines)
    }

    /// A call in AWS's JSON protocol; `target` is the value of `X-Amz-Target`.
    pub async fn json(
        &self,
        service: &str,
        target: &str,
        input: &Value,
    ) -> Result<Value, AwsError> {
        // SQS speaks version 1.0 of the protocol, SSM and Logs 1.1; they differ in this header only.
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

    /// A call in AWS's older query protocol, which answers XML.
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

    /// A call in AWS's REST protocol that only reads.
    pub async fn get(&self, service: &str, path: &str) -> Result<String, AwsError> {
        let call = format!("GET {path}");
        let request = self
            .http
            .get(format!("{}{path}", self.endpoint))
            .header("authorization", authorization(service));
        text(&call, send(&call, request).await?).await
    }

    /// A call in AWS's REST protocol that changes something, which JSON describes.
    pub async fn put(&self, service: &str, path: &str, input: &Value) -> Result<(), AwsError> {
        let call = format!("PUT {path}");
        let request = self
            .http
            .put(format!("{}{path}", self.endpoint))
            .header("authorization", authorization(service))
            .body(input.to_string());
        text(&call, send(&call, request).await?).await.map(drop)
    }

    /// A call in AWS's REST protocol that deletes.
    pub async fn delete(&self, service: &str, path: &str) -> Result<(), AwsError> {
        let call = format!("DELETE {path}");
        let request = self
            .http
            .delete(format!("{}{path}", self.endpoint))
            .header("authorization", authorization(service));
        text(&call, send(&call, request).await?).await.map(drop)
    }

    /// A call in AWS's REST protocol that creates something, which XML describes.
    pub async fn post(&self, service: &str, path: &str, xml: &str) -> Result<String, AwsError> {
        let call = format!("POST {path}");
        let request = self.request(service, path).body(xml.to_owned());
        text(&call, send(&call, request).await?).await
    }

    fn request(&self, service: &str, path: &str) -> RequestBuilder {
        self.http
            .post(format!("{}{path}", self.endpoint))
            .header("authorization", authorization(service))
    }
}

/// The emulator reads service, region and account from it; it verifies no signature of the root user.
fn authorization(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20260101/{REGION}/{service}/aws4_request, \
         SignedHeaders=host, Signature=0"
    )
}

async fn send(call: &str, request: RequestBuilder) -> Result<Response, AwsError> {
    request.send().await.map_err(|source| AwsError::Http {
        call: call.to_owned(),
        source,
    })
}

/// The body of a successful answer.
async fn text(call: &str, response: Response) -> Result<String, AwsError> {
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
