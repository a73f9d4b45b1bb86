//! Receivers that fail, for a while or for good.

use std::slice;
use std::time::Duration;

use axum::http::StatusCode;
use jiff::Timestamp;
use local_stack::admin::{Action, Fields, PageId};
use serde_json::{Value, json};
use testing::progress::{Progress, Wait, wait_until};
use testing::receiver::{Answer, WebhookRequest};
use wagrun_event::Event;
use wagrun_lambda::telemetry::chain;

use crate::databases::run;
use crate::story::{Story, page};
use crate::subscribers::{requests, retitle, subscribe, unsubscribe};
use crate::world::PATIENCE;

fn subject(delivery: &WebhookRequest) -> &str {
    &delivery.event.as_ref().unwrap().subject
}

/// Which event it was, by type and subject, and what it was answered.
fn outcome(delivery: &WebhookRequest) -> (&str, &str, u16) {
    let event = delivery.event.as_ref().unwrap();
    let status = delivery.status.unwrap().as_u16();
    (&event.kind, &event.subject, status)
}

#[test]
fn a_failing_receiver_is_tried_again_later_and_in_order_and_holds_up_one_page_only() {
    run(async {
        let mut story = Story::new("failing-twice").await;
        let one = story.live_post(story.root, "One").await;
        let two = story.live_post(story.root, "Two").await;
        subscribe(&story, "failing-twice", json!({})).await;
        let failure = Answer::status(StatusCode::INTERNAL_SERVER_ERROR);
        story.receiver().answer_next("failing-twice", 2, &failure);
        // The subscriber that gets everything receives each of these at once, which `expect` sees to.
        retitle(&mut story, one, "First").await;
        requests(&story, "failing-twice", 2).await;
        story
            .edit(one, &Fields::none().slug("second"), Action::Publish)
            .await;
        story
            .expect(&[page("updated", one), page("published", one)])
            .await;
        retitle(&mut story, two, "Other").await;

        let all = requests(&story, "failing-twice", 3).await;
        let of = |post: PageId| {
            let post = format!("page/{post}");
            move |delivery: &&WebhookRequest| subject(delivery) == post
        };
        assert_eq!(
            all.iter().filter(of(two)).count(),
            1,
            "page two need not wait"
        );

        let all = requests(&story, "failing-twice", 6).await;
        let lane: Vec<&WebhookRequest> = all.iter().filter(of(one)).collect();
        let outcomes: Vec<(&str, u16)> = lane
            .iter()
            .map(|one| (outcome(one).0, outcome(one).2))
            .collect();
        let expected = [
            ("wagtail.page.updated", 500),
            ("wagtail.page.updated", 500),
            ("wagtail.page.updated", 204),
            ("wagtail.page.updated", 204),
            ("wagtail.page.published", 204),
        ];
        assert_eq!(outcomes, expected);
        let gap = |index: usize| {
            let (from, to) = (lane[index].received_at, lane[index + 1].received_at);
            to.duration_since(from).unsigned_abs()
        };
        // One and six seconds, a tenth less for the jitter.
        assert!(gap(0) >= Duration::from_millis(900), "{:?}", gap(0));
        assert!(gap(1) >= Duration::from_millis(5400), "{:?}", gap(1));
        for attempt in &lane[..3] {
            assert_eq!(attempt.body, lane[0].body);
            assert_eq!(attempt.header("webhook-id"), lane[0].header("webhook-id"));
            assert_eq!(attempt.signature, Ok(()), "signed anew for each attempt");
        }
        unsubscribe(&story, "failing-twice").await;
    });
}

#[test]
fn a_delivery_that_always_fails_ends_whole_in_the_dead_letter_queue() {
    run(async {
        let mut story = Story::new("dead").await;
        let post = story.live_post(story.root, "Post").await;
        subscribe(&story, "dead", json!({})).await;
        let failure = Answer::status(StatusCode::SERVICE_UNAVAILABLE);
        story.receiver().answer_next("dead", 3, &failure);
        story
            .edit(post, &Fields::titled("Lost"), Action::Save)
            .await;
        let events = story.expect(&[page("updated", post)]).await;

        let deployment = &story.world.stack.deployment;
        let queue = deployment.output("DeliveryDeadLetterQueueUrl").unwrap();
        let look = || async {
            let messages = deployment.aws().receive(queue).await?;
            let bodies = messages.iter().map(|one| serde_json::from_str(&one.body));
            let found = bodies
                .map(Result::<Value, _>::unwrap)
                .find(|body| body["subscriber"] == "dead");
            Ok::<_, local_stack::aws::AwsError>(match found {
                Some(body) => Wait::Ready(body),
                None => Wait::NotYet(format!("{} other messages", messages.len())),
            })
        };
        let dead = wait_until(&Progress::quiet(), "the dead letter", PATIENCE, look)
            .await
            .unwrap_or_else(|error| panic!("{}", chain(&error)));
        assert_eq!(dead["event"], serde_json::to_value(&events[0]).unwrap());
        assert_eq!(story.receiver().requests("dead").len(), 3);

        retitle(&mut story, post, "Next").await;
        let all = requests(&story, "dead", 4).await;
        let subject = format!("page/{post}");
        assert_eq!(outcome(&all[3]), ("wagtail.page.updated", &*subject, 204));
        assert_ne!(all[3].header("webhook-id"), all[0].header("webhook-id"));
        unsubscribe(&story, "dead").await;
    });
}

#[test]
fn what_is_accepted_is_in_order_however_often_the_first_was_refused() {
    run(async {
        let mut story = Story::new("refusing").await;
        let post = story.live_post(story.root, "Post").await;
        subscribe(&story, "refusing", json!({"retry_seconds": [2, 2]})).await;
        let failure = Answer::status(StatusCode::INTERNAL_SERVER_ERROR);
        story.receiver().answer_next("refusing", 2, &failure);
        let mut published = Vec::new();
        for title in ["One", "Two", "Three", "Four"] {
            published.push(retitle(&mut story, post, title).await);
        }
        let all = requests(&story, "refusing", 6).await;
        assert_eq!(story.receiver().events("refusing"), published);
        for refused in &all[..2] {
            assert_eq!(refused.event.as_ref().unwrap(), &published[0]);
        }
        unsubscribe(&story, "refusing").await;
    });
}

/// Three events of a page, of which the receiver has refused the first two until they were given up.
async fn given_up(story: &mut Story, name: &str) -> [Event; 3] {
    let post = story.live_post(story.root, "Post").await;
    subscribe(story, name, json!({"retry_seconds": [1, 1]})).await;
    let failure = Answer::status(StatusCode::SERVICE_UNAVAILABLE);
    story.receiver().answer_next(name, 6, &failure);
    let one = retitle(story, post, "One").await;
    let two = retitle(story, post, "Two").await;
    let three = retitle(story, post, "Three").await;
    requests(story, name, 7).await;
    assert_eq!(story.receiver().events(name), slice::from_ref(&three));
    [one, two, three]
}

#[test]
fn a_redrive_brings_what_was_given_up_in_its_own_order_and_after_what_has_passed_it() {
    run(async {
        let mut story = Story::new("redriven").await;
        let [one, two, three] = given_up(&mut story, "redriven").await;
        redrive(&story, "redriven", 2).await;
        let all = requests(&story, "redriven", 9).await;
        let accepted = story.receiver().events("redriven");
        assert_eq!(accepted, [three.clone(), one, two]);
        for (again, first) in [(7, 0), (8, 3)] {
            let id = |delivery: &WebhookRequest| delivery.header("webhook-id").map(str::to_owned);
            assert_eq!(id(&all[again]), id(&all[first]));
            assert_eq!(all[again].signature, Ok(()), "signed anew");
        }
        // What the receivers' document says: the highest sequence is how things are.
        let newest = accepted.iter().max_by_key(|event| event.sequence.clone());
        assert_eq!(newest, Some(&three));
        unsubscribe(&story, "redriven").await;
    });
}

#[test]
fn the_runbooks_way_ends_with_the_newest_for_a_receiver_that_takes_what_comes_last() {
    run(async {
        let mut story = Story::new("forgetful").await;
        let given_up = given_up(&mut story, "forgetful").await;
        let since = Timestamp::now().as_millisecond();
        unsubscribe(&story, "forgetful").await;
        redrive(&story, "forgetful", 2).await;
        let deployment = &story.world.stack.deployment;
        let look = || async {
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
        wait_until(&Progress::quiet(), "deliver's log", PATIENCE, look)
            .await
            .unwrap_or_else(|error| panic!("{}", chain(&error)));

        subscribe(&story, "forgetful", json!({})).await;
        let replay = json!({"since": given_up[0].time, "subscriber": "forgetful"});
        let replay = json!({"replay": replay});
        let asked = deployment.invoke("ContentEventsFunctionName", &replay);
        asked.await.unwrap();
        requests(&story, "forgetful", 10).await;
        let accepted = story.receiver().events("forgetful");
        let ids = |events: &[Event]| events.iter().map(|event| event.id).collect::<Vec<_>>();
        assert_eq!(ids(&accepted[1..]), ids(&given_up));
        assert!(accepted[1..].iter().all(|event| event.replayed));
        unsubscribe(&story, "forgetful").await;
    });
}

/// Moves a subscriber's deliveries out of the dead-letter queue, oldest first, as SQS documents its own move, which the
/// emulator does not have.
async fn redrive(story: &Story, name: &str, count: usize) {
    let deployment = &story.world.stack.deployment;
    let (from, to) = ["DeliveryDeadLetterQueueUrl", "DeliveryQueueUrl"]
        .map(|output| deployment.output(output).unwrap())
        .into();
    let aws = deployment.aws();
    let input = json!({"QueueUrl": from, "MaxNumberOfMessages": 10, "MessageSystemAttributeNames": ["All"]});
    let look = || async {
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
    let dead = wait_until(&Progress::quiet(), "the dead letters", PATIENCE, look)
        .await
        .unwrap_or_else(|error| panic!("{}", chain(&error)));
    for message in dead {
        let moved = json!({
            "QueueUrl": to, "MessageBody": message["Body"],
            "MessageGroupId": message["Attributes"]["MessageGroupId"],
            // By the event's own SQS would drop it within five minutes.
            "MessageDeduplicationId": message["MessageId"],
        });
        aws.json("sqs", "AmazonSQS.SendMessage", &moved)
            .await
            .unwrap();
        let receipt_handle = message["ReceiptHandle"].as_str().unwrap();
        aws.delete_message(from, receipt_handle).await.unwrap();
    }
}

/// The emulator hands deliver one delivery at a time, also of different lanes: what is shown is that a lane whose receiver did
/// not answer holds up no other lane between its tries. While a try hangs, SQS alone sees to it.
#[test]
fn a_receiver_that_hangs_holds_up_no_other_subscriber_of_the_same_page() {
    run(async {
        let mut story = Story::alone("hanging").await;
        let post = story.live_post(story.root, "Post").await;
        subscribe(&story, "hanging", json!({"retry_seconds": [10, 10]})).await;
        subscribe(&story, "prompt", json!({})).await;
        story.receiver().answer_next("hanging", 1, &Answer::Hang);
        let one = retitle(&mut story, post, "One").await;
        let two = retitle(&mut story, post, "Two").await;

        let prompt = requests(&story, "prompt", 2).await;
        let hanging = requests(&story, "hanging", 3).await;
        for name in ["prompt", "hanging"] {
            let accepted = story.receiver().events(name);
            assert_eq!(accepted, [one.clone(), two.clone()], "{name}");
        }
        assert_eq!(hanging[0].status, None);
        assert_eq!(hanging[0].event.as_ref().unwrap(), &one);
        assert!(prompt[1].received_at < hanging[1].received_at);
        for name in ["prompt", "hanging"] {
            unsubscribe(&story, name).await;
        }
    });
}
