//! The deliveries of a disabled subscriber are set aside, and arrive in order when it is enabled again.

use axum::http::StatusCode;
use serde_json::{Value, json};
use testing::progress::{Progress, Wait, wait_until};
use testing::receiver::Answer;
use wagrun_lambda::telemetry::chain;

use crate::support::runtime::{WAIT_TIMEOUT, run};
use crate::support::scenario::Scenario;
use crate::support::subscribers::{retitle, subscribe, unsubscribe, wait_for_requests};

const NAME: &str = "set-aside";

/// Runs sweeps of the backlogs until one reports this state for the subscriber, and returns that report.
async fn sweep_until(scenario: &Scenario, expected: &str) -> Value {
    let deployment = &scenario.stack.local.deployment;
    let poll = || async {
        let payload = json!({"sweep": "backlogs"});
        let all = deployment.invoke("DeliverFunctionName", &payload).await?;
        let mine = all.as_array().into_iter().flatten();
        let mine = mine.into_iter().find(|one| one["subscriber"] == NAME);
        Ok::<_, local_stack::deployment::DeploymentError>(match mine {
            Some(mine) if mine["state"] == expected => Wait::Ready(mine.clone()),
            _ => Wait::NotYet(all.to_string()),
        })
    };
    wait_until(&Progress::quiet(), expected, WAIT_TIMEOUT, poll)
        .await
        .unwrap_or_else(|error| panic!("{}", chain(&error)))
}

#[test]
fn deliveries_to_a_disabled_subscriber_arrive_in_order_when_it_is_enabled_again() {
    run(async {
        let mut scenario = Scenario::new(NAME).await;
        let post = scenario.live_post(scenario.root, "Post").await;
        // On a busy machine the second attempt may come before the subscriber is off. Then the third one finds it off.
        let waits = json!([4, 30]);
        subscribe(&scenario, NAME, json!({"retry_seconds": waits})).await;
        let failure = Answer::status(StatusCode::SERVICE_UNAVAILABLE);
        scenario.receiver().answer_always(NAME, failure);
        let first = retitle(&mut scenario, post, "First").await;
        wait_for_requests(&scenario, NAME, 1).await;
        let second = retitle(&mut scenario, post, "Second").await;
        subscribe(&scenario, NAME, json!({"enabled": false})).await;

        let deployment = &scenario.stack.local.deployment;
        let aside = || async {
            let lines = deployment.function_logs("deliver", 0).await?;
            let mine = |message: &str| {
                message.contains("delivery set aside")
                    && message.contains(&format!("\"subscriber\":\"{NAME}\""))
            };
            let lines: Vec<_> = lines.iter().filter(|line| mine(&line.message)).collect();
            Ok::<_, local_stack::deployment::DeploymentError>(match lines.len() {
                2 => Wait::Ready(()),
                count => Wait::NotYet(format!("{count} are")),
            })
        };
        let what = "two deliveries set aside";
        let waited = wait_until(&Progress::quiet(), what, WAIT_TIMEOUT, aside).await;
        waited.unwrap_or_else(|error| panic!("{}", chain(&error)));
        let waiting = sweep_until(&scenario, "waiting").await;
        assert_eq!(waiting["lanes"], 1);
        let refused = scenario.receiver().requests(NAME).len();

        let accepted = Answer::status(StatusCode::NO_CONTENT);
        scenario.receiver().answer_always(NAME, accepted);
        subscribe(&scenario, NAME, json!({})).await;
        let recalled = sweep_until(&scenario, "tried").await;
        assert_eq!(recalled["recalled"], 1);
        wait_for_requests(&scenario, NAME, refused + 2).await;
        let third = retitle(&mut scenario, post, "Third").await;
        wait_for_requests(&scenario, NAME, refused + 3).await;
        assert_eq!(scenario.receiver().events(NAME), [first, second, third]);

        sweep_until(&scenario, "removed").await;
        unsubscribe(&scenario, NAME).await;
    });
}
