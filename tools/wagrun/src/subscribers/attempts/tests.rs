use serde_json::json;

use super::*;

fn line(second: u32, fields: Value) -> LogLine {
    let mut all = json!({"timestamp": format!("2026-11-26T11:00:{second:02}Z"), "message": "delivery attempted",
                         "subscriber": "search", "event.id": "one", "event.subject": "page/42"});
    all.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    LogLine::new("deliver", Timestamp::UNIX_EPOCH, all.to_string())
}

fn refused(second: u32, event: &str, attempt: u32, retry: Option<u32>) -> LogLine {
    let mut fields =
        json!({"event.id": event, "attempt": attempt, "outcome": "refused", "status": 503});
    if let Some(retry) = retry {
        fields["retry_seconds"] = retry.into();
    }
    line(second, fields)
}

fn delivered(second: u32, event: &str, attempt: u32) -> LogLine {
    let fields =
        json!({"event.id": event, "attempt": attempt, "outcome": "delivered", "status": 204});
    line(second, fields)
}

fn of_search(lines: &[LogLine]) -> Attempts {
    by_subscriber(lines).remove("search").unwrap()
}

#[test]
fn a_delivery_waits_until_an_attempt_is_accepted_or_was_the_last() {
    let lines = [
        refused(0, "one", 1, Some(5)),
        refused(1, "two", 1, Some(5)),
        refused(5, "one", 2, Some(300)),
        delivered(6, "two", 2),
    ];
    let attempts = of_search(&lines);
    assert_eq!(
        (
            attempts.waiting,
            attempts.most_attempts,
            attempts.given_up,
            attempts.last_accepted
        ),
        (1, 2, 0, Some(lines[3].at))
    );
    assert_eq!(
        attempts.last_failure.unwrap().to_string(),
        "attempt 2 of page/42 at 2026-11-26 11:00:05: refused 503"
    );
    let next_at = "2026-11-26T11:05:05Z".parse().unwrap();
    assert_eq!(attempts.next_at, Some(next_at));
    let given_up = of_search(&[refused(0, "one", 8, None)]);
    assert_eq!((given_up.waiting, given_up.given_up), (0, 1));
    assert!(
        given_up
            .last_failure
            .unwrap()
            .to_string()
            .ends_with("given up")
    );
}

#[test]
fn the_first_of_the_next_attempts_is_told_and_a_shorter_schedule_gives_up() {
    let lines = [
        refused(0, "one", 1, Some(5)),
        refused(1, "two", 3, Some(300)),
    ];
    let attempts = of_search(&lines);
    let next_at = "2026-11-26T11:00:05Z".parse().unwrap();
    assert_eq!((attempts.waiting, attempts.next_at), (2, Some(next_at)));
    let given_up = json!({"message": "delivery given up", "attempt": 2, "outcome": "given_up"});
    let attempts = of_search(&[refused(0, "one", 1, Some(5)), line(5, given_up)]);
    assert_eq!((attempts.waiting, attempts.given_up), (0, 1));
    assert_eq!(attempts.last_failure.unwrap().attempt, 1);
}

#[test]
fn what_was_set_aside_does_not_wait_for_an_attempt() {
    let set_aside = line(
        1,
        json!({"message": "delivery set aside", "attempt": 2, "outcome": "set_aside"}),
    );
    let swept =
        json!({"message": "backlog swept", "lanes": 3, "event.id": null, "event.subject": null});
    let attempts = of_search(&[refused(0, "one", 2, Some(300)), set_aside, line(2, swept)]);
    assert_eq!(
        (
            attempts.waiting,
            attempts.given_up,
            attempts.objects_set_aside
        ),
        (0, 0, Some(3))
    );
    assert_eq!(attempts.last_failure.unwrap().attempt, 2);
}

#[test]
fn lines_about_no_subscriber_and_of_others_are_left_out() {
    let other = line(
        0,
        json!({"subscriber": "cdn", "attempt": 1, "outcome": "timeout", "retry_seconds": 5}),
    );
    let nobody = line(0, json!({"subscriber": null, "outcome": "refused"}));
    let all = by_subscriber(&[other, nobody, delivered(1, "one", 1)]);
    assert_eq!(all.keys().collect::<Vec<_>>(), ["cdn", "search"]);
    assert_eq!(all["search"].waiting, 0);
    assert_eq!(all["cdn"].waiting, 1);
}
