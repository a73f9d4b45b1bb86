//! The demo's page, and the commands of the Makefile that look at a running demo.

use std::sync::Arc;

use jiff::Timestamp;
use local_stack::browser::{Browser, Viewport};
use local_stack::demo_file::DemoFile;
use local_stack::deployment::remove_cargo_variables;
use local_stack::page::Page;
use serde_json::json;
use testing::progress::{Progress, Wait, wait_until};
use testing::receiver::WebhookRequest;
use uuid::Uuid;
use wagrun_lambda::telemetry::chain;

use crate::support::runtime::{WAIT_TIMEOUT, run};
use crate::support::scenario::Scenario;
use crate::support::subscribers::{retitle, subscribe, unsubscribe, wait_for_requests};

/// The demo's page, open in a browser.
struct DemoPage {
    browser: Browser,
    _server: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl DemoPage {
    async fn open(scenario: &Scenario, subscribers: &[&str]) -> Self {
        let stack = &scenario.stack.local;
        let page = Page {
            receiver: Arc::clone(&stack.receiver),
            deployment: stack.deployment.clone(),
            subscribers: subscribers.iter().map(|&name| name.to_owned()).collect(),
            retry_seconds: vec![1, 6],
            since: Timestamp::now(),
            database: stack.database_url(),
            admin: format!("{}/admin/", stack.site.url),
        };
        let (address, server) = page.bind().await.unwrap();
        let server = tokio::spawn(server);
        let mut browser = Browser::start().await.unwrap();
        let viewport = Viewport {
            width: 1100,
            height: 900,
            dark: false,
        };
        let origin = format!("http://{address}/");
        browser.open(&origin, viewport).await.unwrap();
        let mut page = Self {
            browser,
            _server: server,
        };
        page.wait_for(
            "the receivers",
            "document.querySelector('fieldset') !== null",
        )
        .await;
        page
    }

    async fn wait_for(&mut self, what: &str, expression: &str) {
        let seen = self.browser.wait_for(what, expression, WAIT_TIMEOUT).await;
        seen.unwrap_or_else(|error| panic!("{error}"));
    }

    async fn choose(&mut self, name: &str, mode: &str) {
        let radio = format!("fieldset[data-name={name}] [value={mode}]");
        self.browser.click(&radio).await.unwrap();
    }

    /// Waits until the line of an event shows this text for a subscriber.
    async fn wait_for_line(&mut self, id: Uuid, name: &str, text: &str) {
        let line = format!("document.querySelector('[data-id=\"{id}\"] [data-subscriber={name}]')");
        let text = json!(text);
        let holds = format!("{line}?.innerText.includes({text})");
        self.wait_for(&format!("{text} at {name}"), &holds).await;
    }
}

#[test]
fn the_demo_page_shows_a_lane_that_waits_and_recovers() {
    run(async {
        let mut scenario = Scenario::exclusive("watched").await;
        let post = scenario.live_post(scenario.root, "Post").await;
        // The last delay leaves time for the steps on the page.
        subscribe(&scenario, "slow", json!({"retry_seconds": [2, 25]})).await;
        subscribe(&scenario, "steady", json!({})).await;
        let mut page = DemoPage::open(&scenario, &["slow", "steady"]).await;

        page.choose("slow", "fails").await;
        let first = retitle(&mut scenario, post, "First").await;
        page.wait_for_line(first.id, "slow", "failed, attempt 3 in about")
            .await;
        page.wait_for_line(first.id, "steady", "delivered").await;
        let second = retitle(&mut scenario, post, "Second").await;
        page.wait_for_line(second.id, "slow", "waiting behind updated")
            .await;
        page.wait_for_line(second.id, "steady", "signature verified")
            .await;

        page.choose("slow", "accepts").await;
        page.wait_for_line(first.id, "slow", "delivered by attempt 3")
            .await;
        page.wait_for_line(second.id, "slow", "delivered").await;
        page
            .wait_for("nothing to wait", "document.querySelector('[role=status]').innerText === 'slow: nothing waits. steady: nothing waits.'")
            .await;
        let all = wait_for_requests(&scenario, "slow", 4).await;
        assert_eq!(
            all.iter().map(id_and_status).collect::<Vec<_>>(),
            [
                (first.id, 500),
                (first.id, 500),
                (first.id, 204),
                (second.id, 204)
            ]
        );

        // The page asks the database for the earlier stages when a user opens the line.
        let summary = format!("[data-id=\"{}\"] summary", second.id);
        page.browser.click(&summary).await.unwrap();
        page.wait_for(
            "the timeline",
            "document.querySelector('.stages')?.innerText.includes('committed')",
        )
        .await;
        unsubscribe(&scenario, "slow").await;
        unsubscribe(&scenario, "steady").await;
    });
}

fn id_and_status(delivery: &WebhookRequest) -> (Uuid, u16) {
    let event = delivery.event.as_ref().unwrap();
    (event.id, delivery.status.unwrap().as_u16())
}

#[test]
fn the_commands_of_the_makefile_find_the_running_demo() {
    run(async {
        let mut scenario = Scenario::new("made").await;
        let post = scenario.live_post(scenario.root, "Post").await;
        subscribe(&scenario, "made", json!({})).await;
        retitle(&mut scenario, post, "Retitled").await;
        wait_for_requests(&scenario, "made", 1).await;

        let object = format!("OBJECT=page/{post}");
        // The lines of an invocation are in the log when it has ended.
        let poll = || async {
            let (succeeded, text) = make(&scenario, &["history", &object]).await;
            assert!(succeeded, "{text}");
            Ok::<_, std::io::Error>(match text.contains("  made\n") {
                true => Wait::Ready(()),
                false => Wait::NotYet(text),
            })
        };
        let waited = wait_until(&Progress::quiet(), "the history", WAIT_TIMEOUT, poll).await;
        waited.unwrap_or_else(|error| panic!("{}", chain(&error)));

        let (succeeded, text) =
            make(&scenario, &["subscriber-test", "NAME=made", "COUNT=no"]).await;
        assert!(succeeded, "{text}");
        assert!(
            text.contains("outcome     delivered\nstatus      204\n"),
            "{text}"
        );
        subscribe(&scenario, "made", json!({"retry_seconds": [1, 2, 3]})).await;
        let (succeeded, text) = make(&scenario, &["subscriber-test", "NAME=made"]).await;
        assert!(!succeeded, "{text}");
        let fault = "subscriber /wagrun-local/subscribers/made: retry_seconds: ";
        assert!(text.contains(fault) && text.contains("Error 2\n"), "{text}");

        let file = testing::checkout().join("docs/examples/search.json");
        let file = format!("FILE={}", file.display());
        let (succeeded, text) = make(&scenario, &["subscriber-check", &file]).await;
        assert!(succeeded, "{text}");
        unsubscribe(&scenario, "made").await;
    });
}

/// Runs a command of the Makefile with this stack in the place of the demo. Returns its success and its output.
async fn make(scenario: &Scenario, arguments: &[&str]) -> (bool, String) {
    let stack = &scenario.stack.local;
    let file = stack
        .supervisor
        .directory()
        .join(format!("{}.env", Uuid::new_v4()));
    let endpoint = stack.emulator.endpoint();
    let _running = DemoFile::write(file.clone(), endpoint, &stack.database_url()).unwrap();
    let mut command = std::process::Command::new("make");
    command
        .args(arguments)
        .arg(format!("DEMO={}", file.display()))
        .arg("STACK=")
        .current_dir(testing::checkout());
    remove_cargo_variables(&mut command);
    // The settings of the surrounding `make test` must not reach it.
    for name in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL"] {
        command.env_remove(name);
    }
    let mut command = tokio::process::Command::from(command);
    // The command compiles, beside other tests.
    let output = tokio::time::timeout(WAIT_TIMEOUT * 5, command.kill_on_drop(true).output()).await;
    let output = output.unwrap_or_else(|_| panic!("make {arguments:?} did not end"));
    let output = output.unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}
