use super::*;
use serde_json::json;

fn parse(payload: Value) -> Result<Request, String> {
    Request::parse(&payload)
        .unwrap()
        .map_err(|error| wagrun_lambda::telemetry::chain(&error))
}

#[test]
fn a_replay_may_be_narrowed_in_every_way() {
    let filter = Filter::new(Some(vec!["wagtail.page.*".to_owned()]), None);
    assert_eq!(
        parse(json!({"replay": {
            "since": "2026-11-21T08:00:00Z", "until": "2026-11-21T10:00:00+01:00", "type": "wagtail.page.*",
            "subject": "page/4", "under": "/blog/", "subscriber": "team/search",
        }})),
        Ok(Request::Replay(Replay {
            since: Some("2026-11-21T08:00:00Z".parse().unwrap()),
            until: Some("2026-11-21T09:00:00Z".parse().unwrap()),
            subject: Some("page/4".to_owned()),
            filter: filter.under("/blog/").unwrap(),
            subscriber: Some("team/search".to_owned()),
        }))
    );
}

#[test]
fn a_snapshot_needs_nothing_but_its_subscriber() {
    assert_eq!(
        parse(json!({"snapshot": {"subscriber": "search"}})),
        Ok(Request::Snapshot(Snapshot {
            subscriber: "search".to_owned(),
            filter: Filter::default(),
            only_pages: false,
        }))
    );
}

#[test]
fn another_payload_is_not_a_request() {
    assert!(Request::parse(&json!({"sweep": true})).is_none());
    assert!(Request::parse(&json!(["replay"])).is_none());
}

#[test]
fn every_error_names_the_field_and_its_place() {
    let everything =
        "replay: asks for everything; give at least one of since, until, type, subject and under";
    let name = "is not a subscriber's name, which is its parameter's below /<stack>/subscribers/";
    let replays = [
        (json!(true), "replay: is not an object of fields"),
        (
            json!(["2026-11-21T08:00:00Z"]),
            "replay: is not an object of fields",
        ),
        (json!({}), everything),
        (json!({"subscriber": "search"}), everything),
        (
            json!({"types": ["a"]}),
            "cannot read replay.types: unknown field `types`, expected one of \
             `since`, `until`, `type`, `subject`, `under`, `subscriber`",
        ),
        (
            json!({"since": "yesterday"}),
            "cannot read replay.since: \"yesterday\" is not a time such as 2026-11-21T08:00:00Z",
        ),
        (
            json!({"until": 1}),
            "cannot read replay.until: invalid type: number, expected a string",
        ),
        (
            json!({"type": "wagtail.*", "subject": null}),
            "cannot read replay.subject: invalid type: null, expected a string",
        ),
        (
            json!({"since": "2026-11-21T08:00:00Z", "until": "2026-11-21T08:00:00Z"}),
            "replay.until: is not after since",
        ),
        (json!({"type": ""}), "cannot read replay.type: is empty"),
        (
            json!({"type": ["wagtail.*"]}),
            "cannot read replay.type: invalid type: sequence, expected a string",
        ),
        (
            json!({"subject": "4"}),
            "cannot read replay.subject: \"4\" is not an object such as page/4",
        ),
        (
            json!({"under": "blog/"}),
            "replay.under: \"blog/\" is not a path that begins with /",
        ),
        (
            json!({"subject": "page/4", "subscriber": "/wagrun/subscribers/cdn"}),
            &format!("cannot read replay.subscriber: \"/wagrun/subscribers/cdn\" {name}"),
        ),
    ];
    for (fields, expected) in replays {
        let payload = json!({"replay": fields});
        assert_eq!(
            parse(payload.clone()),
            Err(expected.to_owned()),
            "for {payload}"
        );
    }
    let snapshots = [
        (json!(["search"]), "snapshot: is not an object of fields"),
        (
            json!({}),
            "cannot read snapshot: missing field `subscriber`",
        ),
        (
            json!({"subscriber": "a b"}),
            &format!("cannot read snapshot.subscriber: \"a b\" {name}"),
        ),
        (
            json!({"subscriber": "a", "since": "2026-11-21T08:00:00Z"}),
            "cannot read snapshot.since: unknown field `since`, expected one of \
             `subscriber`, `types`, `content_types`, `under`",
        ),
        (
            json!({"subscriber": "a", "types": "wagtail.*"}),
            "cannot read snapshot.types: invalid type: string \"wagtail.*\", expected a sequence",
        ),
        (
            json!({"subscriber": "a", "content_types": []}),
            "cannot read snapshot.content_types: is empty",
        ),
        (
            json!({"subscriber": "a", "content_types": ["blog.*", 7]}),
            "cannot read snapshot.content_types[1]: invalid type: number, expected a string",
        ),
        (
            json!({"subscriber": "a", "under": "blog/"}),
            "snapshot.under: \"blog/\" is not a path that begins with /",
        ),
    ];
    for (fields, expected) in snapshots {
        let payload = json!({"snapshot": fields});
        assert_eq!(
            parse(payload.clone()),
            Err(expected.to_owned()),
            "for {payload}"
        );
    }
    assert_eq!(
        parse(json!({"replay": {"subject": "page/4"}, "dry_run": true})),
        Err("dry_run: cannot stand beside replay".to_owned())
    );
}
