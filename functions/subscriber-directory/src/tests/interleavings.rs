//! Two writers at once, step by step.

use jiff::Timestamp;
use wagrun_delivery::directory::{Directory, KEY};

use super::world::{RULES, State, World, hosts, parameter, webhook};
use crate::WriterError;

async fn with_directory() -> World {
    let world = World::default();
    world.put("cdn", &webhook("one.example"));
    world.writer().compare().await.unwrap();
    world
}

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// Does what another writer does: enters the newest version of a parameter.
fn another_enters(state: &mut State, name: &str, value: &str) {
    state.put(name, value);
    let content = state.bucket.objects[KEY].clone();
    let mut directory = Directory::decode(content.as_bytes()).unwrap();
    let mut entry = directory.subscribers["cdn"].clone();
    entry.value = Some(value.to_owned());
    // Each version of these tests has the time of the change before plus one.
    let known = directory.subscribers.get(name);
    entry.version = known.map_or(0, |known| known.version) + 1;
    entry.changed_at = known.and_then(|known| known.changed_at).map(|at| at + 1);
    directory.subscribers.insert(name.to_owned(), entry);
    put(state, &directory);
}

fn put(state: &mut State, directory: &Directory) {
    let content = String::from_utf8(directory.encode().unwrap()).unwrap();
    state.bucket.answer("PUT", &format!("/{KEY}"), &content);
}

#[tokio::test]
async fn an_older_reading_does_not_replace_a_newer_one() {
    let world = with_directory().await;
    world.put("cdn", &webhook("two.example"));
    // This writer has read two.example. Before it writes, the next change is made, and another writer enters it.
    world.before("PutObject", |state| {
        another_enters(state, "cdn", &webhook("three.example"))
    });
    world
        .writer()
        .enter_change(&parameter("cdn"))
        .await
        .unwrap();
    assert_eq!(world.hosts(), hosts(&[("cdn", "three.example")]));
}

#[tokio::test]
async fn changes_of_two_subscribers_at_once_are_both_entered() {
    let world = with_directory().await;
    world.put("cdn", &webhook("two.example"));
    world.before("PutObject", |state| {
        another_enters(state, "search", &webhook("three.example"))
    });
    world
        .writer()
        .enter_change(&parameter("cdn"))
        .await
        .unwrap();
    let expected = hosts(&[("cdn", "two.example"), ("search", "three.example")]);
    assert_eq!(world.hosts(), expected);
}

#[tokio::test]
async fn a_subscriber_that_is_created_after_the_listing_stays() {
    let world = with_directory().await;
    // Between the listing and the reading of the directory.
    world.before("GetObject", |state| {
        another_enters(state, "new", &webhook("two.example"))
    });
    world
        .writer_with(RULES, || second(300))
        .compare()
        .await
        .unwrap();
    let expected = hosts(&[("cdn", "one.example"), ("new", "two.example")]);
    assert_eq!(world.hosts(), expected);
}

#[tokio::test]
async fn a_subscriber_that_is_deleted_after_the_listing_stays_deleted() {
    let world = with_directory().await;
    world.before("GetObject", |state| {
        state.delete("cdn");
        let directory = Directory::new(super::world::PATH, RULES, second(0));
        put(state, &directory);
    });
    world
        .writer_with(RULES, || second(300))
        .compare()
        .await
        .unwrap();
    assert_eq!(world.hosts(), []);
}

#[tokio::test]
async fn a_change_while_a_comparison_writes_is_not_lost() {
    let world = with_directory().await;
    world.before("PutObject", |state| {
        another_enters(state, "new", &webhook("two.example"))
    });
    world
        .writer_with(RULES, || second(300))
        .compare()
        .await
        .unwrap();
    let expected = hosts(&[("cdn", "one.example"), ("new", "two.example")]);
    assert_eq!(world.hosts(), expected);
    assert_eq!(world.directory().unwrap().as_of, second(300));
}

#[tokio::test]
async fn of_two_comparisons_that_build_the_directory_one_does() {
    let world = World::default();
    world.put("cdn", &webhook("one.example"));
    let other = world.clone();
    world.before("PutObject", move |state| {
        drop(other);
        let mut directory = Directory::new(super::world::PATH, RULES, second(1));
        directory.subscribers.clear();
        put(state, &directory);
    });
    // The other one began a second later, and was first. What it wrote stays.
    let answer = world.writer().compare().await.unwrap();
    assert!(!answer.written);
    assert_eq!(world.directory().unwrap().as_of, second(1));
}

#[tokio::test]
async fn the_time_of_the_listing_never_goes_back() {
    let world = with_directory().await;
    world
        .writer_with(RULES, || second(300))
        .compare()
        .await
        .unwrap();
    let answer = world
        .writer_with(RULES, || second(299))
        .compare()
        .await
        .unwrap();
    assert!(!answer.written);
    assert_eq!(world.directory().unwrap().as_of, second(300));
}

#[tokio::test]
async fn a_directory_that_is_deleted_meanwhile_is_built_again() {
    let world = with_directory().await;
    world.before("PutObject", |state| {
        state.bucket.objects.remove(KEY);
    });
    world
        .writer_with(RULES, || second(300))
        .compare()
        .await
        .unwrap();
    assert_eq!(world.hosts(), hosts(&[("cdn", "one.example")]));
}

#[tokio::test]
async fn a_writer_that_is_never_first_fails() {
    let world = with_directory().await;
    for number in 0..10 {
        world.before("PutObject", move |state| {
            another_enters(state, "other", &webhook(&format!("n{number}.example")));
        });
    }
    world.put("cdn", &webhook("two.example"));
    let error = world
        .writer()
        .enter_change(&parameter("cdn"))
        .await
        .unwrap_err();
    assert!(matches!(error, WriterError::Contended), "{error}");
    // The clock finds what is missing.
    world
        .writer_with(RULES, || second(300))
        .compare()
        .await
        .unwrap();
    assert!(
        world
            .hosts()
            .contains(&("cdn".into(), "two.example".into()))
    );
}
