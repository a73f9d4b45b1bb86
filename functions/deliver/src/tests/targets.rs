//! Tests of EventBridge and CloudFront, with prepared answers.

use serde_json::{Value, json};

use super::world::{EVENT, World, delivery, parameter, parameters, written};
use crate::Answer;

const BUS: &str = "arn:aws:events:eu-central-1:123456789012:event-bus/content";

fn bus() -> String {
    json!({"target": "eventbridge", "bus": BUS}).to_string()
}

fn distribution(wildcard: bool) -> String {
    json!({"target": "cloudfront", "distribution": "E1", "wildcard": wildcard}).to_string()
}

fn put(event: Value) -> Vec<(u16, String)> {
    let failed = i32::from(event.get("EventId").is_none());
    vec![(
        200,
        json!({"FailedEntryCount": failed, "Entries": [event]}).to_string(),
    )]
}

/// Returns a delivery of a page's event with these URLs.
fn page(subscriber: &str, url: &str) -> String {
    let mut event: Value = serde_json::from_str(EVENT).unwrap();
    event["data"]["url"] = json!(format!("https://www.example.org{url}"));
    json!({"subscriber": subscriber, "event": event}).to_string()
}

/// Handles a batch of the invalidation queue, each `(body, receive count)`. Returns the ids that stay in the queue.
async fn purge(world: &World, messages: &[(String, u32)]) -> Vec<String> {
    let records: Vec<_> = messages
        .iter()
        .enumerate()
        .map(|(index, (body, count))| {
            json!({
                "messageId": format!("m{index}"), "receiptHandle": format!("h{index}"), "body": body,
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:invalidations",
                "attributes": {"ApproximateReceiveCount": count.to_string(), "SentTimestamp": "0"},
            })
        })
        .collect();
    let Answer::Batch(response) = world.ask(&json!({"Records": records})).await else {
        panic!("not an answer to a batch");
    };
    let failures = response.batch_item_failures.into_iter();
    failures.map(|failure| failure.item_identifier).collect()
}

/// Returns the calls that hide messages: the operation, and the seconds by receipt handle.
fn hidden(world: &World) -> Vec<(String, Vec<(String, i64)>)> {
    let requests = world.sqs.requests().into_iter();
    requests
        .map(|request| {
            let call: Value = serde_json::from_str(&request.body).unwrap();
            assert_eq!(call["QueueUrl"], "https://sqs.example.org/1/invalidations");
            let one = std::slice::from_ref(&call);
            let entries = call["Entries"].as_array().map_or(one, Vec::as_slice);
            let entries = entries.iter().map(|entry| {
                let handle = entry["ReceiptHandle"].as_str().unwrap().to_owned();
                (handle, entry["VisibilityTimeout"].as_i64().unwrap())
            });
            (request.operation, entries.collect())
        })
        .collect()
}

/// Returns paths and caller reference of each invalidation that was created.
fn invalidations(world: &World) -> Vec<(Vec<String>, String)> {
    let inner = |text: &str, tag: &str| -> Vec<String> {
        let open = format!("<{tag}>");
        let parts = text.split(&open).skip(1);
        parts
            .map(|part| part.split('<').next().unwrap().to_owned())
            .collect()
    };
    let requests = world.target.requests().into_iter();
    requests
        .map(|request| {
            let paths = inner(&request.body, "Path");
            assert_eq!(inner(&request.body, "Quantity"), [paths.len().to_string()]);
            (paths, inner(&request.body, "CallerReference").remove(0))
        })
        .collect()
}

fn created() -> (u16, String) {
    (
        201,
        "<Invalidation><Id>I1</Id><Status>InProgress</Status></Invalidation>".into(),
    )
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (
        status,
        format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
        ),
    )
}

fn quiet_sqs() -> Vec<(u16, String)> {
    vec![(200, "{}".into()); 8]
}

#[tokio::test]
async fn a_bus_gets_the_event_as_published() {
    let world = World::with(
        vec![parameters(&[("bus", bus())])],
        quiet_sqs(),
        put(json!({"EventId": "1"})),
    );
    assert!(!world.fails(&delivery("bus"), 1).await);
    let requests = world.target.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].operation, "AWSEvents.PutEvents");
    let call: Value = serde_json::from_str(&requests[0].body).unwrap();
    assert_eq!(
        call,
        json!({"Entries": [{
            "EventBusName": BUS, "Source": "/wagrun/test", "DetailType": "wagtail.page.published",
            "Detail": EVENT, "Time": 1_795_297_606.426_651,
        }]})
    );
}

#[tokio::test]
async fn an_entry_that_failed_is_a_failed_delivery() {
    let denied = json!({"ErrorCode": "AccessDeniedException", "ErrorMessage": "no"});
    let answers = [
        put(denied),
        // An entry without an id and without an error was not taken either.
        vec![(
            200,
            json!({"FailedEntryCount": 0, "Entries": [{}]}).to_string(),
        )],
        vec![(
            200,
            json!({"FailedEntryCount": 1, "Entries": []}).to_string(),
        )],
        vec![(500, "{}".into())],
    ];
    for answer in answers {
        let world = World::with(vec![parameters(&[("bus", bus())])], quiet_sqs(), answer);
        assert!(world.fails(&delivery("bus"), 2).await);
        assert_eq!(world.delays(), [330]);
    }
}

#[tokio::test]
async fn several_events_are_one_invalidation() {
    let world = World::with(
        vec![parameters(&[("cdn", distribution(false))])],
        quiet_sqs(),
        vec![created()],
    );
    let messages = ["/b/", "/a/", "/b/"].map(|url| (page("cdn", url), 1));
    assert!(purge(&world, &messages).await.is_empty());
    let [(paths, reference)] = &invalidations(&world)[..] else {
        panic!("{:?}", world.target.requests());
    };
    assert_eq!(paths, &["/a/", "/b/"]);
    assert_eq!(reference.len(), 64);
    assert!(hidden(&world).is_empty());
}

#[tokio::test]
async fn the_same_messages_have_the_same_reference_and_others_have_not() {
    let references = async |count: usize, receive: u32| {
        let ssm = vec![parameters(&[("cdn", distribution(false))])];
        let world = World::with(ssm, quiet_sqs(), vec![created()]);
        let messages = vec![(page("cdn", "/a/"), receive); count];
        assert!(purge(&world, &messages).await.is_empty());
        invalidations(&world).remove(0)
    };
    let one = references(1, 1).await;
    assert_eq!(one, references(1, 2).await);
    // The path is the same; the second message may be a later change of the page.
    assert_ne!(one.1, references(2, 1).await.1);
}

#[tokio::test]
async fn wildcards_go_fifteen_at_a_time() {
    let world = World::with(
        vec![parameters(&[("cdn", distribution(true))])],
        quiet_sqs(),
        vec![created(), created(), created()],
    );
    let messages: Vec<_> = (100..131)
        .map(|number| (page("cdn", &format!("/{number}/")), 1))
        .collect();
    assert!(purge(&world, &messages).await.is_empty());
    let counts: Vec<_> = invalidations(&world)
        .iter()
        .map(|(paths, _)| paths.len())
        .collect();
    assert_eq!(counts, [15, 15, 1]);
}

#[tokio::test]
async fn a_distribution_that_is_busy_is_asked_again_later() {
    let world = World::with(
        vec![parameters(&[
            ("busy", distribution(false)),
            ("idle", distribution(false)),
        ])],
        quiet_sqs(),
        vec![refused(400, "TooManyInvalidationsInProgress"), created()],
    );
    let messages = [
        (page("busy", "/a/"), 1),
        (page("idle", "/a/"), 1),
        (page("busy", "/b/"), 3),
    ];
    assert_eq!(purge(&world, &messages).await, ["m0", "m2"]);
    let delays = [("h0".to_owned(), 6), ("h2".to_owned(), 1980)].to_vec();
    let operation = "AmazonSQS.ChangeMessageVisibilityBatch".to_owned();
    assert_eq!(hidden(&world), [(operation, delays)]);
}

#[tokio::test]
async fn what_stays_is_hidden_ten_at_a_time() {
    let ssm = vec![parameters(&[("cdn", distribution(false))])];
    let world = World::with(ssm, quiet_sqs(), vec![refused(403, "AccessDenied")]);
    let messages = vec![(page("cdn", "/a/"), 1); 21];
    assert_eq!(purge(&world, &messages).await.len(), 21);
    let counts: Vec<_> = hidden(&world).iter().map(|(_, all)| all.len()).collect();
    assert_eq!(counts, [10, 10, 1]);
}

#[tokio::test]
async fn what_has_no_url_is_done_without_a_call() {
    let ssm = vec![parameters(&[("cdn", distribution(false))])];
    let world = World::with(ssm, quiet_sqs(), vec![]);
    let messages = [(delivery("cdn"), 1)];
    assert!(purge(&world, &messages).await.is_empty());
    assert!(world.target.requests().is_empty());
}

#[tokio::test]
async fn one_bad_message_harms_no_other() {
    let world = World::with(
        vec![parameters(&[
            ("cdn", distribution(false)),
            ("broken", "{".into()),
            ("bus", bus()),
        ])],
        quiet_sqs(),
        // First the one that has become a bus.
        vec![put(json!({"EventId": "1"})).remove(0), created()],
    );
    let messages = [
        ("{".to_owned(), 1),
        (page("broken", "/x/"), 1),
        (page("gone", "/x/"), 1),
        (page("bus", "/x/"), 1),
        (page("cdn", "/a/"), 1),
        // Beyond the schedule: on its way to the dead-letter queue.
        (page("cdn", "/b/"), 9),
    ];
    assert_eq!(purge(&world, &messages).await, ["m0", "m1", "m2", "m5"]);
    let requests = world.target.requests();
    assert_eq!(requests[0].operation, "AWSEvents.PutEvents");
    assert!(requests[1].body.contains("<Path>/a/</Path>"));
    assert_eq!(requests.len(), 2);
    let delays = [("h1", 6), ("h2", 120), ("h5", 0)];
    let delays = delays.map(|(handle, delay)| (handle.to_owned(), delay));
    assert_eq!(hidden(&world)[0].1, delays);
}

#[tokio::test]
async fn a_failing_distribution_is_noted_like_any_subscriber() {
    let value = distribution(false);
    let world = World::with(
        vec![
            parameters(&[("cdn", value.clone())]),
            parameter(1, &value),
            written(2),
        ],
        quiet_sqs(),
        vec![refused(404, "NoSuchDistribution")],
    );
    let messages = [(page("cdn", "/a/"), 1), (page("cdn", "/b/"), 4)];
    assert_eq!(purge(&world, &messages).await, ["m0", "m1"]);
    assert!(world.written()[0].1["failing_since"].is_string());
}

#[tokio::test]
async fn an_invalidation_that_waits_among_the_deliveries_is_made_too() {
    let ssm = vec![parameters(&[("cdn", distribution(false))])];
    let world = World::with(ssm, quiet_sqs(), vec![created()]);
    assert!(!world.fails(&page("cdn", "/a/"), 1).await);
    assert_eq!(invalidations(&world)[0].0, ["/a/"]);
}
