//! `wagrun redrive`, `replay`, `snapshot`, `sweep` and `migrate`: putting something right.

use axum::http::StatusCode;
use serde_json::json;
use testing::progress::{Progress, Wait, wait_until};
use testing::receiver::Answer;

use crate::support::runtime::{WAIT_TIMEOUT, run};
use crate::support::scenario::Scenario;
use crate::support::subscribers::{retitle, subscribe, unsubscribe, wait_for_requests};
use crate::support::wagrun::{clear_dead_letters, until, wagrun};

#[test]
fn a_delivery_that_was_given_up_is_sent_again_to_its_subscriber_alone() {
    run(async {
        let mut scenario = Scenario::exclusive("op-redrive").await;
        clear_dead_letters(&scenario).await;
        let post = scenario.live_post(scenario.root, "Post").await;
        let tried = wagrun(&scenario, &["redrive", "set-aside"]).await.good();
        let is_told = tried.starts_with("SUBSCRIBER ");
        assert!(is_told || tried == "Nothing is set aside.\n", "{tried}");
        for name in ["op-dead", "op-other"] {
            subscribe(&scenario, name, json!({"retry_seconds": [1, 1]})).await;
            let failure = Answer::status(StatusCode::BAD_GATEWAY);
            scenario.receiver().answer_next(name, 3, &failure);
        }
        let event = retitle(&mut scenario, post, "Given up").await;
        let deployment = &scenario.stack.local.deployment;
        let url = deployment.output("DeliveryDeadLetterQueueUrl").unwrap();
        let dead = async |count: u64| {
            let poll = || async {
                let depth = deployment.aws().queue_depth(url).await?;
                Ok::<_, local_stack::aws::AwsError>(match depth.visible + depth.in_flight {
                    found if found == count => Wait::Ready(()),
                    found => Wait::NotYet(format!("{found} dead letters")),
                })
            };
            wait_until(&Progress::quiet(), "the dead letters", WAIT_TIMEOUT, poll)
                .await
                .unwrap_or_else(|error| panic!("{error:?}"));
        };
        dead(2).await;

        let redrive = ["redrive", "deliveries", "--subscriber", "op-dead"];
        let question = wagrun(&scenario, &redrive).await.error();
        assert!(
            question.contains("those to op-dead among 2 dead deliveries"),
            "{question}"
        );
        let yes = [&redrive[..], &["--yes"]].concat();
        let text = wagrun(&scenario, &yes).await.good();
        assert!(
            text.contains("1 of the deliveries was sent again, 1 left.\n  op-dead  1\n"),
            "{text}"
        );
        let requests = wait_for_requests(&scenario, "op-dead", 4).await;
        assert_eq!(requests[3].event.as_ref().unwrap().id, event.id);
        assert_eq!(requests[3].status, Some(StatusCode::NO_CONTENT));
        assert_eq!(scenario.receiver().requests("op-other").len(), 3);

        // The other's message was looked at, and can be seen again at once.
        dead(1).await;
        let typo = ["redrive", "deliveries", "--subscriber", "op-daed", "--yes"];
        let error = wagrun(&scenario, &typo).await.error();
        assert!(
            error.contains("op-daed: there is no such subscriber"),
            "{error}"
        );
        let all = ["redrive", "deliveries", "--yes", "--output", "json"];
        let all = wagrun(&scenario, &all).await.json();
        assert_eq!(
            (&all["sent"]["op-other"], &all["left"]),
            (&json!(1), &json!(0))
        );
        wait_for_requests(&scenario, "op-other", 4).await;
        deployment.aws().purge(url).await.unwrap();
        for name in ["op-dead", "op-other"] {
            unsubscribe(&scenario, name).await;
        }
    });
}

#[test]
fn a_snapshot_and_a_replay_are_planned_and_followed_to_the_end() {
    run(async {
        let mut scenario = Scenario::new("op-backfill").await;
        let post = scenario.live_post(scenario.root, "Post").await;
        let live = retitle(&mut scenario, post, "Retitled").await;
        subscribe(&scenario, "op-backfill", json!({})).await;
        let under = scenario
            .url
            .trim_start_matches("http://localhost")
            .to_owned();
        let snapshot = ["snapshot", "--subscriber", "op-backfill", "--under", &under];
        let plan = wagrun(&scenario, &[&snapshot[..], &["--plan"]].concat())
            .await
            .good();
        assert!(plan.contains("goes to     op-backfill\n"), "{plan}");
        assert!(plan.contains("events      2 events\n"), "{plan}");
        let done = wagrun(&scenario, &[&snapshot[..], &["--yes"]].concat())
            .await
            .good();
        assert!(
            done.contains("2 events were published; a subscriber gets"),
            "{done}"
        );
        let requests = wait_for_requests(&scenario, "op-backfill", 2).await;
        assert!(
            requests
                .iter()
                .all(|one| one.event.as_ref().unwrap().is_snapshot())
        );

        let subject = format!("page/{post}");
        let replay = [
            "replay",
            "--subscriber",
            "op-backfill",
            "--subject",
            &subject,
            "--type",
            "wagtail.page.updated",
            "--since",
            "1h",
            "--yes",
        ];
        let done = wagrun(&scenario, &replay).await.good();
        assert!(done.contains(" events were published; "), "{done}");
        let requests = wait_for_requests(&scenario, "op-backfill", 4).await;
        let replayed = requests.iter().filter_map(|one| one.event.as_ref().ok());
        assert!(
            replayed
                .into_iter()
                .any(|one| one.id == live.id && one.replayed)
        );

        let (_, id) = done.trim_end().rsplit_once('(').unwrap();
        let id = id.trim_end_matches(')');
        let listed = until(&scenario, &["replays", "--since", "1h"], id).await;
        let row = listed.lines().find(|row| row.starts_with(id)).unwrap();
        assert!(row.contains("done"), "{listed}");
        assert!(
            row.contains(&format!("\"subject\":\"{subject}\"")),
            "{listed}"
        );
        let late = wagrun(&scenario, &["cancel", id]).await.error();
        assert!(
            late.contains(&format!("no replay or snapshot {id} is under way")),
            "{late}"
        );
        // A mistake of an operator is no failure of the function.
        let refused = format!("no replay or snapshot {id}");
        let logs = ["logs", "content-events", "--problems", "--since", "1h"];
        until(&scenario, &logs, &refused).await;
        let doctor = ["doctor", "--only", "errors", "--output", "json"];
        let report = wagrun(&scenario, &doctor).await;
        assert!(!report.stdout.contains(id), "{report:?}");

        let off = ["subscribers", "disable", "op-backfill"];
        wagrun(&scenario, &off).await.good();
        let refused = wagrun(&scenario, &[&snapshot[..], &["--yes"]].concat())
            .await
            .error();
        assert!(
            refused.contains("it is off, and would get nothing"),
            "{refused}"
        );
        unsubscribe(&scenario, "op-backfill").await;
    });
}

#[test]
fn a_sweep_and_a_migration_say_what_they_did() {
    run(async {
        let scenario = Scenario::exclusive("op-sweep").await;
        let releases = wagrun(&scenario, &["releases"]).await.good();
        assert!(
            releases.starts_with("Releases are switched off"),
            "{releases}"
        );
        let swept = wagrun(&scenario, &["sweep", "--yes"]).await.good();
        assert!(swept.contains(" events were published"), "{swept}");
        let status = wagrun(&scenario, &["migrate", "status", "--yes"])
            .await
            .good();
        assert!(
            status.contains("no migration is running; schema 20"),
            "{status}"
        );
        assert!(status.contains("succeeded"), "{status}");
        let plan = wagrun(&scenario, &["migrate", "plan", "--yes"])
            .await
            .good();
        assert_eq!(plan, "No migration would be applied.\n");
        let ran = wagrun(&scenario, &["migrate", "run", "--yes"]).await.good();
        assert!(
            ran.contains("The database is up to date: 0 migrations were applied, "),
            "{ran}"
        );
    });
}
