//! The errors of `wagrun`: one sentence, with the next step.

use crate::support::runtime::run;
use crate::support::scenario::Scenario;
use crate::support::wagrun::{command, wagrun};

#[test]
fn every_way_to_fail_says_what_to_do() {
    run(async {
        let scenario = Scenario::new("op-errors").await;
        for (arguments, expected) in [
            (
                &["status", "--stack", "nosuch"][..],
                "there is no stack nosuch in us-east-1",
            ),
            (
                &["release", "v1"],
                "stack wagrun-local has no output ReleaseFunctionName: releases are switched off",
            ),
            (
                &["subscribers", "show", "nobody"],
                "nobody: there is no such subscriber",
            ),
            (&["subscribers", "add", "x"], "NAME: a target is needed"),
            (
                &["subscribers", "add", "a b", "--bus", "arn"],
                "may have letters, digits",
            ),
            (
                &["trigger", "wagtail.page.published"],
                "--subscriber: nobody listens",
            ),
            (
                &["trigger", "wagtail.page.publish"],
                "TYPE: there is no sample",
            ),
            (&["history", "42"], "is neither an object, such as page/42"),
            (
                &["logs", "--since", "yesterday"],
                "--since: \"yesterday\" is neither a time",
            ),
            (
                &["events", "--since", "2100-01-01T00:00:00Z"],
                "--since: \"2100-01-01T00:00:00Z\" is in the future",
            ),
            (
                &["events", "--subject", "page4"],
                "is neither an object, such as page/42",
            ),
            (&["replay"], "at least one of --since"),
            (
                &["snapshot", "--subscriber", "nobody", "--yes"],
                "--subscriber nobody: there is no such subscriber",
            ),
            (&["replay", "--since", "1h"], "EVERYBODY"),
            (&["peek", "deliveries"], "counts as an attempt"),
            (&["purge", "dead-deliveries"], "are the events themselves"),
            (
                &["redrive", "events", "--subscriber", "x"],
                "--subscriber: only goes with deliveries",
            ),
            (
                &["redrive", "set-aside", "--subscriber", "x"],
                "--subscriber: only goes with deliveries",
            ),
            (
                &["redrive", "set-aside", "--limit", "1"],
                "--limit: does not go with set-aside",
            ),
            (
                &["doctor", "--only", "drain"],
                "--only drain: is a check that needs --end-to-end",
            ),
            (
                &["doctor", "--only", "nosuch"],
                "--only nosuch: there is no such check; there are stack, functions",
            ),
            (
                &["discard", "0f2c8f6e-7d1b-4c8e-9a53-6f0a4a1f7f10"],
                "so say --yes",
            ),
        ] {
            let ran = wagrun(&scenario, arguments).await;
            assert_eq!(ran.code, 2, "{arguments:?}: {ran:?}");
            assert!(ran.stderr.contains(expected), "{arguments:?}: {ran:?}");
        }
    });
}

#[test]
fn missing_credentials_a_dead_network_and_no_stack_are_told_apart() {
    run(async {
        let scenario = Scenario::new("op-access").await;
        let failed = async |change: fn(&mut tokio::process::Command)| {
            let mut command = command(&scenario).await;
            change(command.arg("queues"));
            let output = command.output().await.unwrap();
            assert_eq!(output.status.code(), Some(2));
            String::from_utf8(output.stderr).unwrap()
        };
        let error = failed(|command| {
            command
                .env_remove("AWS_ACCESS_KEY_ID")
                .env_remove("AWS_SECRET_ACCESS_KEY");
        })
        .await;
        assert!(
            error.contains("no AWS credentials were found for cloudformation:DescribeStacks"),
            "{error}"
        );
        let error = failed(|command| {
            command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
        })
        .await;
        assert!(
            error.contains("cloudformation:DescribeStacks had no answer that can be used: "),
            "{error}"
        );
        let error = failed(|command| {
            command
                .env_remove("AWS_REGION")
                .env_remove("AWS_DEFAULT_REGION");
        })
        .await;
        assert!(error.contains("--region: no region is known"), "{error}");
        let error = failed(|command| {
            command
                .env("STACK", "")
                .env("WAGRUN_DEMO", "/no/such/demo.env");
        })
        .await;
        assert!(
            error.contains("/no/such/demo.env: cannot be read"),
            "{error}"
        );
    });
}
