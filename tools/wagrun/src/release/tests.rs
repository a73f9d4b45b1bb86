//! `wagrun release` against replayed answers of AWS. The states are those that the function release stores.

use std::sync::Mutex;

use testing::replay::answering;

use super::*;
use crate::output::Format;

const DIGEST: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// Returns a stack whose release answers with this digest, and whose state is the next one each time it is read.
fn stack(states: Vec<Value>) -> Stack {
    let states = Mutex::new(states.into_iter());
    let aws = answering(move |request| {
        if request.operation == "AmazonSSM.GetParameter" {
            return match states.lock().unwrap().next() {
                Some(Value::Null) => (400, json!({"__type": "ParameterNotFound"}).to_string()),
                Some(state) => {
                    let parameter = json!({"Value": state.to_string()});
                    (200, json!({"Parameter": parameter}).to_string())
                }
                None => (500, "{}".to_owned()),
            };
        }
        let asked: Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!(asked, json!({"deploy": {"tag": "prod-7"}}));
        let queued = json!({"queued": {"deploy": {"tag": "prod-7", "digest": DIGEST}}});
        (200, queued.to_string())
    });
    Stack::with_outputs("site", aws, &[("ReleaseFunctionName", "site-release")])
}

fn at(minute: u8) -> String {
    format!("2027-01-01T08:{minute:02}:00Z")
}

fn current(phase: &str) -> Value {
    json!({
        "sequence": 1,
        "current": {
            "sequence": 1, "digest": DIGEST, "tag": "prod-7", "started_at": at(0), "phase": phase, "phase_started_at": at(1),
        },
    })
}

async fn follow_to_the_end(states: Vec<Value>) -> Result<(ReleaseState, Verdict), CommandError> {
    let stack = stack(states);
    let before = ReleaseState::read(&stack).await?;
    let output = Output::new(Format::Text);
    follow(&stack, &output, DIGEST, &before, Duration::from_millis(1)).await
}

#[tokio::test]
async fn the_first_release_is_followed_into_service() {
    let deployed = json!({"digest": DIGEST, "tag": "prod-7", "deployed_at": at(9)});
    let states = vec![
        Value::Null,
        Value::Null,
        current("updating-migrate"),
        current("migrating"),
        current("deploying"),
        json!({"sequence": 1, "deployed": deployed}),
    ];
    let (state, verdict) = follow_to_the_end(states).await.unwrap();
    assert_eq!(verdict, Verdict::Good);
    assert_eq!(
        Releases { state }.to_string(),
        format!("under way   nothing\nin service  prod-7 ({DIGEST}) since 2027-01-01 08:09:00\n")
    );
}

#[tokio::test]
async fn a_release_that_fails_is_a_bad_end_with_its_reason() {
    let failure = json!({
        "sequence": 1, "digest": DIGEST, "tag": "prod-7", "phase": "migrating", "reason": "column exists already",
        "failed_at": at(5),
    });
    let states = vec![
        Value::Null,
        current("migrating"),
        json!({"sequence": 1, "last_failure": failure}),
    ];
    let (state, verdict) = follow_to_the_end(states).await.unwrap();
    assert_eq!(verdict, Verdict::Bad);
    let text = Releases { state }.to_string();
    assert!(
        text.contains("failed while migrating at 2027-01-01 08:05:00: column exists already"),
        "{text}"
    );
}

#[tokio::test]
async fn a_newer_request_ends_the_wait() {
    let newest = json!({"digest": "sha256:newer", "requested_at": "2100-01-01T00:00:00Z"});
    let states = vec![
        Value::Null,
        json!({"sequence": 1, "newest_request": newest}),
    ];
    let (_, verdict) = follow_to_the_end(states).await.unwrap();
    assert_eq!(verdict, Verdict::Bad);
}

#[tokio::test]
async fn a_request_that_is_not_waited_for_is_queued() {
    let arguments = Release {
        image: "prod-7".to_owned(),
        no_wait: true,
    };
    let verdict = release(
        &arguments,
        &stack(vec![Value::Null]),
        &Output::new(Format::Text),
    )
    .await;
    assert_eq!(verdict.unwrap(), Verdict::Good);
    let answer = json!({"queued": {"deploy": {"tag": "prod-7", "digest": DIGEST}}});
    assert_eq!(digest_of(&answer).unwrap(), DIGEST);
    assert_eq!(
        Requested { answer }.to_string(),
        format!("{DIGEST} is queued. Its progress: wagrun releases\n")
    );
    assert!(digest_of(&json!({"queued": null})).is_err());
}
