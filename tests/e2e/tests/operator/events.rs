//! `wagrun history`, `events`, `logs` and `status`: finding out why an event has not arrived.

use axum::http::StatusCode;
use serde_json::json;
use testing::receiver::Answer;
use wagrun_lambda::telemetry::chain;

use crate::support::runtime::run;
use crate::support::scenario::Scenario;
use crate::support::subscribers::{retitle, subscribe, unsubscribe, wait_for_requests};
use crate::support::wagrun::{until, wagrun};

#[test]
fn the_history_of_a_page_shows_each_attempt_at_each_subscriber() {
    run(async {
        let mut scenario = Scenario::new("op-history").await;
        let post = scenario.live_post(scenario.root, "Post").await;
        subscribe(&scenario, "op-history", json!({})).await;
        let failure = Answer::status(StatusCode::BAD_GATEWAY);
        scenario.receiver().answer_next("op-history", 1, &failure);
        let event = retitle(&mut scenario, post, "Retitled").await;
        wait_for_requests(&scenario, "op-history", 2).await;

        let object = format!("page/{post}");
        let text = until(
            &scenario,
            &["history", &object],
            "attempt 2  delivered  204",
        )
        .await;
        let heading = format!("wagtail.page.updated  {object}  {}\n", event.id);
        let (_, lines) = text
            .split_once(&heading)
            .unwrap_or_else(|| panic!("{text}"));
        // Without the times, and without the durations.
        let words: Vec<&str> = lines
            .lines()
            .map(|line| line.trim_start())
            .map(|line| match line.starts_with("20") {
                true => line.split_once("  ").map_or("", |(_, rest)| rest),
                false => line,
            })
            .map(|line| line.split_once(" ms").map_or(line, |(words, _)| words))
            .map(|line| {
                line.trim_end_matches(|one: char| one.is_ascii_digit() && line.contains("attempt"))
                    .trim_end()
            })
            .collect();
        let expected = [
            "published",
            "fanned out to 2 subscribers",
            "everything",
            "attempt 1  delivered  204",
            "op-history",
            "attempt 1  refused  502",
            "attempt 2  delivered  204",
        ];
        for (index, expected) in expected.iter().enumerate() {
            assert!(words[index].starts_with(expected), "{expected}: {text}");
        }
        let by_id = wagrun(&scenario, &["history", &event.id.to_string()])
            .await
            .good();
        assert!(by_id.starts_with(&heading), "{by_id}");

        let failed = [
            "events",
            "--failed",
            "--subscriber",
            "op-history",
            "--since",
            "1h",
        ];
        let failed = wagrun(&scenario, &failed).await.good();
        assert_eq!(failed.lines().count(), 1, "{failed}");
        assert!(
            failed.contains(&format!(
                "{object}  {}  op-history  attempt 1  refused  502",
                event.id
            )),
            "{failed}"
        );
        let of_page = ["events", "--since", "1h", "--subject", &object, "--types"];
        let of_type = [&of_page[..], &["wagtail.page.updated"]].concat();
        let updated = wagrun(&scenario, &of_type).await.good();
        assert!(updated.contains(&event.id.to_string()), "{updated}");
        let is_its = |line: &str| line.contains(&format!("  wagtail.page.updated  {object}  "));
        assert!(updated.lines().all(is_its), "{updated}");
        let none = wagrun(&scenario, &[&of_page[..], &["site.*"]].concat()).await;
        assert!(none.stderr.contains("No such event since"), "{none:?}");
        let unknown = wagrun(&scenario, &["events", "--subscriber", "nobody"]).await;
        let warning = "there is no subscriber nobody now";
        assert!(unknown.stderr.contains(warning), "{unknown:?}");

        let logs = [
            "logs",
            "deliver",
            "--grep",
            "op-history",
            "--output",
            "json",
        ];
        let logs = wagrun(&scenario, &logs).await.good();
        let line: serde_json::Value = serde_json::from_str(logs.lines().next().unwrap()).unwrap();
        assert_eq!(
            (&line["function"], &line["subscriber"]),
            (&json!("deliver"), &json!("op-history"))
        );

        let nothing = wagrun(&scenario, &["history", "page/999999"]).await.good();
        assert!(
            nothing.contains("have nothing about page/999999"),
            "{nothing}"
        );
        unsubscribe(&scenario, "op-history").await;
    });
}

#[test]
fn the_status_names_what_is_wrong_with_its_heading() {
    run(async {
        let scenario = Scenario::exclusive("op-status").await;
        let before = wagrun(&scenario, &["status"]).await;
        assert!(before.stdout.contains("wagrun-local  "), "{before:?}");
        assert!(
            before
                .stdout
                .contains("outbox      empty when it was drained at "),
            "{before:?}"
        );
        let deployment = &scenario.stack.local.deployment;
        let url = deployment.output("EventDeadLetterQueueUrl").unwrap();
        let message = json!({"QueueUrl": url, "MessageBody": "{}", "MessageGroupId": "page/1",
                             "MessageDeduplicationId": "op-status"});
        let aws = deployment.aws();
        aws.json("sqs", "AmazonSQS.SendMessage", &message)
            .await
            .unwrap();
        let parameter = json!({"target": "webhook", "url": "nowhere"}).to_string();
        let place = format!(
            "{}/op-broken",
            deployment.output("SubscribersPath").unwrap()
        );
        aws.put_parameter(&place, &parameter).await.unwrap();
        let text = wagrun(&scenario, &["status"]).await.bad();
        for expected in [
            "1 message in the queue EventDeadLetter\n",
            "    docs/runbook.md#events-in-the-dead-letter-queue\n",
            "subscriber op-broken: cannot be used: url: ",
            "    docs/runbook.md#a-subscribers-parameter-cannot-be-used\n",
        ] {
            assert!(text.contains(expected), "{expected}{text}");
        }
        let queues = wagrun(&scenario, &["queues"]).await.bad();
        assert!(queues.contains("EventDeadLetter"), "{queues}");
        let peeked = wagrun(&scenario, &["peek", "dead-events"]).await.good();
        assert!(peeked.contains("page/1  receives: 1\n{}"), "{peeked}");
        aws.purge(url).await.unwrap();
        aws.delete_parameter(&place).await.unwrap();
    });
}

#[test]
fn the_status_shows_an_alarm_that_is_on_with_its_heading() {
    run(async {
        let scenario = Scenario::exclusive("op-alarm").await;
        let aws = scenario.stack.local.deployment.aws();
        // As CloudFormation names an alarm of the nested stack.
        let name = ("AlarmName", "wagrun-local-Alarms-1ABC-OldestEventAlarm-XYZ");
        let query = async |action: &str, parameters: &[(&str, &str)]| {
            let answered = aws.query("monitoring", action, "2010-08-01", parameters);
            answered
                .await
                .unwrap_or_else(|error| panic!("{}", chain(&error)));
        };
        let description =
            "An event has waited in the outbox. docs/runbook.md#events-wait-in-the-outbox";
        let alarm = [
            name,
            ("AlarmDescription", description),
            ("Namespace", "wagrun/wagrun-local"),
            ("MetricName", "OldestPendingSeconds"),
            ("Statistic", "Maximum"),
            ("Period", "300"),
            ("EvaluationPeriods", "1"),
            ("Threshold", "900"),
            ("ComparisonOperator", "GreaterThanThreshold"),
        ];
        query("PutMetricAlarm", &alarm).await;
        let state = |value| [name, ("StateValue", value), ("StateReason", "a test")];
        query("SetAlarmState", &state("OK")).await;
        let well = wagrun(&scenario, &["status"]).await;
        query("SetAlarmState", &state("ALARM")).await;
        let on = wagrun(&scenario, &["status"]).await;
        query("DeleteAlarms", &[("AlarmNames.member.1", name.1)]).await;
        assert!(well.stdout.contains("alarms      0 on\n"), "{well:?}");
        let text = on.bad();
        assert!(text.contains("alarms      1 on\n"), "{text}");
        let heading = "OldestEventAlarm: An event has waited in the outbox.\n    docs/runbook.md#events-wait-in-the-outbox\n";
        assert!(text.contains(heading), "{text}");
    });
}

#[test]
fn the_metrics_that_there_are_are_listed_for_whoever_asks_for_another() {
    run(async {
        let scenario = Scenario::new("op-metrics").await;
        let aws = scenario.stack.local.deployment.aws();
        let metric = [
            ("Namespace", "wagrun/wagrun-local"),
            ("MetricData.member.1.MetricName", "OpMetric"),
            ("MetricData.member.1.Value", "7"),
            ("MetricData.member.1.Dimensions.member.1.Name", "Subscriber"),
            ("MetricData.member.1.Dimensions.member.1.Value", "search"),
        ];
        let put = aws.query("monitoring", "PutMetricData", "2010-08-01", &metric);
        put.await
            .unwrap_or_else(|error| panic!("{}", chain(&error)));
        let listed = wagrun(&scenario, &["metrics"]).await.good();
        let row = listed.lines().find(|row| row.starts_with("OpMetric"));
        assert!(row.unwrap().ends_with("Subscriber=search"), "{listed}");
        let value = ["metrics", "OpMetric", "--dimension", "Subscriber=search"];
        until(&scenario, &value, "7.00").await;
        let missing = wagrun(&scenario, &["metrics", "OpMetrics"]).await;
        assert!(
            missing.stdout.contains("no value in this time"),
            "{missing:?}"
        );
        assert!(
            missing.stderr.contains("`wagrun metrics` without a name"),
            "{missing:?}"
        );
    });
}
