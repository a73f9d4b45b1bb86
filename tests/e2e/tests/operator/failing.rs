//! A receiver that fails, before and after deliver writes anything about it.

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::json;
use testing::receiver::Answer;

use crate::support::runtime::run;
use crate::support::scenario::Scenario;
use crate::support::subscribers::{retitle, subscribe, unsubscribe, wait_for_requests};
use crate::support::wagrun::{until, wagrun};

#[test]
fn a_receiver_that_fails_is_seen_before_its_delivery_is_given_up() {
    run(async {
        // Alone, because its delivery is hidden in the queue for longer than any other test runs.
        let mut scenario = Scenario::exclusive("op-failing").await;
        let post = scenario.live_post(scenario.root, "Post").await;
        // Two attempts within a second, and then none while this test looks.
        subscribe(&scenario, "op-failing", json!({"retry_seconds": [1, 900]})).await;
        let failure = Answer::status(StatusCode::SERVICE_UNAVAILABLE);
        scenario.receiver().answer_next("op-failing", 100, &failure);
        let first = retitle(&mut scenario, post, "One").await;
        wait_for_requests(&scenario, "op-failing", 2).await;
        let second = retitle(&mut scenario, post, "Two").await;

        let object = format!("page/{post}");
        let behind = format!("    waits behind {}\n", first.id);
        let history = until(&scenario, &["history", &object], &behind).await;
        let (before, after) = history.split_once(&second.id.to_string()).unwrap();
        assert!(before.contains("attempt 2  refused  503"), "{history}");
        assert!(before.contains("    next attempt at 20"), "{history}");
        assert!(after.ends_with(&behind), "{history}");

        let show = ["subscribers", "show", "op-failing"];
        let shown = wagrun(&scenario, &show).await.bad();
        let failed = format!("attempt 2 of {object} at 20");
        for expected in [
            "state       1 delivery waits for another attempt at 20",
            &format!("failed      {failed}"),
            "refused 503\n",
            "attempts    3, with waits of 1 s, 15 min\n",
        ] {
            assert!(shown.contains(expected), "{expected}: {shown}");
        }
        let status = wagrun(&scenario, &["status"]).await.bad();
        for problem in [
            "subscriber op-failing: 1 delivery waits for another attempt at 20",
            &format!("; newest failure: {failed}"),
        ] {
            assert!(status.contains(problem), "{problem}: {status}");
        }
        // By its id, too, an event is known to wait behind another.
        let second = second.id.to_string();
        let history = wagrun(&scenario, &["history", &second]).await.good();
        assert!(history.ends_with(&behind), "{history}");
        assert!(!history.contains("attempt 2"), "{history}");
        // Nothing comes to a subscriber that is off.
        let off = ["subscribers", "disable", "op-failing"];
        wagrun(&scenario, &off).await.good();
        let history = wagrun(&scenario, &["history", &object]).await.good();
        let waits =
            "    waits until the subscriber is switched on: wagrun subscribers enable op-failing\n";
        assert!(history.contains(waits), "{history}");
        assert!(!history.contains("next attempt at"), "{history}");
        let deployment = &scenario.stack.local.deployment;
        let queue = deployment.output("DeliveryQueueUrl").unwrap();
        deployment.aws().purge(queue).await.unwrap();
        unsubscribe(&scenario, "op-failing").await;
    });
}

#[test]
fn a_subscriber_that_deliver_switched_off_is_a_problem_and_no_time_is_forgotten() {
    run(async {
        let mut scenario = Scenario::new("op-gone").await;
        let post = scenario.live_post(scenario.root, "Post").await;
        subscribe(&scenario, "op-gone", json!({})).await;
        let gone = Answer::status(StatusCode::GONE);
        let show = ["subscribers", "show", "op-gone"];
        let off = "the receiver answered 410 Gone";
        let mut first = None;
        // Whoever switches it on too early has it off again, and must not lose the time before.
        for (round, title) in [(1, "One"), (2, "Two")] {
            scenario.receiver().answer_next("op-gone", 1, &gone);
            retitle(&mut scenario, post, title).await;
            wait_for_requests(&scenario, "op-gone", 2 * round - 1).await;
            let shown = until(&scenario, &show, off).await;
            assert!(shown.contains("state       off since 20"), "{shown}");
            let status = wagrun(&scenario, &["status"]).await.bad();
            assert!(
                status.contains("subscriber op-gone: off since 20"),
                "{status}"
            );
            let logs = ["logs", "deliver", "--since", "1h", "--grep", "op-gone"];
            until(&scenario, &logs, "subscriber disabled").await;
            let enable = ["subscribers", "enable", "op-gone"];
            let enabled = wagrun(&scenario, &enable).await.good();
            let (_, since) = enabled.split_once("Events since ").unwrap();
            let since = since.split(' ').next().unwrap().to_owned();
            let since: Timestamp = since.parse().unwrap();
            assert!(since <= *first.get_or_insert(since), "{enabled}");
            // What was refused comes again.
            wait_for_requests(&scenario, "op-gone", 2 * round).await;
        }
        unsubscribe(&scenario, "op-gone").await;
    });
}
