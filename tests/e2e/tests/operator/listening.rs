//! `wagrun listen`: live events on a developer's machine, and nothing that stays behind.

use std::io;
use std::process::Command;

use serde_json::{Value, json};
use testing::progress::{Progress, Wait, wait_until};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;

use crate::support::held_call::{HeldCall, Moment};
use crate::support::runtime::{WAIT_TIMEOUT, run};
use crate::support::scenario::Scenario;
use crate::support::subscribers::{retitle, wait_for_requests};
use crate::support::wagrun::{command, start_wagrun, wagrun};

/// Returns the names of the queues of all listeners, and the endpoints of their subscriptions.
async fn traces(scenario: &Scenario) -> (Vec<String>, Vec<String>) {
    let deployment = &scenario.stack.local.deployment;
    let aws = deployment.aws();
    let prefix = json!({"QueueNamePrefix": "wagrun-local-listen-"});
    let queues = aws
        .json("sqs", "AmazonSQS.ListQueues", &prefix)
        .await
        .unwrap();
    let queues = queues["QueueUrls"].as_array().into_iter().flatten();
    let queues = queues
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    let topic = [("TopicArn", deployment.output("EventTopicArn").unwrap())];
    let listed = aws.query("sns", "ListSubscriptionsByTopic", "2010-03-31", &topic);
    let listed = listed.await.unwrap();
    let endpoints = listed
        .split("<Endpoint>")
        .filter_map(|part| part.split_once("</Endpoint>"))
        .map(|(endpoint, _)| endpoint.to_owned())
        .filter(|endpoint| endpoint.contains("-listen-"))
        .collect();
    (queues, endpoints)
}

async fn wait_for_traces(scenario: &Scenario, queues: usize, subscriptions: usize) {
    let poll = || async {
        let (found, subscribed) = traces(scenario).await;
        Ok::<_, io::Error>(
            match (found.len(), subscribed.len()) == (queues, subscriptions) {
                true => Wait::Ready(()),
                false => Wait::NotYet(format!("{found:?} {subscribed:?}")),
            },
        )
    };
    let waited = wait_until(
        &Progress::quiet(),
        "queues of listeners",
        WAIT_TIMEOUT,
        poll,
    )
    .await;
    waited.unwrap_or_else(|error| panic!("{error:?}"));
}

/// Waits until the listener says that it listens.
async fn wait_until_listening(child: &mut Child) {
    let mut lines = BufReader::new(child.stderr.as_mut().unwrap()).lines();
    let listening = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.starts_with("listening to the events of wagrun-local") {
                return;
            }
        }
        panic!("the listener ended");
    };
    tokio::time::timeout(WAIT_TIMEOUT, listening)
        .await
        .expect("it does not listen");
}

fn send_signal(child: &Child, signal: &str) {
    let id = child.id().unwrap().to_string();
    assert!(
        Command::new("kill")
            .args([signal, &id])
            .status()
            .unwrap()
            .success()
    );
}

/// Lets the last sign of life of every listener's queue be old.
async fn let_time_go_by(scenario: &Scenario) {
    let aws = scenario.stack.local.deployment.aws();
    for queue in traces(scenario).await.0 {
        let old = json!({"QueueUrl": queue, "Tags": {"wagrun-listen-alive-at": "1700000000"}});
        aws.json("sqs", "AmazonSQS.TagQueue", &old).await.unwrap();
    }
}

#[test]
fn a_listener_forwards_signed_events_and_leaves_nothing_behind() {
    run(async {
        let mut scenario = Scenario::exclusive("op-listen").await;
        let post = scenario.live_post(scenario.root, "Post").await;
        let (url, secret) = (
            scenario.receiver().url("op-listen"),
            scenario.receiver().secret("op-listen"),
        );
        let arguments = [
            "listen",
            "--forward-to",
            &url,
            "--secret",
            &secret,
            "--types",
            "wagtail.page.*",
            "--under",
            "/op-listen/",
        ];
        let mut listener = start_wagrun(&scenario, &arguments).await;
        wait_until_listening(&mut listener).await;
        wait_for_traces(&scenario, 1, 1).await;

        let live = retitle(&mut scenario, post, "Live").await;
        let requests = wait_for_requests(&scenario, "op-listen", 1).await;
        assert_eq!(requests[0].signature, Ok(()));
        assert_eq!(requests[0].event.as_ref().unwrap(), &live);
        // The sample is of another site's page, and the filter by path leaves it out. One of the same path passes.
        let sample = wagrun(&scenario, &["trigger", "wagtail.page.published"])
            .await
            .good();
        assert!(sample.contains("sent to 1 listener"), "{sample}");

        send_signal(&listener, "-TERM");
        let status = tokio::time::timeout(WAIT_TIMEOUT, listener.wait()).await;
        assert!(status.expect("it does not end").unwrap().success());
        assert_eq!(traces(&scenario).await, (Vec::new(), Vec::new()));
        assert_eq!(scenario.receiver().requests("op-listen").len(), 1);
    });
}

#[test]
fn what_a_killed_listener_left_is_found_and_removed() {
    run(async {
        let scenario = Scenario::exclusive("op-killed").await;
        let mut listener = start_wagrun(&scenario, &["listen"]).await;
        wait_until_listening(&mut listener).await;
        send_signal(&listener, "-KILL");
        listener.wait().await.unwrap();
        wait_for_traces(&scenario, 1, 1).await;
        // It could be one that runs, and so a second one leaves it alone for five minutes.
        let running = wagrun(&scenario, &["doctor", "--only", "listeners"])
            .await
            .good();
        assert!(running.contains("none is left"), "{running}");
        wagrun(&scenario, &["listen", "--count", "0"]).await.good();
        wait_for_traces(&scenario, 1, 1).await;

        let_time_go_by(&scenario).await;
        let left = wagrun(&scenario, &["doctor", "--only", "listeners"])
            .await
            .bad();
        assert!(left.contains("wagrun-local-listen-"), "{left}");
        let next = wagrun(&scenario, &["listen", "--count", "0"]).await;
        assert!(
            next.stderr.contains("removed wagrun-local-listen-"),
            "{next:?}"
        );
        assert_eq!(traces(&scenario).await, (Vec::new(), Vec::new()));
    });
}

/// A listener that listens to no event creates everything, and removes it.
#[test]
fn a_listener_that_is_killed_at_any_step_leaves_only_what_the_next_one_removes() {
    run(async {
        let scenario = Scenario::exclusive("op-steps").await;
        let emulator = scenario.stack.local.emulator.endpoint();
        let steps = [
            ("AmazonSQS.CreateQueue", Moment::Before, (0, 0)),
            ("AmazonSQS.CreateQueue", Moment::After, (1, 0)),
            ("Action=Subscribe&", Moment::Before, (1, 0)),
            ("Action=Subscribe&", Moment::After, (1, 1)),
            ("Action=Unsubscribe&", Moment::Before, (1, 1)),
            ("Action=Unsubscribe&", Moment::After, (1, 0)),
            ("AmazonSQS.DeleteQueue", Moment::Before, (1, 0)),
            ("AmazonSQS.DeleteQueue", Moment::After, (0, 0)),
        ];
        for (call, moment, (queues, subscriptions)) in steps {
            let mut way = HeldCall::start(emulator, call, moment).await;
            let mut command = command(&scenario).await;
            command.args(["listen", "--count", "0"]);
            let mut listener = command
                .env("AWS_ENDPOINT_URL", &way.endpoint)
                .spawn()
                .unwrap();
            let reached = tokio::time::timeout(WAIT_TIMEOUT, way.reached()).await;
            reached.unwrap_or_else(|_| panic!("{call} was not called"));
            send_signal(&listener, "-KILL");
            listener.wait().await.unwrap();
            let (left, subscribed) = traces(&scenario).await;
            assert_eq!(
                (left.len(), subscribed.len()),
                (queues, subscriptions),
                "{moment:?} {call}"
            );

            let_time_go_by(&scenario).await;
            wagrun(&scenario, &["listen", "--count", "0"]).await.good();
            assert_eq!(
                traces(&scenario).await,
                (Vec::new(), Vec::new()),
                "{moment:?} {call}"
            );
        }
    });
}
