//! The calls of Lambda, SSM, SQS and CloudWatch Logs.

use std::collections::BTreeMap;

use reqwest::Response;
use serde_json::{Value, json};

use super::client::{Aws, send, text};
use super::error::AwsError;

/// A message that was received from a queue.
#[derive(Debug, Clone)]
pub struct QueueMessage {
    /// The body of the message.
    pub body: String,
    /// The handle for deleting the message.
    pub receipt_handle: String,
}

/// The number of messages in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueDepth {
    /// The messages that can be received.
    pub visible: u64,
    /// The messages that were received and are hidden until their visibility timeout.
    pub in_flight: u64,
}

/// A line of a log group, as it was written.
#[derive(Debug, Clone)]
pub struct LogLine {
    /// The time at which the emulator wrote the line, which is the end of the invocation. In milliseconds since 1970.
    pub written_ms: i64,
    /// The text. Lines of a function are JSON.
    pub message: String,
}

impl Aws {
    /// Invokes a function and returns its answer.
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

    /// Invokes a function asynchronously, as the doorbell does.
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

    /// Creates or replaces an encrypted SSM parameter.
    pub async fn put_parameter(&self, name: &str, value: &str) -> Result<(), AwsError> {
        let input =
            json!({"Name": name, "Value": value, "Type": "SecureString", "Overwrite": true});
        self.json("ssm", "AmazonSSM.PutParameter", &input)
            .await
            .map(drop)
    }

    /// Returns the decrypted SSM parameters at and below a path, by name.
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

    /// Returns the decrypted value of an SSM parameter.
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

    /// Returns the content of an object of S3. `path` begins with the bucket. Returns none when there is no such object.
    pub async fn object(&self, path: &str) -> Result<Option<String>, AwsError> {
        match self.get("s3", path).await {
            Ok(content) => Ok(Some(content)),
            Err(AwsError::Refused { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes an SSM parameter.
    pub async fn delete_parameter(&self, name: &str) -> Result<(), AwsError> {
        self.json("ssm", "AmazonSSM.DeleteParameter", &json!({"Name": name}))
            .await
            .map(drop)
    }

    /// Returns the number of messages in a queue.
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

    /// Receives at most ten messages. They are hidden until the visibility timeout of the queue.
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

    /// Deletes a received message.
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

    /// Deletes all messages of a queue.
    pub async fn purge(&self, queue_url: &str) -> Result<(), AwsError> {
        self.json(
            "sqs",
            "AmazonSQS.PurgeQueue",
            &json!({"QueueUrl": queue_url}),
        )
        .await
        .map(drop)
    }

    /// Returns the lines of a log group since a time, from the oldest on. The time is in milliseconds since 1970.
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
}
