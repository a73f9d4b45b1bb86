//! Lanes and deduplication ids of any subscriber and any object.

use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use super::*;

/// A name that SSM allows: letters, digits and `.-_` between slashes.
fn subscriber() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9_.-]{1,6}(/[a-zA-Z0-9_.-]{1,90}){0,1}"
}

fn subject() -> impl Strategy<Value = String> {
    prop_oneof!["page/[0-9]{1,4}", "[a-b|:/é]{0,4}", "\\PC{0,200}"]
}

fn event(subject: &str, id: u128, backfill: Option<u128>) -> Event {
    serde_json::from_value(json!({
        "specversion": "1.0", "id": Uuid::from_u128(id), "source": "/wagrun/test", "type": "wagtail.page.updated",
        "subject": subject, "time": "2026-11-21T21:46:46.426651Z", "datacontenttype": "application/json",
        "partitionkey": subject, "sequence": "0000000000001106", "backfill": backfill.map(Uuid::from_u128), "data": {},
    }))
    .unwrap()
}

fn is_accepted(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|byte| (b'!'..=b'~').contains(&byte))
}

proptest! {
    #[test]
    fn lanes_are_equal_exactly_for_the_same_subscriber_and_object(
        one in (subscriber(), subject()), other in (subscriber(), subject()),
    ) {
        let lane_of = |(subscriber, subject): &(String, String)| lane(subscriber, subject);
        prop_assert!(is_accepted(&lane_of(&one)));
        prop_assert_eq!(lane_of(&one) == lane_of(&other), one == other);
    }

    #[test]
    fn one_text_cut_at_two_places_gives_two_lanes(text in "[ab/]{3,8}", cuts in [1..3_usize, 1..3_usize]) {
        let [first, second] = cuts.map(|cut| lane(&text[..cut], &text[cut..]));
        prop_assert_eq!(first == second, cuts[0] == cuts[1]);
    }

    #[test]
    fn deduplication_ids_are_equal_exactly_for_the_same_event_run_and_subscriber(
        names in [subscriber(), subscriber()],
        ids in [0..2_u128, 0..2_u128],
        runs in [prop::option::of(0..2_u128), prop::option::of(0..2_u128)],
        is_same_name: bool,
    ) {
        let [one, mut other] = names;
        if is_same_name {
            other = one.clone();
        }
        let [first, second] = [0, 1].map(|index| event("page/4", ids[index], runs[index]));
        let (id, other_id) = (deduplication_id(&first, &one), deduplication_id(&second, &other));
        prop_assert!(is_accepted(&id));
        let is_same = one == other && ids[0] == ids[1] && runs[0] == runs[1];
        prop_assert_eq!(id == other_id, is_same);
    }
}
