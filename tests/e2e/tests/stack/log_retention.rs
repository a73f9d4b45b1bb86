//! `log-retention` as it is deployed: it changes the stack's own log groups and no others.

use serde_json::{Value, json};

use crate::support::runtime::run;
use crate::support::stack::{StackAccess, TestStack};

/// Returns the retention of a log group in days, or null if it keeps everything.
async fn retention(group: &str) -> Value {
    let aws = TestStack::get().await.local.emulator.aws();
    let input = json!({"logGroupNamePrefix": group});
    let answer = aws
        .json("logs", "Logs_20140328.DescribeLogGroups", &input)
        .await
        .unwrap();
    answer["logGroups"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["logGroupName"] == group)
        .unwrap_or_else(|| panic!("{group} is gone"))["retentionInDays"]
        .clone()
}

async fn create(group: &str, retention: Option<i32>, tags: Option<Value>) {
    let aws = TestStack::get().await.local.emulator.aws();
    let mut input = json!({"logGroupName": group});
    if let Some(tags) = tags {
        input["tags"] = tags;
    }
    aws.json("logs", "Logs_20140328.CreateLogGroup", &input)
        .await
        .unwrap();
    if let Some(days) = retention {
        let input = json!({"logGroupName": group, "retentionInDays": days});
        aws.json("logs", "Logs_20140328.PutRetentionPolicy", &input)
            .await
            .unwrap();
    }
}

async fn invoke(payload: Value) -> Value {
    let deployment = &TestStack::get().await.local.deployment;
    deployment
        .invoke("LogRetentionFunctionName", &payload)
        .await
        .unwrap()
}

#[test]
fn a_log_group_of_the_stack_without_a_retention_gets_one_and_no_other_is_touched() {
    run(async {
        let _access = StackAccess::shared().await;
        let [forgotten, longer, opted_out, foreign] = [
            "/wagrun-local/forgotten",
            "/wagrun-local/longer",
            "/wagrun-local/opted-out",
            "/wagrun-local-other/theirs",
        ];
        create(forgotten, None, None).await;
        create(longer, Some(365), None).await;
        create(opted_out, None, Some(json!({"wagrun:log-retention": "no"}))).await;
        create(foreign, None, None).await;

        let planned = invoke(json!({"plan": true})).await;
        assert!(planned["set"].to_string().contains(forgotten), "{planned}");
        assert_eq!(retention(forgotten).await, Value::Null, "a plan only");

        let done = invoke(json!({})).await;
        assert!(done["set"].to_string().contains(forgotten), "{done}");
        assert!(done["kept"].to_string().contains(longer), "{done}");
        assert!(done["opted_out"].to_string().contains(opted_out), "{done}");
        assert!(!done.to_string().contains(foreign), "{done}");
        assert_eq!(retention(forgotten).await, 30);
        assert_eq!(retention(longer).await, 365);
        assert_eq!(retention(opted_out).await, Value::Null);
        assert_eq!(retention(foreign).await, Value::Null);

        let again = invoke(json!({})).await;
        assert_eq!(again["set"]["count"], 0, "{again}");

        invoke(json!({"enforce": true})).await;
        assert_eq!(retention(longer).await, 30);
        assert_eq!(retention(opted_out).await, Value::Null);
    });
}

#[test]
fn an_unknown_field_is_refused_by_name() {
    run(async {
        let _access = StackAccess::shared().await;
        let deployment = &TestStack::get().await.local.deployment;
        let misspelt = json!({"enforc": true});
        let answer = deployment
            .invoke("LogRetentionFunctionName", &misspelt)
            .await;
        let error = wagrun_lambda::telemetry::chain(&answer.unwrap_err());
        assert!(error.contains("unknown field `enforc`"), "{error}");
    });
}
