use super::*;
use serde_json::json;
use wagrun_event::filter::Filter;

#[test]
fn the_doorbell_names_its_transaction() {
    assert_eq!(
        Invocation::parse(&json!({"xid": "784"})).unwrap(),
        Invocation::Transactions(vec![784])
    );
    assert_eq!(
        Invocation::parse(&json!({"xid": 784})).unwrap(),
        Invocation::Transactions(vec![784])
    );
}

#[test]
fn the_schedule_sweeps() {
    assert_eq!(
        Invocation::parse(&json!({"sweep": true})).unwrap(),
        Invocation::Sweep
    );
}

#[test]
fn an_operator_asks_for_a_backfill_and_cancels_it() {
    let payload = json!({"snapshot": {"subscriber": "search"}});
    let parsed = |payload: &Value| match Invocation::parse(payload).unwrap() {
        Invocation::Backfill { payload, waits, .. } => (payload, waits),
        _ => panic!("{payload} is a request"),
    };
    assert_eq!(parsed(&payload), (payload.clone(), true));
    // It is the same request, however its answer is waited for.
    for wait in [false, true] {
        let mut with_wait = payload.clone();
        with_wait["wait"] = wait.into();
        assert_eq!(parsed(&with_wait), (payload.clone(), wait));
    }
    let id = "019ae000-0000-7000-8000-000000000000";
    let parsed = |payload: Value| Invocation::parse(&payload).unwrap();
    let uuid = id.parse().unwrap();
    assert_eq!(parsed(json!({"cancel": id})), Invocation::Cancel(uuid));
    assert_eq!(parsed(json!({"progress": id})), Invocation::Progress(uuid));
}

#[test]
fn an_operator_counts_what_a_backfill_would_publish() {
    let replay = json!({"replay": {"since": "2026-11-21T00:00:00Z"}});
    let request = Request::parse(&replay).unwrap().unwrap();
    let everything = Counted {
        request,
        filter: Filter::default(),
    };
    assert_eq!(
        Invocation::parse(&json!({"count": replay})).unwrap(),
        Invocation::Count(Box::new(everything.clone()))
    );
    let filter = Filter::new(Some(vec!["*.published".to_owned()]), None);
    let of_subscriber = json!({"count": replay, "match": {"types": ["*.published"]}});
    assert_eq!(
        Invocation::parse(&of_subscriber).unwrap(),
        Invocation::Count(Box::new(Counted {
            filter,
            ..everything
        }))
    );
}

#[test]
fn an_operator_marks_a_change_for_a_subscriber() {
    assert_eq!(
        Invocation::parse(&json!({"mark": "doctor-1"})).unwrap(),
        Invocation::Mark("doctor-1".to_owned())
    );
    for wrong in [json!(null), json!(true), json!(""), json!("a b"), json!({})] {
        let error = Invocation::parse(&json!({"mark": wrong})).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("mark: {wrong} is not a subscriber's name")
        );
    }
}

#[test]
fn an_operator_retries_and_discards_what_is_set_apart() {
    let id = "019ae000-0000-7000-8000-000000000000";
    let parsed = |payload| Invocation::parse(&payload).unwrap();
    let (all, one) = (
        parsed(json!({"retry": "all"})),
        parsed(json!({"retry": id})),
    );
    assert_eq!(all, Invocation::Retry(None));
    assert_eq!(one, Invocation::Retry(Some(id.parse().unwrap())));
    let discarded = parsed(json!({"discard": id}));
    assert_eq!(discarded, Invocation::Discard(id.parse().unwrap()));
    // The names are in log lines, so people search for them.
    assert_eq!((all.as_str(), discarded.as_str()), ("retry", "discard"));
}

#[test]
fn a_log_record_names_each_transaction_once() {
    // Three log lines, gzipped and base64-encoded as CloudWatch Logs sends them, with the ids 901, 900 and 901.
    let data = include_str!("../../tests/fixtures/log-record.base64").trim();
    assert_eq!(
        Invocation::parse(&json!({"awslogs": {"data": data}})).unwrap(),
        Invocation::Transactions(vec![900, 901])
    );
}

#[test]
fn a_log_record_with_a_text_like_a_doorbell_line_names_no_transaction() {
    // The lines ERROR and STATEMENT of `select 'wagrun doorbell {"xid":"999999999999"}'::int`.
    let data = include_str!("../../tests/fixtures/log-record-of-a-failed-statement.base64").trim();
    assert_eq!(
        Invocation::parse(&json!({"awslogs": {"data": data}})).unwrap(),
        Invocation::Transactions(Vec::new())
    );
}

#[test]
fn an_unknown_payload_is_named_in_the_error() {
    let table = [
        (
            json!({"hello": 1, "world": 2}),
            "unknown event with keys hello, world",
        ),
        (json!({}), "unknown event with no keys"),
        (json!([1]), "unknown event with an array"),
        (json!("ring"), "unknown event with only \"ring\""),
        (json!({"sweep": "yes"}), "unknown event with keys sweep"),
        (
            json!({"xid": "abc"}),
            "xid: \"abc\" is not a transaction id",
        ),
        (json!({"xid": -1}), "xid: -1 is not a transaction id"),
        (json!({"xid": "0"}), "xid: \"0\" is not a transaction id"),
        (
            json!({"replay": {"since": "now"}}),
            "cannot read replay.since: \"now\" is not a time",
        ),
        (
            json!({"match": {"under": "news"}}),
            "match.under: \"news\" is not a path that begins with /",
        ),
        (
            json!({"match": {"type": "*"}}),
            "cannot read match.type: unknown field",
        ),
        (
            json!({"snapshot": {"subscriber": "search"}, "wait": "no"}),
            "wait: \"no\" is neither true nor false",
        ),
        (
            json!({"count": {"replay": {"until": "now"}}}),
            "cannot read count: cannot read replay.until: \"now\" is not a time",
        ),
        (
            json!({"count": {"replay": {"type": "*"}}, "match": {"type": "*"}}),
            "cannot read match.type: unknown field",
        ),
        (
            json!({"count": {"replay": {"type": "*"}}, "sweep": 1}),
            "sweep: cannot stand beside count",
        ),
        (
            json!({"count": "all"}),
            "count: \"all\" is not an object with replay or snapshot",
        ),
        (
            json!({"match": {}, "sweep": 1}),
            "sweep: cannot stand beside match",
        ),
        (
            json!({"cancel": "all"}),
            "cancel: \"all\" is not the id of a replay or snapshot",
        ),
        (
            json!({"retry": 7}),
            "retry: 7 is not an event's id, nor \"all\"",
        ),
        (
            json!({"discard": "all"}),
            "discard: \"all\" is not an event's id",
        ),
        (
            json!({"awslogs": {"data": "rubbish"}}),
            "awslogs: not a CloudWatch Logs record",
        ),
    ];
    for (payload, message) in table {
        let error = wagrun_lambda::telemetry::chain(&Invocation::parse(&payload).unwrap_err());
        assert!(error.starts_with(message), "{payload} gave {error}");
    }
}
