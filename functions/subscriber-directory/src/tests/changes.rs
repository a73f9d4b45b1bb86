//! Single changes that EventBridge reports.

use super::world::{World, hosts, parameter, webhook};
use crate::{Answer, WriterError};

async fn with_directory() -> World {
    let world = World::default();
    world.put("cdn", &webhook("one.example"));
    world.writer().compare().await.unwrap();
    world
}

#[tokio::test]
async fn a_change_costs_one_read_however_many_subscribers_there_are() {
    let world = World::default();
    for number in 0..200 {
        world.put(&format!("s{number:03}"), &webhook("one.example"));
    }
    world.writer().compare().await.unwrap();
    let before = world.state().calls.len();
    world.put("new", &webhook("two.example"));
    let answer = world
        .writer()
        .enter_change(&parameter("new"))
        .await
        .unwrap();
    let expected = Answer {
        written: true,
        subscribers: Some(201),
        differing: 1,
    };
    assert_eq!(answer, expected);
    assert_eq!(
        world.state().calls[before..],
        ["GetObject", "GetParameters", "PutObject"]
    );
    assert!(
        world
            .hosts()
            .contains(&("new".into(), "two.example".into()))
    );
}

#[tokio::test]
async fn a_created_a_changed_and_a_deleted_parameter_are_entered() {
    let world = with_directory().await;
    world.put("team/search", &webhook("two.example"));
    world
        .writer()
        .enter_change(&parameter("team/search"))
        .await
        .unwrap();
    world.put("cdn", &webhook("three.example"));
    world
        .writer()
        .enter_change(&parameter("cdn"))
        .await
        .unwrap();
    let expected = hosts(&[("cdn", "three.example"), ("team/search", "two.example")]);
    assert_eq!(world.hosts(), expected);
    world.delete("cdn");
    world
        .writer()
        .enter_change(&parameter("cdn"))
        .await
        .unwrap();
    assert_eq!(world.hosts(), hosts(&[("team/search", "two.example")]));
}

#[tokio::test]
async fn a_doubled_event_writes_nothing() {
    let world = with_directory().await;
    world.put("cdn", &webhook("two.example"));
    world
        .writer()
        .enter_change(&parameter("cdn"))
        .await
        .unwrap();
    let puts = world.count("PutObject");
    let answer = world
        .writer()
        .enter_change(&parameter("cdn"))
        .await
        .unwrap();
    assert!(!answer.written);
    assert_eq!(world.count("PutObject"), puts);
}

#[tokio::test]
async fn an_event_that_comes_after_a_later_change_enters_the_later_one() {
    let world = with_directory().await;
    // The event of the deletion comes after the parameter was created again, and before the event of that.
    world.delete("cdn");
    world.put("cdn", &webhook("two.example"));
    world
        .writer()
        .enter_change(&parameter("cdn"))
        .await
        .unwrap();
    assert_eq!(world.hosts(), hosts(&[("cdn", "two.example")]));
}

#[tokio::test]
async fn a_reading_from_before_the_change_is_repeated() {
    let world = with_directory().await;
    world.put("cdn", &webhook("two.example"));
    world.put("new", &webhook("three.example"));
    for name in ["cdn", "new"] {
        world.state().behind = 1;
        let answer = world.writer().enter_change(&parameter(name)).await.unwrap();
        assert!(answer.written, "{name}");
    }
    let expected = hosts(&[("cdn", "two.example"), ("new", "three.example")]);
    assert_eq!(world.hosts(), expected);
}

#[tokio::test]
async fn a_reading_of_an_earlier_change_replaces_no_later_one() {
    let world = with_directory().await;
    world.put("cdn", &webhook("two.example"));
    world
        .writer()
        .enter_change(&parameter("cdn"))
        .await
        .unwrap();
    // The event is doubled, and both readings are answered by a replica that is behind.
    world.state().behind = 2;
    world
        .writer()
        .enter_change(&parameter("cdn"))
        .await
        .unwrap();
    assert_eq!(world.state().behind, 0);
    assert_eq!(world.hosts(), hosts(&[("cdn", "two.example")]));
}

#[tokio::test]
async fn without_a_directory_a_change_is_left_to_the_clock() {
    let world = World::default();
    world.put("cdn", &webhook("one.example"));
    let answer = world
        .writer()
        .enter_change(&parameter("cdn"))
        .await
        .unwrap();
    assert_eq!((answer.written, answer.subscribers), (false, None));
    assert_eq!(
        world.count("PutObject") + world.count("GetParametersByPath"),
        0
    );
    world.writer().compare().await.unwrap();
    assert_eq!(world.hosts(), hosts(&[("cdn", "one.example")]));
}

#[tokio::test]
async fn an_event_about_another_parameter_is_an_error_that_names_it() {
    let world = with_directory().await;
    for name in [
        "/wagrun/release",
        "/wagrun/subscribers",
        "/wagrun/subscribers/",
        "/wagrun/subscribers2/x",
    ] {
        let error = world.writer().enter_change(name).await.unwrap_err();
        assert!(
            matches!(&error, WriterError::Elsewhere(named) if named == name),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_change_that_is_reported_twice_is_judged_once() {
    let world = World::default();
    world.put("cdn", &webhook("one.example"));
    world.writer().compare().await.unwrap();
    world.put("cdn", "{");
    let (writer, cdn) = (world.writer(), parameter("cdn"));
    for _ in 0..2 {
        writer.enter_change(&cdn).await.unwrap();
    }
    assert_eq!(world.hosts(), hosts(&[("cdn", "one.example")]));
    assert_eq!(world.count("GetParameterHistory"), 1);
}
