//! Subscribers that have failed for hours or days.

use super::*;

#[tokio::test]
async fn a_long_failure_is_noted_once() {
    let receiver = Receiver::answering(broken).await;
    let value = subscriber(&receiver.origin, json!({}));
    let noted = subscriber(&receiver.origin, json!({"failing_since": ago(hours(3))}));
    // After these attempts the schedule waits 5 s, 30 min, 2 h, 10 h, and not any more.
    for (attempt, noting) in [(1, false), (3, false), (4, true), (7, true), (8, true)] {
        let world = World::new(vec![
            parameters(&[("cdn", value.clone())]),
            parameter(1, &value),
            written(2),
        ]);
        assert!(world.fails(&delivery("cdn"), attempt).await);
        let since: Vec<_> = world
            .written()
            .iter()
            .map(|(_, value)| value["failing_since"].as_str().unwrap().to_owned())
            .collect();
        let expected = noting.then(|| now().to_string());
        assert_eq!(since, Vec::from_iter(expected), "attempt {attempt}");

        let world = World::new(vec![parameters(&[("cdn", noted.clone())])]);
        assert!(world.fails(&delivery("cdn"), attempt).await);
        assert!(world.written().is_empty());
    }
}

#[tokio::test]
async fn what_could_not_be_noted_does_not_matter_to_the_delivery() {
    let receiver = Receiver::answering(broken).await;
    let value = subscriber(&receiver.origin, json!({}));
    let denied = (400, r#"{"__type":"AccessDeniedException"}"#.to_owned());
    let world = World::new(vec![parameters(&[("cdn", value)]), denied]);
    assert!(world.fails(&delivery("cdn"), 5).await);
    assert_eq!(world.delays(), [19_800]);
}

#[tokio::test]
async fn a_success_takes_the_note_back() {
    let receiver = Receiver::answering(ok).await;
    let noted = subscriber(&receiver.origin, json!({"failing_since": ago(hours(119))}));
    let world = World::new(vec![
        parameters(&[("cdn", noted.clone())]),
        parameter(4, &noted),
        written(5),
    ]);
    assert!(!world.fails(&delivery("cdn"), 3).await);
    let [(_, value)] = &world.written()[..] else {
        panic!("{:?}", world.written());
    };
    assert_eq!(value.get("failing_since"), None);
    assert_eq!(value["url"], json!(receiver.origin));
}

#[tokio::test]
async fn a_subscriber_that_has_accepted_something_since_it_was_read_stays_on() {
    let receiver = Receiver::answering(broken).await;
    let failing = json!({"failing_since": ago(hours(5 * 24))});
    let failing = subscriber(&receiver.origin, failing);
    let cleared = subscriber(&receiver.origin, json!({}));
    let world = World::new(vec![
        parameters(&[("cdn", failing)]),
        parameter(4, &cleared),
    ]);
    assert!(world.fails(&delivery("cdn"), 4).await);
    assert!(world.written().is_empty());
    assert!(published(&world).is_empty());
}

#[tokio::test]
async fn five_days_without_a_success_switch_a_subscriber_off() {
    let receiver = Receiver::answering(broken).await;
    let five_days = hours(5 * 24);
    let cases = [
        (five_days - SignedDuration::from_secs(1), 8, false),
        (five_days, 8, true),
        (five_days, 4, true),
        // The delivery itself has only just begun to fail.
        (hours(1000), 1, false),
    ];
    for (age, attempt, off) in cases {
        let value = subscriber(&receiver.origin, json!({"failing_since": ago(age)}));
        let world = World::new(vec![
            parameters(&[("cdn", value.clone())]),
            parameter(3, &value),
            written(4),
        ]);
        assert!(world.fails(&delivery("cdn"), attempt).await, "{age:?}");
        assert_eq!(world.delays() == [120], off, "{age:?}");
        let reasons: Vec<_> = world
            .written()
            .iter()
            .map(|(_, value)| value["disabled"]["reason"].clone())
            .collect();
        let reason = "failed for five days without a success";
        let expected = off.then(|| json!(reason));
        assert_eq!(reasons, Vec::from_iter(expected), "{age:?}");
        let events: Vec<_> = published(&world)
            .into_iter()
            .map(|(event, ..)| event.data["reason"].clone())
            .collect();
        assert_eq!(events, reasons);
    }
    // The oldest time that the parameter can say is no special case.
    let value = subscriber(
        &receiver.origin,
        json!({"failing_since": Timestamp::UNIX_EPOCH.to_string()}),
    );
    let world = World::new(vec![
        parameters(&[("cdn", value.clone())]),
        parameter(3, &value),
        written(4),
    ]);
    assert!(world.fails(&delivery("cdn"), 8).await);
    assert_eq!(world.delays(), [120]);
}
