//! The parts of AWS that the page reads: parameters, deliver's log and the dead-letter queue.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::aws::Aws;
use crate::deployment::Deployment;

const PATH: &str = "/test/subscribers";
const STACK: &str = "<Outputs>\
    <member><OutputKey>SubscribersPath</OutputKey><OutputValue>/test/subscribers</OutputValue></member>\
    <member><OutputKey>DeliveryDeadLetterQueueUrl</OutputKey><OutputValue>dead</OutputValue></member>\
    </Outputs>";

#[derive(Debug, Default)]
struct Held {
    parameters: BTreeMap<String, String>,
    log: Vec<Value>,
    dead: Vec<Value>,
    /// True if the dead letters were just received and are hidden.
    hidden: bool,
}

pub struct FakeAws {
    held: Arc<Mutex<Held>>,
    endpoint: String,
}

impl FakeAws {
    pub async fn start() -> Self {
        let held = Arc::new(Mutex::new(Held::default()));
        let app = Router::new()
            .route("/", post(answer))
            .with_state(Arc::clone(&held));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { held, endpoint }
    }

    pub async fn deployment(&self) -> Deployment {
        let aws = Aws::new(&self.endpoint).unwrap();
        Deployment::existing(aws, "test").await.unwrap()
    }

    pub fn put_subscriber(&self, name: &str, parameter: &Value) {
        let mut held = self.held.lock().unwrap();
        held.parameters
            .insert(format!("{PATH}/{name}"), parameter.to_string());
    }

    pub fn subscriber(&self, name: &str) -> Value {
        let held = self.held.lock().unwrap();
        serde_json::from_str(&held.parameters[&format!("{PATH}/{name}")]).unwrap()
    }

    pub fn log(&self, fields: &Value) {
        let line = json!({
            "timestamp": Timestamp::now().as_millisecond(),
            "message": fields.to_string(),
        });
        self.held.lock().unwrap().log.push(line);
    }

    pub fn give_up(&self, name: &str, event: &Value) {
        let body = json!({"subscriber": name, "event": event}).to_string();
        self.held
            .lock()
            .unwrap()
            .dead
            .push(json!({"Body": body, "ReceiptHandle": "1"}));
    }
}

async fn answer(State(held): State<Arc<Mutex<Held>>>, headers: HeaderMap, body: String) -> String {
    let Some(target) = headers.get("x-amz-target") else {
        return STACK.to_owned();
    };
    let input: Value = serde_json::from_str(&body).unwrap();
    let mut held = held.lock().unwrap();
    let answer = match target.to_str().unwrap() {
        "AmazonSSM.GetParametersByPath" => {
            let parameters = held.parameters.iter();
            let parameters = parameters.map(|(name, value)| json!({"Name": name, "Value": value}));
            json!({"Parameters": parameters.collect::<Vec<_>>()})
        }
        "AmazonSSM.PutParameter" => {
            let text = |field: &str| input[field].as_str().unwrap().to_owned();
            held.parameters.insert(text("Name"), text("Value"));
            json!({})
        }
        "Logs_20140328.FilterLogEvents" => {
            assert_eq!(input["logGroupName"], "/test/deliver");
            let since = input["startTime"].as_i64();
            let lines = held
                .log
                .iter()
                .filter(|line| line["timestamp"].as_i64() >= since);
            json!({"events": lines.collect::<Vec<_>>()})
        }
        "AmazonSQS.ReceiveMessage" => {
            held.hidden = !held.hidden;
            json!({"Messages": if held.hidden { held.dead.clone() } else { Vec::new() }})
        }
        other => panic!("{other} is not faked"),
    };
    answer.to_string()
}
