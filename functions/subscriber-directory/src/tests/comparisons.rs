//! The comparison by the clock.

use jiff::Timestamp;
use wagrun_delivery::directory::{Directory, KEY};
use wagrun_delivery::subscriber::Rules;

use super::world::{PATH, RULES, State, World, hosts, parameter, webhook};
use crate::WriterError;

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

#[tokio::test]
async fn every_change_whose_event_was_lost_is_found() {
    let world = World::default();
    for name in ["changed", "gone", "same"] {
        world.put(name, &webhook("one.example"));
    }
    world.writer().compare().await.unwrap();
    world.put("changed", &webhook("two.example"));
    world.delete("gone");
    world.put("new", &webhook("three.example"));
    let later = world.writer_with(RULES, || second(300));
    let answer = later.compare().await.unwrap();
    assert_eq!((answer.differing, answer.subscribers), (3, Some(3)));
    let expected = [
        ("changed", "two.example"),
        ("new", "three.example"),
        ("same", "one.example"),
    ];
    assert_eq!(world.hosts(), hosts(&expected));
}

#[tokio::test]
async fn without_a_change_no_value_is_read_and_the_time_is_renewed() {
    let world = World::default();
    for number in 0..25 {
        world.put(&format!("s{number:02}"), &webhook("one.example"));
    }
    world.writer().compare().await.unwrap();
    // Three pages of names, three of values.
    assert_eq!(
        (
            world.count("GetParametersByPath"),
            world.count("GetParameters")
        ),
        (3, 3)
    );
    world
        .writer_with(RULES, || second(300))
        .compare()
        .await
        .unwrap();
    assert_eq!(
        (
            world.count("GetParametersByPath"),
            world.count("GetParameters")
        ),
        (6, 3)
    );
    assert_eq!(world.directory().unwrap().as_of, second(300));
}

#[tokio::test]
async fn before_the_first_subscriber_there_is_no_object() {
    let world = World::default();
    let answer = world.writer().compare().await.unwrap();
    assert_eq!((answer.written, answer.subscribers), (false, None));
    assert!(world.directory().is_none());
    world.put("cdn", &webhook("one.example"));
    world.writer().compare().await.unwrap();
    world.delete("cdn");
    world
        .writer_with(RULES, || second(300))
        .compare()
        .await
        .unwrap();
    assert_eq!(world.directory().unwrap().subscribers.len(), 0);
}

#[tokio::test]
async fn a_parameter_that_was_deleted_and_created_again_has_none_of_its_versions() {
    let world = World::default();
    world.put("cdn", &webhook("one.example"));
    world.writer().compare().await.unwrap();
    world.delete("cdn");
    world.put("cdn", "{");
    world
        .writer_with(RULES, || second(300))
        .compare()
        .await
        .unwrap();
    assert_eq!(
        world.hosts(),
        hosts(&[("cdn", "is not JSON (line 1, column 1)")])
    );
}

#[tokio::test]
async fn the_last_usable_version_is_in_force_by_the_rules_of_the_deployment() {
    let world = World::default();
    let http = webhook("two.example").replace("https:", "http:");
    for value in [&webhook("one.example"), &http, "{"] {
        world.put("cdn", value);
    }
    world.writer().compare().await.unwrap();
    assert_eq!(world.hosts(), hosts(&[("cdn", "one.example")]));
    // Nothing changed, so nothing is looked for again.
    world
        .writer_with(RULES, || second(300))
        .compare()
        .await
        .unwrap();
    assert_eq!(world.count("GetParameterHistory"), 1);
    // A deployment with other rules.
    world
        .writer_with(Rules::LENIENT, || second(600))
        .compare()
        .await
        .unwrap();
    assert_eq!(world.directory().unwrap().rules, Rules::LENIENT);
    assert_eq!(world.hosts(), hosts(&[("cdn", "http://two.example")]));
    // A change between the deployment and the comparison is judged as the others are.
    world.put("cdn", &http);
    world
        .writer()
        .enter_change(&parameter("cdn"))
        .await
        .unwrap();
    assert_eq!(world.hosts(), hosts(&[("cdn", "http://two.example")]));
}

#[tokio::test]
async fn a_last_usable_version_that_is_off_is_not_in_force() {
    let world = World::default();
    let off = webhook("two.example").replace('}', r#","enabled":false}"#);
    for value in [&webhook("one.example"), &off, "{"] {
        world.put("cdn", value);
    }
    world.writer().compare().await.unwrap();
    // The newest version may have been meant to switch it on, so its events are set aside.
    assert_eq!(
        world.hosts(),
        hosts(&[("cdn", "is not JSON (line 1, column 1)")])
    );
}

#[tokio::test]
async fn a_reading_that_fails_is_an_error_and_the_parameter_not_an_unreadable_one() {
    let world = World::default();
    world.put("cdn", &webhook("one.example"));
    world.writer().compare().await.unwrap();
    world.put("cdn", &webhook("two.example"));
    let fails = |state: &mut State| state.fault = Some("ValidationException");
    let writer = world.writer_with(RULES, || second(300));
    // Of all parameters at once, and of each by itself, because one of them may not be read.
    world.before("GetParameters", fails);
    writer.compare().await.unwrap_err();
    world.put("locked", &webhook("locked.example"));
    world.state().locked.insert(parameter("locked"));
    world.before("GetParameters", |_| {});
    world.before("GetParameters", fails);
    let error = writer.compare().await.unwrap_err();
    assert!(matches!(error, WriterError::Parameters(_)), "{error}");
    assert_eq!(world.hosts(), hosts(&[("cdn", "one.example")]));
    writer.compare().await.unwrap();
    assert_eq!(world.hosts()[0], hosts(&[("cdn", "two.example")])[0]);
}

#[tokio::test]
async fn a_parameter_that_cannot_be_used_and_says_off_is_off() {
    let world = World::default();
    for value in [&webhook("one.example"), r#"{"enabled":false}"#] {
        world.put("cdn", value);
    }
    world.writer().compare().await.unwrap();
    assert_eq!(world.hosts(), hosts(&[("cdn", "off")]));
    assert_eq!(world.count("GetParameterHistory"), 0);
}

#[tokio::test]
async fn a_directory_that_cannot_be_used_is_replaced() {
    let other = Directory::new("/other/subscribers", RULES, second(0))
        .encode()
        .unwrap();
    let contents = [
        "{",
        r#"{"format":2,"people":[]}"#,
        &String::from_utf8(other).unwrap(),
    ];
    for content in contents {
        let world = World::default();
        world.put("cdn", &webhook("one.example"));
        world
            .state()
            .bucket
            .objects
            .insert(KEY.into(), content.into());
        let change = world
            .writer()
            .enter_change(&parameter("cdn"))
            .await
            .unwrap();
        assert!(!change.written, "{content}");
        world.writer().compare().await.unwrap();
        assert_eq!(world.directory().unwrap().path, PATH, "{content}");
        assert_eq!(world.hosts(), hosts(&[("cdn", "one.example")]), "{content}");
    }
}

#[tokio::test]
async fn a_time_far_in_the_future_is_replaced() {
    let world = World::default();
    world.put("cdn", &webhook("one.example"));
    let future = Directory::new(PATH, RULES, second(100_000))
        .encode()
        .unwrap();
    let future = String::from_utf8(future).unwrap();
    world.state().bucket.objects.insert(KEY.into(), future);
    world.writer().compare().await.unwrap();
    assert_eq!(world.directory().unwrap().as_of, second(0));
    assert_eq!(world.hosts(), hosts(&[("cdn", "one.example")]));
}
