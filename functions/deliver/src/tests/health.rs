//! Tests of subscribers that are gone, or that fail for long.

mod long_failures;

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use wagrun_event::Event;

use super::receiver::Receiver;
use super::world::{World, delivery, now, parameter, parameters, subscriber, written};

fn gone() -> Response {
    StatusCode::GONE.into_response()
}

fn broken() -> Response {
    StatusCode::BAD_GATEWAY.into_response()
}

fn ok() -> Response {
    StatusCode::OK.into_response()
}

fn ago(duration: SignedDuration) -> String {
    (now() - duration).to_string()
}

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

/// Returns the published events with their group and deduplication ids, from SNS's query protocol.
fn published(world: &World) -> Vec<(Event, String, String)> {
    let requests = world.sns.requests();
    let parse = |body: &str| -> Vec<(String, String)> {
        url::form_urlencoded::parse(body.as_bytes())
            .into_owned()
            .collect()
    };
    let field = |fields: &[(String, String)], name: &str| {
        let found = fields.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    requests
        .iter()
        .map(|request| {
            let fields = parse(&request.body);
            assert_eq!(field(&fields, "Action"), "Publish");
            assert_eq!(field(&fields, "MessageAttributes.entry.1.Name"), "type");
            assert_eq!(
                field(&fields, "MessageAttributes.entry.1.Value.StringValue"),
                "subscriber.disabled"
            );
            (
                serde_json::from_str(&field(&fields, "Message")).unwrap(),
                field(&fields, "MessageGroupId"),
                field(&fields, "MessageDeduplicationId"),
            )
        })
        .collect()
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_switched_off_and_everybody_is_told() {
    let receiver = Receiver::answering(gone).await;
    let value = subscriber(
        &receiver.origin,
        json!({"types": ["*"], "failing_since": ago(hours(1))}),
    );
    let world = World::new(vec![
        parameters(&[("team/cdn", value.clone())]),
        parameter(7, &value),
        written(8),
    ]);
    // What waits for it stays until it can be set aside.
    assert!(world.fails(&delivery("team/cdn"), 1).await);
    assert_eq!(world.delays(), [120]);

    let mut expected: Value = serde_json::from_str(&value).unwrap();
    let fields = expected.as_object_mut().unwrap();
    fields.shift_remove("failing_since");
    fields.insert("enabled".into(), false.into());
    let reason = "the receiver answered 410 Gone";
    fields.insert(
        "disabled".into(),
        json!({"reason": reason, "at": now().to_string()}),
    );
    let name = "/wagrun/subscribers/team/cdn".to_owned();
    assert_eq!(world.written(), [(name, expected)]);

    let [(event, group, deduplication)] = &published(&world)[..] else {
        panic!("{:?}", world.sns.requests());
    };
    assert_eq!(event.kind, "subscriber.disabled");
    assert_eq!(event.subject, "subscriber/team/cdn");
    assert_eq!(event.partitionkey, event.subject);
    assert_eq!(group, &event.subject);
    assert_eq!(deduplication, &event.id.to_string());
    assert_eq!(event.source, "/wagrun/test");
    assert_eq!(event.time, now().to_string());
    assert_eq!(event.sequence.len(), 16);
    let data = json!({"name": "team/cdn", "reason": reason, "at": now().to_string()});
    assert_eq!(Value::Object(event.data.clone()), data);
}

#[tokio::test]
async fn switching_off_again_repeats_the_events_id_until_the_parameter_has_changed() {
    let receiver = Receiver::answering(gone).await;
    let value = subscriber(&receiver.origin, json!({}));
    let denied = (400, r#"{"__type":"AccessDeniedException"}"#.to_owned());
    let world = World::new(vec![
        parameters(&[("cdn", value.clone())]),
        parameter(7, &value),
        denied,
        parameter(7, &value),
        written(8),
    ]);
    assert!(world.fails(&delivery("cdn"), 1).await);
    assert!(world.fails(&delivery("cdn"), 2).await);
    assert_eq!(world.delays(), [6, 120]);
    let ids: Vec<_> = published(&world)
        .iter()
        .map(|(event, ..)| event.id)
        .collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn without_the_event_the_subscriber_stays_on() {
    let receiver = Receiver::answering(gone).await;
    let value = subscriber(&receiver.origin, json!({}));
    let ssm = vec![parameters(&[("cdn", value.clone())]), parameter(7, &value)];
    let mut world = World::new(ssm);
    world.refuse_events();
    assert!(world.fails(&delivery("cdn"), 1).await);
    assert!(world.written().is_empty());
    assert_eq!(world.delays(), [6]);
}

#[tokio::test]
async fn one_that_is_off_already_or_deleted_is_left_alone() {
    let receiver = Receiver::answering(gone).await;
    let value = subscriber(&receiver.origin, json!({}));
    let off = subscriber(&receiver.origin, json!({"enabled": false}));
    let missing = (400, r#"{"__type":"ParameterNotFound"}"#.to_owned());
    for now_there in [parameter(8, &off), missing] {
        let world = World::new(vec![parameters(&[("cdn", value.clone())]), now_there]);
        assert!(world.fails(&delivery("cdn"), 1).await);
        assert!(world.written().is_empty());
        assert!(world.sns.requests().is_empty());
    }
}

#[tokio::test]
async fn one_that_was_given_another_url_is_tried_there() {
    let receiver = Receiver::answering(gone).await;
    let value = subscriber(&receiver.origin, json!({}));
    let moved = subscriber("https://example.org/new", json!({}));
    let world = World::new(vec![parameters(&[("cdn", value)]), parameter(8, &moved)]);
    assert!(world.fails(&delivery("cdn"), 1).await);
    assert!(world.written().is_empty());
    assert!(world.sns.requests().is_empty());
    assert_eq!(world.delays(), [6]);
}

#[tokio::test]
async fn what_its_owner_wrote_meanwhile_is_kept() {
    let receiver = Receiver::answering(gone).await;
    let value = subscriber(&receiver.origin, json!({}));
    // The first changes a filter, the second the URL, for which a 410 of the old one means nothing.
    let filtered = subscriber(&receiver.origin, json!({"under": "/blog/"}));
    let moved = subscriber("https://example.org/new", json!({}));
    for (theirs, enabled) in [(&filtered, json!(false)), (&moved, json!(null))] {
        let world = World::new(vec![
            parameters(&[("cdn", value.clone())]),
            parameter(7, &value),
            written(9),
            parameter(8, theirs),
            written(10),
        ]);
        assert!(world.fails(&delivery("cdn"), 1).await);
        let requests = world.ssm.requests();
        let again: Value = serde_json::from_str(&requests[3].body).unwrap();
        assert_eq!(again["Name"], "/wagrun/subscribers/cdn:8");
        let [_, (name, last)] = &world.written()[..] else {
            panic!("{:?}", world.written());
        };
        assert_eq!(name, "/wagrun/subscribers/cdn");
        let theirs: Value = serde_json::from_str(theirs).unwrap();
        for field in ["url", "under"] {
            assert_eq!(last.get(field), theirs.get(field), "{field}");
        }
        assert_eq!(last.get("enabled").unwrap_or(&Value::Null), &enabled);
    }
}

#[tokio::test]
async fn an_owner_who_keeps_writing_wins() {
    let receiver = Receiver::answering(gone).await;
    let value = subscriber(&receiver.origin, json!({}));
    let mut ssm = vec![parameters(&[("cdn", value.clone())]), parameter(7, &value)];
    for version in [9, 11, 13] {
        ssm.extend([written(version), parameter(version - 1, &value)]);
    }
    let world = World::new(ssm);
    assert!(world.fails(&delivery("cdn"), 1).await);
    assert_eq!(world.written().len(), 3);
}
