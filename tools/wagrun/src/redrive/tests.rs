use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use super::*;
use testing::replay::answering;

#[tokio::test]
async fn a_redrive_ends_when_only_messages_of_others_come_and_shows_them_again() {
    let shown = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&shown);
    let aws = answering(move |request| {
        if request.operation == "AmazonSQS.ChangeMessageVisibility" {
            counter.fetch_add(1, Ordering::SeqCst);
            let asked: serde_json::Value = serde_json::from_str(&request.body).unwrap();
            assert_eq!(
                (&asked["ReceiptHandle"], &asked["VisibilityTimeout"]),
                (&json!("r"), &json!(0))
            );
            return (200, "{}".to_owned());
        }
        assert_eq!(request.operation, "AmazonSQS.ReceiveMessage");
        let body = json!({"subscriber": "other", "event": {}}).to_string();
        let message = json!({"MessageId": "7", "ReceiptHandle": "r", "Body": body});
        (200, json!({"Messages": [message]}).to_string())
    });
    let mut redrive = Redrive {
        sqs: aws_sdk_sqs::Client::new(&aws),
        from: "https://sqs.eu-central-1.amazonaws.com/1/dead.fifo",
        to: "https://sqs.eu-central-1.amazonaws.com/1/live.fifo",
        subscriber: Some("search"),
        limit: u64::MAX,
        sent: BTreeMap::new(),
    };
    redrive.run(&ProgressBar::hidden()).await.unwrap();
    assert!(redrive.sent.is_empty());
    assert_eq!(shown.load(Ordering::SeqCst), 1);
}

#[test]
fn hidden_messages_are_no_finished_answer() {
    let redriven = Redriven {
        kind: "deliveries",
        sent: BTreeMap::new(),
        left: 2,
        hidden: 2,
    };
    assert_eq!(
        redriven.to_string(),
        "0 deliveries were sent again, 2 left.\n2 of them cannot be seen for up to a minute, because somebody has looked at them. Then try again.\n"
    );
}
