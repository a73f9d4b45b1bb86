//! A stack from its creation to its deletion. Its migration is a custom resource of CloudFormation.

use std::collections::BTreeMap;
use std::path::Path;

use local_stack::deployment::describe;
use local_stack::stack::LocalStack;
use serde_json::json;
use sqlx::{Connection, PgConnection};
use testing::checkout;
use testing::progress::Progress;
use wagrun_database::schema::{MigrationRun, recent_runs};

use crate::support::runtime::run;
use crate::support::site_copy::SiteCopy;
use crate::support::sql::{RELAY_ROLE, WEB_ROLE};
use crate::support::stack::{StackAccess, TestStack};

const STACK: &str = "wagrun-lifecycle";
const DATABASE: &str = "lifecycle";

fn parameters(stack: &LocalStack, site: &Path) -> BTreeMap<&'static str, String> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    BTreeMap::from([
        ("DatabaseHost", "127.0.0.1".to_owned()),
        ("DatabasePort", stack.postgres.port().to_string()),
        ("DatabaseName", DATABASE.to_owned()),
        (
            "DatabaseMasterUser",
            local_stack::postgres::MASTER.to_owned(),
        ),
        ("DatabaseWebUser", WEB_ROLE.to_owned()),
        ("DatabaseRelayUser", RELAY_ROLE.to_owned()),
        ("SiteDirectory", text(site)),
        ("SitePython", text(&stack.tools.program("site", "python"))),
        ("MigrateOnDeploy", "true".to_owned()),
        ("MigrationVersion", "1".to_owned()),
    ])
}

/// Returns the recorded migration runs of the stack's database, the newest first.
async fn migration_runs(stack: &LocalStack) -> Vec<MigrationRun> {
    let mut session = PgConnection::connect(&stack.postgres.url(DATABASE))
        .await
        .unwrap();
    let runs = recent_runs(&mut session, 100).await.unwrap();
    session.close().await.unwrap();
    runs
}

/// Returns everything of this stack that the AWS API still lists.
async fn remaining_resources(stack: &LocalStack) -> Vec<String> {
    let aws = stack.emulator.aws();
    let json = async |service, target, input| {
        let answer = aws.json(service, target, &input).await.unwrap();
        (target.to_owned(), answer.to_string())
    };
    let query = async |service, action, version| {
        let answer = aws.query(service, action, version, &[]).await.unwrap();
        (action.to_owned(), answer)
    };
    let get = async |service, path: &str| (path.to_owned(), aws.get(service, path).await.unwrap());
    let answers = [
        json("sqs", "AmazonSQS.ListQueues", json!({})).await,
        json("logs", "Logs_20140328.DescribeLogGroups", json!({})).await,
        json(
            "ssm",
            "AmazonSSM.GetParametersByPath",
            json!({"Path": format!("/{STACK}"), "Recursive": true}),
        )
        .await,
        query("sns", "ListTopics", "2010-03-31").await,
        query("sns", "ListSubscriptions", "2010-03-31").await,
        query("iam", "ListRoles", "2010-05-08").await,
        query("monitoring", "DescribeAlarms", "2010-08-01").await,
        get("lambda", "/2015-03-31/functions").await,
        get("lambda", "/2015-03-31/event-source-mappings").await,
        get("scheduler", "/schedules").await,
    ];
    answers
        .into_iter()
        .filter(|(_, answer)| answer.contains(STACK))
        .map(|(call, answer)| format!("{call}: {answer}"))
        .collect()
}

#[test]
fn a_stack_is_created_updated_rolled_back_and_deleted_with_nothing_left() {
    run(async {
        let _access = StackAccess::shared().await;
        let stack = &TestStack::get().await.local;
        let deployer = stack.deployer();
        stack
            .postgres
            .create_database(DATABASE, None)
            .await
            .unwrap();
        let site = checkout().join("site");
        let mut wanted = parameters(stack, &site);

        let created = deployer.deploy(STACK, &wanted).await.unwrap();
        let first = migration_runs(stack).await;
        assert_eq!(first.len(), 1, "the creation migrates");
        assert_eq!(first[0].outcome.as_deref(), Some("succeeded"));
        assert!(first[0].applied.len() > 100);
        assert!(
            !remaining_resources(stack).await.is_empty(),
            "the search for remaining resources finds the stack"
        );

        deployer.deploy(STACK, &wanted).await.unwrap();
        assert_eq!(migration_runs(stack).await, first, "nothing has changed");

        wanted.insert("LogRetentionDays", "14".to_owned());
        wanted.insert("MigrationVersion", "2".to_owned());
        let updated = deployer.deploy(STACK, &wanted).await.unwrap();
        let second = migration_runs(stack).await;
        assert_eq!(second.len(), 2, "another version is another run");
        assert_eq!(second[0].applied, [""; 0]);
        for output in [
            "EventTopicArn",
            "ContentEventsFunctionArn",
            "DeliveryQueueUrl",
        ] {
            assert_eq!(
                updated.output(output).unwrap(),
                created.output(output).unwrap(),
                "it was updated in place"
            );
        }
        let of_this_stack = json!({"logGroupNamePrefix": format!("/{STACK}/")});
        let aws = stack.emulator.aws();
        let groups = aws
            .json("logs", "Logs_20140328.DescribeLogGroups", &of_this_stack)
            .await
            .unwrap();
        for group in groups["logGroups"].as_array().unwrap() {
            assert_eq!(group["retentionInDays"], 14, "{group}");
        }

        let broken = SiteCopy::with_migration(
            "def change(apps, schema_editor):\n    raise ValueError(\"no author has a heart\")",
        );
        let mut failing = wanted.clone();
        failing.extend(parameters(stack, broken.directory()));
        failing.insert("MigrationVersion", "3".to_owned());
        deployer.deploy(STACK, &failing).await.unwrap_err();
        let state = describe(aws, "DescribeStacks", STACK).await.unwrap();
        assert!(
            state.contains("<StackStatus>UPDATE_ROLLBACK_COMPLETE</StackStatus>"),
            "{state}"
        );
        let events = describe(aws, "DescribeStackEvents", STACK).await.unwrap();
        assert!(events.contains("no author has a heart"), "{events}");
        assert_eq!(
            updated
                .invoke("MigrateFunctionName", &json!({"command": "migrate"}))
                .await
                .unwrap()["applied_django"],
            json!([]),
            "the previous version is in use"
        );

        stack.postgres.drop_database(DATABASE).await.unwrap();
        deployer.delete(STACK, &Progress::quiet()).await.unwrap();
        assert_eq!(remaining_resources(stack).await, [""; 0]);
    });
}
