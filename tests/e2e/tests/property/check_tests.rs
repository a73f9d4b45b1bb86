//! Tests of the checks: three transactions with the right events, and then with one fault.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wagrun_event::Event;

use super::check::check;
use super::decoding::{Change, Operation, Row, Transaction};
use super::findings::Check;
use super::oracle::Oracle;
use super::view::{self, ShownFields};

fn page(title: &str, live: &str) -> Row {
    let columns = [
        ("id", "7"),
        ("title", title),
        ("draft_title", title),
        ("live", live),
    ];
    columns
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

fn subclass(intro: &str) -> Row {
    [("page_ptr_id", "7"), ("intro", intro)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

fn transaction(xid: u64, table: &str, operation: Operation) -> Transaction {
    let table = table.to_owned();
    Transaction {
        xid,
        committed_at: String::new(),
        changes: vec![Change { table, operation }],
    }
}

/// Returns the oracle of a page that is renamed, is unpublished, and has a change in its type's row.
fn oracle() -> Oracle {
    let page_update =
        |xid, old, new| transaction(xid, "wagtailcore_page", Operation::Update { old, new });
    let mut oracle = Oracle::new(&[
        transaction(
            1,
            "wagtailcore_page",
            Operation::Insert(page("tk000001", "true")),
        ),
        transaction(2, "blog_blogpage", Operation::Insert(subclass("tk000001"))),
    ]);
    let (old, renamed, dark) = (
        page("tk000001", "true"),
        page("tk000002", "true"),
        page("tk000002", "false"),
    );
    oracle.apply(&page_update(3, old, renamed.clone()));
    oracle.apply(&page_update(4, renamed, dark));
    let (old, new) = (subclass("tk000001"), subclass("tk000003"));
    oracle.apply(&transaction(
        5,
        "blog_blogpage",
        Operation::Update { old, new },
    ));
    oracle
}

fn event(
    sequence: u32,
    action: &str,
    title: &str,
    live: bool,
    changed: Value,
    previous: Value,
) -> Event {
    let data = json!({
        "id": 7, "title": title, "live": live, "changed": changed, "previous": previous,
    });
    let event = json!({
        "specversion": "1.0", "id": format!("0f2c8f6e-7d1b-4c8e-9a53-{sequence:012}"), "source": "/wagrun/test",
        "type": format!("wagtail.page.{action}"), "subject": "page/7", "time": "2026-11-21T21:46:46.426651Z",
        "datacontenttype": "application/json", "partitionkey": "page/7", "sequence": format!("{sequence:016}"),
        "data": data,
    });
    serde_json::from_value(event).unwrap()
}

fn events() -> Vec<Event> {
    let renamed = json!(["draft_title", "title"]);
    vec![
        event(
            1,
            "updated",
            "tk000002",
            true,
            renamed,
            json!({"title": "tk000001"}),
        ),
        event(
            2,
            "unpublished",
            "tk000002",
            false,
            json!(["live"]),
            json!({"live": true}),
        ),
        event(3, "updated", "tk000002", false, json!(["intro"]), json!({})),
    ]
}

#[track_caller]
fn assert_found(events: &[Event], expected: &[Check]) {
    let row = view::of_row("page/7", &page("tk000002", "false"));
    let rows: BTreeMap<String, ShownFields> = [("page/7".to_owned(), row)].into();
    let findings = check(&oracle(), &rows, events);
    let mut found: Vec<Check> = findings.iter().map(|finding| finding.check).collect();
    found.dedup();
    assert_eq!(found, expected, "{findings:#?}");
}

#[test]
fn a_run_that_is_right_finds_nothing() {
    assert_found(&events(), &[]);
}

#[test]
fn a_missing_event_is_lost_be_it_of_a_part_or_of_the_row() {
    for missing in 0..2 {
        let mut events = events();
        events.remove(missing);
        assert_found(&events, &[Check::NothingIsLost]);
    }
    assert_found(&events()[..2], &[Check::NothingIsLost]);
}

#[test]
fn an_uncommitted_value_and_an_extra_event_are_invented() {
    let mut rolled_back = events();
    rolled_back[2]
        .data
        .insert("url".to_owned(), json!("/tk000099/"));
    assert_found(&rolled_back, &[Check::NothingIsInvented]);
    let mut repeated = events();
    repeated.push(event(
        4,
        "updated",
        "tk000002",
        false,
        json!(["intro"]),
        json!({}),
    ));
    assert_found(&repeated, &[Check::NothingIsInvented]);
}

#[test]
fn a_part_with_an_older_row_is_wrong_also_as_the_last_event() {
    let mut events = events();
    events[2] = event(3, "updated", "tk000002", true, json!(["intro"]), json!({}));
    assert_found(
        &events,
        &[Check::TheLastEventIsTheRow, Check::EventsFollowCommits],
    );
}

#[test]
fn a_sequence_against_the_commits_and_another_previous_are_wrong() {
    let mut inverted = events();
    let (first, second) = (inverted[0].sequence.clone(), inverted[1].sequence.clone());
    (inverted[0].sequence, inverted[1].sequence) = (second, first);
    inverted.swap(0, 1);
    assert_found(&inverted, &[Check::EventsFollowCommits]);
    let mut stale = events();
    stale[1].data.insert("previous".to_owned(), json!({}));
    assert_found(&stale, &[Check::EventsFollowCommits]);
}

#[test]
fn a_publication_against_the_sequence_is_wrong() {
    let mut events = events();
    events.swap(0, 1);
    assert_found(&events, &[Check::PublicationFollowsSequence]);
}
