//! Watching from outside: the demo's page, the history of an object, and the test of a subscriber.

use std::sync::Arc;

use axum::http::StatusCode;
use jiff::Timestamp;
use local_stack::browser::{Browser, Viewport};
use local_stack::demo_file::DemoFile;
use local_stack::deployment::remove_cargo_variables;
use local_stack::page::Page;
use serde_json::json;
use testing::progress::{Progress, Wait, wait_until};
use testing::receiver::{Answer, WebhookRequest};
use uuid::Uuid;
use wagrun_event::Event;
use wagrun_lambda::telemetry::chain;

use crate::databases::run;
use crate::story::Story;
use crate::subscribers::{requests, retitle, subscribe, unsubscribe};
use crate::world::PATIENCE;

/// The page, open in a browser.
struct Watcher {
    browser: Browser,
    _server: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Watcher {
    async fn of(story: &Story, subscribers: &[&str]) -> Self {
        let stack = &story.world.stack;
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
        let mut watcher = Self {
            browser,
            _server: server,
        };
        watcher
            .see(
                "the receivers",
                "document.querySelector('fieldset') !== null",
            )
            .await;
        watcher
    }

    async fn see(&mut self, what: &str, expression: &str) {
        let seen = self.browser.wait_for(what, expression, PATIENCE).await;
        seen.unwrap_or_else(|error| panic!("{error}"));
    }

    async fn choose(&mut self, name: &str, mode: &str) {
        let radio = format!("fieldset[data-name={name}] [value={mode}]");
        self.browser.click(&radio).await.unwrap();
    }

    /// Waits until an event's line for a subscriber says this.
    async fn see_fate(&mut self, id: Uuid, name: &str, text: &str) {
        let line = format!("document.querySelector('[data-id=\"{id}\"] [data-subscriber={name}]')");
        let text = json!(text);
        let holds = format!("{line}?.innerText.includes({text})");
        self.see(&format!("{text} at {name}"), &holds).await;
    }
}

#[test]
fn a_lane_is_seen_to_wait_and_to_recover() {
    run(async {
        let mut story = Story::alone("watched").await;
        let post = story.live_post(story.root, "Post").await;
        // The last wait is for what happens on the page meanwhile.
        subscribe(&story, "slow", json!({"retry_seconds": [2, 15]})).await;
        subscribe(&story, "steady", json!({})).await;
        let mut watcher = Watcher::of(&story, &["slow", "steady"]).await;

        watcher.choose("slow", "fails").await;
        let first = retitle(&mut story, post, "First").await;
        watcher
            .see_fate(first.id, "slow", "failed, attempt 3 in about")
            .await;
        watcher.see_fate(first.id, "steady", "delivered").await;
        let second = retitle(&mut story, post, "Second").await;
        watcher
            .see_fate(second.id, "slow", "waiting behind updated")
            .await;
        watcher
            .see_fate(second.id, "steady", "signature verified")
            .await;

        watcher.choose("slow", "accepts").await;
        watcher
            .see_fate(first.id, "slow", "delivered by attempt 3")
            .await;
        watcher.see_fate(second.id, "slow", "delivered").await;
        watcher
            .see("nothing to wait", "document.querySelector('[role=status]').innerText === 'slow: nothing waits. steady: nothing waits.'")
            .await;
        let all = requests(&story, "slow", 4).await;
        assert_eq!(
            all.iter().map(tried).collect::<Vec<_>>(),
            [
                (first.id, 500),
                (first.id, 500),
                (first.id, 204),
                (second.id, 204)
            ]
        );

        // What happened before the webhook is asked of the database when one wants to know.
        let summary = format!("[data-id=\"{}\"] summary", second.id);
        watcher.browser.click(&summary).await.unwrap();
        watcher
            .see(
                "the timeline",
                "document.querySelector('.stages')?.innerText.includes('committed')",
            )
            .await;
        unsubscribe(&story, "slow").await;
        unsubscribe(&story, "steady").await;
    });
}

fn tried(delivery: &WebhookRequest) -> (Uuid, u16) {
    let event = delivery.event.as_ref().unwrap();
    (event.id, delivery.status.unwrap().as_u16())
}

#[test]
fn what_happened_to_a_page_is_told_for_each_subscriber() {
    run(async {
        let mut story = Story::new("told").await;
        let post = story.live_post(story.root, "Post").await;
        subscribe(&story, "told", json!({})).await;
        let failure = Answer::status(StatusCode::BAD_GATEWAY);
        story.receiver().answer_next("told", 1, &failure);
        let event = retitle(&mut story, post, "Retitled").await;
        requests(&story, "told", 2).await;

        let object = format!("OBJECT=page/{post}");
        // A line is in the log when its invocation has ended.
        let look = || async {
            let (told, text) = make(&story, &["history", &object]).await;
            assert!(told, "{text}");
            let is_whole = text.contains("attempt 2  delivered  204");
            Ok::<_, std::io::Error>(match is_whole {
                true => Wait::Ready(text),
                false => Wait::NotYet(text),
            })
        };
        let text = wait_until(&Progress::quiet(), "the history", PATIENCE, look).await;
        let text = text.unwrap_or_else(|error| panic!("{}", chain(&error)));
        let (_, told) = text
            .split_once(&format!("wagtail.page.updated  {}\n", event.id))
            .unwrap_or_else(|| panic!("{text}"));
        let words: Vec<&str> = told
            .lines()
            .map(|line| line.split_once("  ").map_or(line, |(_, rest)| rest))
            .map(|line| line.trim_start_matches(|one: char| !one.is_alphabetic()))
            .map(|line| line.rsplit_once("  ").map_or(line, |(words, _)| words))
            .collect();
        assert_eq!(
            words,
            [
                "captured",
                "published",
                "fanned out to 2 subscribers",
                "everything",
                "attempt 1  delivered  204",
                "told",
                "attempt 1  refused  502",
                "attempt 2  delivered  204",
            ],
            "{text}"
        );
        unsubscribe(&story, "told").await;
    });
}

/// Runs a command of the Makefile as in a checkout where this stack is the demo; whether it succeeded, and what it said.
async fn make(story: &Story, arguments: &[&str]) -> (bool, String) {
    let stack = &story.world.stack;
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
    // Those of `make test` are not for it.
    for name in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL"] {
        command.env_remove(name);
    }
    let mut command = tokio::process::Command::from(command);
    // It compiles, beside other tests.
    let output = tokio::time::timeout(PATIENCE * 5, command.kill_on_drop(true).output()).await;
    let output = output.unwrap_or_else(|_| panic!("make {arguments:?} did not end"));
    let output = output.unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[test]
fn a_subscriber_is_tested_as_deliver_would_call_it() {
    run(async {
        let story = Story::new("tested").await;
        subscribe(&story, "tested", json!({})).await;
        let arguments = ["subscriber-test", "NAME=tested"];
        let (taken, text) = make(&story, &arguments).await;
        assert!(taken, "{text}");
        assert!(
            text.contains("outcome     delivered\nstatus      204\n"),
            "{text}"
        );
        let all = requests(&story, "tested", 1).await;
        assert_eq!(all[0].signature, Ok(()));
        let event: &Event = all[0].event.as_ref().unwrap();
        assert_eq!(event.kind, "subscriber.test");
        assert_eq!(event.subject, "subscriber/tested");
        assert_eq!(event.source, "/wagrun/wagrun-local");

        let failure = Answer::status(StatusCode::SERVICE_UNAVAILABLE);
        story.receiver().answer_next("tested", 1, &failure);
        let (taken, text) = make(&story, &arguments).await;
        assert!(!taken, "{text}");
        assert!(
            text.contains("outcome     refused\nstatus      503\n"),
            "{text}"
        );
        assert!(text.contains("Error 1\n"), "{text}");

        subscribe(&story, "tested", json!({"retry_seconds": [1, 2, 3]})).await;
        let (taken, text) = make(&story, &arguments).await;
        assert!(!taken, "{text}");
        let parameter = "subscriber /wagrun-local/subscribers/tested: retry_seconds: ";
        assert!(text.contains(parameter), "{text}");
        assert!(text.contains("Error 2\n"), "{text}");
        assert_eq!(story.receiver().requests("tested").len(), 2);
        unsubscribe(&story, "tested").await;
    });
}
