//! Random editors, and a subscriber that knows after each pause which pages the public sees, and where.
//!
//! `WAGRUN_PUBLIC_VIEW_SECONDS` sets the length of each round, `WAGRUN_PUBLIC_VIEW_SEED` the first seed.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::time::{Instant, timeout};

use super::listener::Listener;
use super::site::{PublicSite, Wagtail};
use crate::support::runtime::run;

const ROUND_LENGTH: Duration = Duration::from_secs(10);
/// The time limit of some random actions, on a machine that compiles at the same time.
const ACTIONS_TIMEOUT: Duration = Duration::from_secs(120);

/// The answer of the editor.
#[derive(Debug, Deserialize)]
struct Answer {
    view: BTreeMap<String, String>,
    addresses: BTreeMap<String, Vec<String>>,
    actions: Vec<String>,
    /// The sites, restrictions and pages, for a report.
    report: Value,
}

/// The running program `editor.py`.
struct RandomEditor {
    _program: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl RandomEditor {
    async fn start(site: &PublicSite, seed: u64) -> (Self, Answer) {
        let mut program = site
            .program("editor.py")
            .arg(seed.to_string())
            .spawn()
            .unwrap();
        let mut editor = Self {
            input: program.stdin.take().unwrap(),
            output: BufReader::new(program.stdout.take().unwrap()).lines(),
            _program: program,
        };
        let first = editor.answer().await;
        (editor, first)
    }

    async fn act(&mut self) -> Answer {
        self.input.write_all(b"\n").await.unwrap();
        self.answer().await
    }

    async fn answer(&mut self) -> Answer {
        let line = timeout(ACTIONS_TIMEOUT, self.output.next_line());
        let line = line.await.unwrap().unwrap();
        serde_json::from_str(&line.expect("the editor ended")).unwrap()
    }
}

#[test]
fn a_listener_knows_what_the_public_sees() {
    for wagtail in versions() {
        round(wagtail, &json!({}));
    }
}

#[test]
fn a_listener_knows_what_the_public_sees_in_several_languages() {
    for wagtail in versions() {
        round(wagtail, &json!({"i18n": true, "i18n_patterns": true}));
    }
}

/// Returns the versions of Wagtail to test: all, or the one in `WAGRUN_PUBLIC_VIEW_WAGTAIL`, such as `V6_3`.
fn versions() -> impl Iterator<Item = Wagtail> {
    let chosen = std::env::var("WAGRUN_PUBLIC_VIEW_WAGTAIL").unwrap_or_default();
    let all = Wagtail::ALL.into_iter();
    all.filter(move |version| chosen.is_empty() || chosen == format!("{version:?}"))
}

fn round(wagtail: Wagtail, variant: &Value) {
    let variable = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let seed = variable("WAGRUN_PUBLIC_VIEW_SEED").unwrap_or_else(|| fastrand::u64(..1 << 32));
    let length = variable("WAGRUN_PUBLIC_VIEW_SECONDS").map_or(ROUND_LENGTH, Duration::from_secs);
    println!("public view: Wagtail {wagtail:?}, {variant}, seed {seed}, {length:?}");
    println!("{}", run(edit_and_compare(wagtail, variant, seed, length)));
}

/// Returns a line of figures. Panics with a report when the listener is wrong.
async fn edit_and_compare(
    wagtail: Wagtail,
    variant: &Value,
    seed: u64,
    length: Duration,
) -> String {
    let site = PublicSite::new(wagtail, variant).await;
    let (mut editor, first) = RandomEditor::start(&site, seed).await;
    site.relayed.sweep().await.unwrap();
    let mut listener = Listener::knowing(&first.view, &first.addresses);
    let ignored = listener.read(&site.relayed.topic.accepted());
    assert_eq!(listener.view(), first.view, "{ignored:?}");

    let (deadline, mut pauses, mut actions) = (Instant::now() + length, 0, 0);
    while Instant::now() < deadline {
        // Drainers run while the editor edits, as the doorbell starts them.
        let answer = {
            let edit = editor.act();
            let drains = async {
                loop {
                    site.relayed.sweep().await.unwrap();
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            tokio::select! {
                answer = edit => answer,
                () = drains => unreachable!(),
            }
        };
        site.relayed.sweep().await.unwrap();
        let heard = listener.read(&site.relayed.topic.accepted());
        let known = listener.addresses();
        assert!(
            listener.view() == answer.view && known == answer.addresses,
            "Wagtail {wagtail:?}, {variant}, seed {seed}, pause {pauses}\nactions {:#?}\nevents {heard:#?}\nknown {known:#?}\n\
             seen {:#?}\n{}",
            answer.actions,
            answer.addresses,
            answer.report,
        );
        pauses += 1;
        actions += answer.actions.len();
    }
    let events = site.relayed.topic.accepted().len();
    format!(
        "{actions} actions, {pauses} pauses, {} pages seen, {events} events",
        listener.pages.len()
    )
}
