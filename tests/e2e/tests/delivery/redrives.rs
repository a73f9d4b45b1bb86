//! Deliveries that were given up, and come back from the dead-letter queue.

use std::slice;

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use testing::progress::{Progress, Wait, wait_until};
use testing::receiver::{Answer, WebhookRequest};
use wagrun_event::Event;
use wagrun_lambda::telemetry::chain;

use crate::support::runtime::{WAIT_TIMEOUT, run};
use crate::support::scenario::Scenario;
use crate::support::subscribers::{retitle, subscribe, unsubscribe, wait_for_requests};

/// Publishes three events of a page. The receiver refuses the first two until they are given up.
async fn give_up_two_events(scenario: &mut Scenario, name: &str) -> [Event; 3] {
    let post = scenario.live_post(scenario.root, "Post").await;
    subscribe(scenario, name, json!({"retry_seconds": [1, 1]})).await;
    let failure = Answer::status(StatusCode::SERVICE_UNAVAILABLE);
    scenario.receiver().answer_next(name, 6, &failure);
    let one = retitle(scenario, post, "One").await;
    let two = retitle(scenario, post, "Two").await;
    let three = retitle(scenario, post, "Three").await;
    wait_for_requests(scenario, name, 7).await;
    assert_eq!(scenario.receiver().events(name), slice::from_ref(&three));
    [one, two, three]
}

#[test]
fn a_redrive_delivers_in_the_original_order_after_the_events_that_overtook_it() {
    run(async {
        let mut scenario = Scenario::new("redriven").await;
        let [one, two, three] = give_up_two_events(&mut scenario, "redriven").await;
        redrive(&scenario, "redriven", 2).await;
        let all = wait_for_requests(&scenario, "redriven", 9).await;
        let accepted = scenario.receiver().events("redriven");
        assert_eq!(accepted, [three.clone(), one, two]);
        for (again, first) in [(7, 0), (8, 3)] {
            let id = |delivery: &WebhookRequest| delivery.header("webhook-id").map(str::to_owned);
            assert_eq!(id(&all[again]), id(&all[first]));
            assert_eq!(all[again].signature, Ok(()), "signed anew");
        }
        // The receivers' document says that the highest sequence is the present state.
        let newest = accepted.iter().max_by_key(|event| event.sequence.clone());
        assert_eq!(newest, Some(&three));
        unsubscribe(&scenario, "redriven").await;
    });
}

#[test]
fn the_runbooks_procedure_ends_with_the_newest_event_at_a_receiver_that_keeps_the_last() {
    run(async {
        let mut scenario = Scenario::new("forgetful").await;
        let given_up = give_up_two_events(&mut scenario, "forgetful").await;
        let since = Timestamp::now().as_millisecond();
        unsubscribe(&scenario, "forgetful").await;
        redrive(&scenario, "forgetful", 2).await;
        let deployment = &scenario.stack.local.deployment;
        let poll = || async {
            let lines = deployment.function_logs("deliver", since).await?;
            let is_dropped = |event: &Event| {
                let id = event.id.to_string();
                let mut about = lines.iter().filter(|line| line.message.contains(&id));
                about.any(|line| line.message.contains("delivery dropped"))
            };
            Ok::<_, local_stack::deployment::DeploymentError>(
                match given_up[..2].iter().find(|event| !is_dropped(event)) {
                    None => Wait::Ready(()),
                    Some(event) => Wait::NotYet(format!("{} is not dropped", event.id)),
                },
            )
        };
        wait_until(&Progress::quiet(), "deliver's log", WAIT_TIMEOUT, poll)
            .await
            .unwrap_or_else(|error| panic!("{}", chain(&error)));

        subscribe(&scenario, "forgetful", json!({})).await;
        let replay = json!({"since": given_up[0].time, "subscriber": "forgetful"});
        let replay = json!({"replay": replay});
        let invoked = deployment.invoke("ContentEventsFunctionName", &replay);
        invoked.await.unwrap();
        wait_for_requests(&scenario, "forgetful", 10).await;
        let accepted = scenario.receiver().events("forgetful");
        let ids = |events: &[Event]| events.iter().map(|event| event.id).collect::<Vec<_>>();
        assert_eq!(ids(&accepted[1..]), ids(&given_up));
        assert!(accepted[1..].iter().all(|event| event.replayed));
        unsubscribe(&scenario, "forgetful").await;
    });
}

/// Moves a subscriber's deliveries out of the dead-letter queue, the oldest first, as SQS documents its redrive. The emulator
/// has no redrive.
async fn redrive(scenario: &Scenario, name: &str, count: usize) {
    let deployment = &scenario.stack.local.deployment;
    let (from, to) = ["DeliveryDeadLetterQueueUrl", "DeliveryQueueUrl"]
        .map(|output| deployment.output(output).unwrap())
        .into();
    let aws = deployment.aws();
    let input = json!({"QueueUrl": from, "MaxNumberOfMessages": 10, "MessageSystemAttributeNames": ["All"]});
    let poll = || async {
        let answer = aws.json("sqs", "AmazonSQS.ReceiveMessage", &input).await?;
        let received = answer["Messages"].as_array().cloned().unwrap_or_default();
        let group = |message: &Value| message["Attributes"]["MessageGroupId"].to_string();
        let mine: Vec<Value> = received
            .into_iter()
            .filter(|message| group(message).contains(name))
            .collect();
        Ok::<_, local_stack::aws::AwsError>(match mine.len() == count {
            true => Wait::Ready(mine),
            false => Wait::NotYet(format!("{} of {count} are dead", mine.len())),
        })
    };
    let dead = wait_until(&Progress::quiet(), "the dead letters", WAIT_TIMEOUT, poll)
        .await
        .unwrap_or_else(|error| panic!("{}", chain(&error)));
    for message in dead {
        let moved = json!({
            "QueueUrl": to, "MessageBody": message["Body"],
            "MessageGroupId": message["Attributes"]["MessageGroupId"],
            // SQS would drop the event's own de-duplication id within five minutes.
            "MessageDeduplicationId": message["MessageId"],
        });
        aws.json("sqs", "AmazonSQS.SendMessage", &moved)
            .await
            .unwrap();
        let receipt_handle = message["ReceiptHandle"].as_str().unwrap();
        aws.delete_message(from, receipt_handle).await.unwrap();
    }
}
