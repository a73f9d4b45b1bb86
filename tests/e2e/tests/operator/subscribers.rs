//! `wagrun subscribers`: from the first secret to the last delivery.

use std::fs;

use axum::http::StatusCode;
use serde_json::{Value, json};
use testing::receiver::Answer;

use crate::support::runtime::run;
use crate::support::scenario::Scenario;
use crate::support::subscribers::{retitle, wait_for_requests};
use crate::support::wagrun::wagrun;

/// Writes the parameter that the receiver verifies into a file, and returns its path.
fn file(scenario: &Scenario, name: &str, more: &Value) -> String {
    let mut parameter = scenario.receiver().parameter(name);
    parameter["under"] = json!(scenario.url.trim_start_matches("http://localhost"));
    let more = more.as_object().unwrap().clone();
    parameter.as_object_mut().unwrap().extend(more);
    let directory = scenario.stack.local.supervisor.directory();
    let file = directory.join(format!("{name}.json"));
    fs::write(&file, parameter.to_string()).unwrap();
    file.display().to_string()
}

/// Has the directory of all subscribers written, so that the next event meets what the parameters say now.
async fn write_directory(scenario: &Scenario) {
    let compare = r#"{"compare":"subscribers"}"#;
    wagrun(scenario, &["invoke", "subscriber-directory", compare])
        .await
        .good();
}

#[test]
fn a_subscriber_is_added_shown_switched_off_and_on_and_removed() {
    run(async {
        let mut scenario = Scenario::new("op-life").await;
        let post = scenario.live_post(scenario.root, "Post").await;
        let file = file(&scenario, "op-life", &json!({}));
        let checked = wagrun(&scenario, &["subscribers", "check", &file]).await;
        assert!(checked.good().contains("result      can be used\n"));
        let added = ["subscribers", "add", "op-life", "--file", &file];
        let text = wagrun(&scenario, &added).await.good();
        assert!(text.contains("stored; its first events come"), "{text}");
        let secret = scenario.receiver().secret("op-life");
        assert!(!text.contains(&secret), "{text}");
        let again = wagrun(&scenario, &added).await.error();
        assert!(again.contains("op-life: this subscriber exists"), "{again}");
        // By flags that name no secret, as an operator changes a filter. The receiver goes on verifying with the same one.
        let (url, under) = (scenario.receiver().url("op-life"), "/op-life/");
        let flags = ["--url", &url, "--under", under, "--replace"];
        let replace = [&["subscribers", "add", "op-life"], &flags[..]].concat();
        let replaced = wagrun(&scenario, &replace).await;
        assert!(
            replaced.stdout.contains("secret      as before"),
            "{replaced:?}"
        );

        write_directory(&scenario).await;
        retitle(&mut scenario, post, "First").await;
        let requests = wait_for_requests(&scenario, "op-life", 1).await;
        assert_eq!(requests[0].signature, Ok(()));

        let shown = wagrun(&scenario, &["subscribers", "show", "op-life"])
            .await
            .good();
        assert!(shown.contains("state       well\n"), "{shown}");
        assert!(shown.contains("\"whsec_…\""), "{shown}");
        assert!(
            !shown.contains(secret.trim_start_matches("whsec_")),
            "{shown}"
        );

        let off = [
            "subscribers",
            "disable",
            "op-life",
            "--reason",
            "moves house",
        ];
        assert!(
            wagrun(&scenario, &off)
                .await
                .good()
                .contains("op-life is off.")
        );
        // Another test's subscriber may fail, of which the exit code tells.
        let list = wagrun(&scenario, &["subscribers", "list"]).await;
        let line = list
            .stdout
            .lines()
            .find(|line| line.starts_with("op-life "))
            .unwrap();
        assert!(
            line.contains("off since") && line.ends_with(": moves house"),
            "{line}"
        );
        assert!(
            wagrun(&scenario, &off)
                .await
                .good()
                .contains("is off already")
        );

        let on = ["subscribers", "enable", "op-life"];
        let text = wagrun(&scenario, &on).await.good();
        assert!(
            text.contains("wagrun replay --subscriber op-life --since 20"),
            "{text}"
        );
        let parameter = scenario
            .stack
            .local
            .deployment
            .subscriber("op-life")
            .await
            .unwrap();
        assert_eq!(
            (&parameter["enabled"], &parameter["disabled"]),
            (&json!(true), &Value::Null)
        );

        let remove = ["subscribers", "remove", "op-life"];
        let asked = wagrun(&scenario, &remove).await.error();
        assert!(
            asked.contains("nobody can be asked here, so say --yes"),
            "{asked}"
        );
        let removed = [&remove[..], &["--yes"]].concat();
        assert!(
            wagrun(&scenario, &removed)
                .await
                .good()
                .contains("op-life is removed")
        );
        let missing = wagrun(&scenario, &removed).await.error();
        assert!(
            missing.contains("op-life: there is no such subscriber"),
            "{missing}"
        );
    });
}

#[test]
fn a_new_secret_is_shown_once_and_a_fault_names_its_flag() {
    run(async {
        let scenario = Scenario::new("op-secret").await;
        let add = |more: &[&'static str]| {
            let first = [
                "subscribers",
                "add",
                "op-secret",
                "--url",
                "https://search.example.org/hook/T0KEN",
            ];
            [&first[..], more].concat()
        };
        for (more, expected) in [
            (&["--types", "wagtail.page.publish"][..], "--types[0]: "),
            (&["--under", "news/"], "--under: "),
            (&["--content-types", ""], "--content-types[0]: "),
        ] {
            let error = wagrun(&scenario, &add(more)).await.error();
            assert!(error.starts_with(&format!("error: {expected}")), "{error}");
        }
        let added = wagrun(&scenario, &add(&["--receiver", "python"]))
            .await
            .good();
        let secret = added
            .lines()
            .find_map(|line| line.strip_prefix("secret      "));
        let secret = secret.unwrap_or_else(|| panic!("{added}"));
        assert!(added.contains(&format!("Webhook(\"{secret}\")")), "{added}");
        let deployment = &scenario.stack.local.deployment;
        let stored = deployment.subscriber("op-secret").await.unwrap();
        assert_eq!(stored["secrets"], json!([secret]));
        for shown in [
            &["subscribers", "show", "op-secret"][..],
            &["subscribers", "list"],
            &["status"],
        ] {
            let text = wagrun(&scenario, shown).await.stdout;
            assert!(text.contains("op-secret"), "{text}");
            assert!(!text.contains(secret) && !text.contains("T0KEN"), "{text}");
        }
        deployment.delete_subscriber("op-secret").await.unwrap();
    });
}

#[test]
fn a_secret_is_rotated_without_a_refused_delivery() {
    run(async {
        let mut scenario = Scenario::new("op-rotate").await;
        let post = scenario.live_post(scenario.root, "Post").await;
        let file = file(&scenario, "op-rotate", &json!({}));
        let add = ["subscribers", "add", "op-rotate", "--file", &file];
        wagrun(&scenario, &add).await.good();
        let rotate = ["subscribers", "rotate-secret", "op-rotate"];
        let finish = [&rotate[..], &["--finish", "--yes"]].concat();
        let early = wagrun(&scenario, &finish).await.error();
        assert!(early.contains("has a single secret"), "{early}");

        let lost = wagrun(&scenario, &rotate).await.good();
        assert!(lost.contains("signs with 2 secrets now"), "{lost}");
        let twice = wagrun(&scenario, &rotate).await.error();
        assert!(twice.contains("because a rotation has begun"), "{twice}");
        let again = [&rotate[..], &["--again"]].concat();
        let added = wagrun(&scenario, &again).await.good();
        assert!(added.contains("signs with 2 secrets now"), "{added}");
        write_directory(&scenario).await;
        retitle(&mut scenario, post, "Both").await;
        let both = wait_for_requests(&scenario, "op-rotate", 1).await;
        // The receiver still has the old secret.
        assert_eq!(both[0].signature, Ok(()));

        let finished = wagrun(&scenario, &finish).await.good();
        assert!(finished.contains("1 older removed"), "{finished}");
        let new = added
            .lines()
            .next()
            .unwrap()
            .trim_start_matches("secret      ");
        let deployment = &scenario.stack.local.deployment;
        let stored = deployment.subscriber("op-rotate").await.unwrap();
        assert_eq!(stored["secrets"], json!([new]));
        write_directory(&scenario).await;
        retitle(&mut scenario, post, "New").await;
        let only = wait_for_requests(&scenario, "op-rotate", 2).await;
        assert!(only[1].signature.is_err(), "the old secret signs still");
        deployment.delete_subscriber("op-rotate").await.unwrap();
    });
}

#[test]
fn a_test_event_goes_to_one_subscriber() {
    run(async {
        let scenario = Scenario::new("op-test").await;
        let file = file(&scenario, "op-test", &json!({}));
        let add = ["subscribers", "add", "op-test", "--file", &file];
        wagrun(&scenario, &add).await.good();
        let test = ["subscribers", "test", "op-test"];
        let text = wagrun(&scenario, &test).await.good();
        assert!(
            text.contains("outcome     delivered\nstatus      204\n"),
            "{text}"
        );
        let failure = Answer::status(StatusCode::SERVICE_UNAVAILABLE);
        scenario.receiver().answer_next("op-test", 1, &failure);
        let text = wagrun(&scenario, &test).await.bad();
        assert!(
            text.contains("outcome     refused\nstatus      503\n"),
            "{text}"
        );

        let trigger = [
            "trigger",
            "wagtail.page.published",
            "--subscriber",
            "op-test",
            "--output",
            "json",
        ];
        let triggered = wagrun(&scenario, &trigger).await;
        assert_eq!(triggered.json()["sent"]["outcome"], "delivered");
        let requests = wait_for_requests(&scenario, "op-test", 3).await;
        let event = requests[2].event.as_ref().unwrap();
        assert_eq!(
            (&*event.kind, &*event.subject),
            ("wagtail.page.published", "page/0")
        );
        assert_eq!(event.data["sample"], json!(true));
        assert_eq!(requests[2].signature, Ok(()));
        let deployment = &scenario.stack.local.deployment;
        deployment.delete_subscriber("op-test").await.unwrap();
    });
}
