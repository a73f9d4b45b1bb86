//! Calls that fail.

use jiff::Timestamp;

use super::world::{RULES, World, hosts, parameter, webhook};
use wagrun_lambda::telemetry::chain;

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

const UNREADABLE: &str = "cannot be read; a parameter under a KMS key of your own is not supported";

#[tokio::test]
async fn a_parameter_under_another_key_harms_only_itself() {
    let world = World::default();
    for number in 0..12 {
        world.put(&format!("s{number:02}"), &webhook("one.example"));
    }
    world.state().locked.insert(parameter("s05"));
    world.writer().compare().await.unwrap();
    let found = world.hosts();
    assert_eq!(found.len(), 12);
    for (name, host) in found {
        let expected = if name == "s05" {
            UNREADABLE
        } else {
            "one.example"
        };
        assert_eq!(host, expected, "{name}");
    }
    // It is tried again by the clock.
    world.state().locked.clear();
    world
        .writer_with(RULES, || second(300))
        .compare()
        .await
        .unwrap();
    assert!(world.hosts().iter().all(|(_, host)| host == "one.example"));
}

#[tokio::test]
async fn the_version_in_force_stays_while_the_newest_cannot_be_read() {
    let world = World::default();
    world.put("cdn", &webhook("one.example"));
    world.writer().compare().await.unwrap();
    world.put("cdn", &webhook("two.example"));
    world.state().locked.insert(parameter("cdn"));
    world
        .writer()
        .enter_change(&parameter("cdn"))
        .await
        .unwrap();
    assert_eq!(world.hosts(), hosts(&[("cdn", "one.example")]));
    world.state().locked.clear();
    world
        .writer_with(RULES, || second(300))
        .compare()
        .await
        .unwrap();
    assert_eq!(world.hosts(), hosts(&[("cdn", "two.example")]));
}

#[tokio::test]
async fn versions_that_cannot_be_read_are_looked_for_again() {
    let world = World::default();
    world.put("cdn", &webhook("one.example"));
    world.put("cdn", "{");
    // Between the reading of the value and that of the history.
    let name = parameter("cdn");
    world.before("GetParameterHistory", move |state| {
        state.locked.insert(name);
    });
    world.writer().compare().await.unwrap();
    assert_eq!(
        world.hosts(),
        hosts(&[("cdn", "is not JSON (line 1, column 1)")])
    );
    world.state().locked.clear();
    world
        .writer_with(RULES, || second(300))
        .compare()
        .await
        .unwrap();
    assert_eq!(world.hosts(), hosts(&[("cdn", "one.example")]));
}

#[tokio::test]
async fn no_secret_is_in_an_error_or_in_what_debug_shows() {
    let world = World::default();
    world.put("cdn", &webhook("one.example"));
    world.writer().compare().await.unwrap();
    let directory = world.directory().unwrap();
    let mut shown = format!("{directory:?} {:?}", world.writer());
    let bytes = directory.encode().unwrap();
    // Damaged at each place.
    for end in 0..bytes.len() {
        let error = wagrun_delivery::directory::Directory::decode(&bytes[..end]).unwrap_err();
        shown += &chain(&error);
    }
    assert!(
        !shown.contains("whsec") && !shown.contains("one.example"),
        "{shown}"
    );
}
