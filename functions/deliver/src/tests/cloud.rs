//! The parts of AWS that backlogs use: a bucket, parameters, and the queues.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_config::SdkConfig;
use serde_json::{Value, json};
use testing::bucket_in_memory::BucketInMemory;
use testing::replay::{Answer, Request, answering};

/// The content of the parts, and the calls that they refuse.
#[derive(Debug, Default)]
pub struct State {
    /// The bucket.
    pub bucket: BucketInMemory,
    /// The backlogs' parameters, by subscriber.
    pub backlogs: BTreeMap<String, Value>,
    /// The messages that were sent, in order, each with its queue's name.
    pub sent: Vec<(String, Value)>,
    /// Number of messages in the delivery queue.
    pub depth: u64,
    /// Calls whose operation or request line contains this text are refused.
    pub refused: Option<&'static str>,
}

#[derive(Debug, Clone, Default)]
pub struct Cloud(Arc<Mutex<State>>);

const PATH: &str = "/wagrun/backlogs/";

impl Cloud {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn config(&self) -> SdkConfig {
        let cloud = self.clone();
        answering(move |request| cloud.answer(request))
    }

    fn answer(&self, request: &Request) -> Answer {
        let mut state = self.state();
        let is_refused = |part| request.operation.contains(part) || request.line.contains(part);
        if state.refused.is_some_and(is_refused) {
            return (403, String::new()).into();
        }
        if request.operation.is_empty() {
            let (method, path) = request.line.split_once(' ').unwrap();
            let bucket = &mut state.bucket;
            let answer = bucket.answer_if(method, path, &request.conditions, &request.body);
            return answer.into();
        }
        let call: Value = serde_json::from_str(&request.body).unwrap();
        let text = |field: &str| call[field].as_str().unwrap_or_default().to_owned();
        let answer = match request.operation.as_str() {
            "AmazonSSM.GetParametersByPath" => {
                let parameters: Vec<_> = state
                    .backlogs
                    .iter()
                    .map(|(name, backlog)| json!({"Name": format!("{PATH}{name}"), "Value": backlog.to_string()}))
                    .collect();
                json!({"Parameters": parameters})
            }
            "AmazonSSM.PutParameter" => {
                let name = text("Name").strip_prefix(PATH).unwrap().to_owned();
                let backlog = serde_json::from_str(&text("Value")).unwrap();
                state.backlogs.insert(name, backlog);
                json!({"Version": 1})
            }
            "AmazonSSM.DeleteParameter" => {
                state
                    .backlogs
                    .remove(text("Name").strip_prefix(PATH).unwrap());
                json!({})
            }
            "AmazonSQS.GetQueueAttributes" => {
                let depth = state.depth.to_string();
                json!({"Attributes": {"ApproximateNumberOfMessages": depth, "ApproximateNumberOfMessagesNotVisible": "0"}})
            }
            "AmazonSQS.SendMessageBatch" => {
                let queue = text("QueueUrl").rsplit('/').next().unwrap().to_owned();
                let entries = call["Entries"].as_array().unwrap();
                state
                    .sent
                    .extend(entries.iter().map(|entry| (queue.clone(), entry.clone())));
                let done: Vec<_> = entries
                    .iter()
                    .map(|entry| json!({"Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": ""}))
                    .collect();
                json!({"Successful": done, "Failed": []})
            }
            other => panic!("not a call of backlogs: {other}"),
        };
        (200, answer.to_string()).into()
    }
}

impl State {
    /// Returns the bodies that were sent to a queue.
    pub fn sent_to(&self, queue: &str) -> Vec<Value> {
        let sent = self.sent.iter().filter(|(name, _)| name == queue);
        sent.map(|(_, entry)| serde_json::from_str(entry["MessageBody"].as_str().unwrap()).unwrap())
            .collect()
    }
}
