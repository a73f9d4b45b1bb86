//! A stack of its own, from its creation to its deletion, with the migration as CloudFormation's custom resource.

use std::collections::BTreeMap;
use std::path::Path;

use local_stack::deployment::describe;
use local_stack::stack::LocalStack;
use serde_json::json;
use sqlx::{Connection, PgConnection};
use testing::checkout;
use testing::progress::Progress;
use wagrun_database::schema::{MigrationRun, recent_runs};

use crate::databases::{RELAY, WEB, run};
use crate::site_copy::SiteCopy;
use crate::world::{Turn, World};

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
        ("DatabaseWebUser", WEB.to_owned()),
        ("DatabaseRelayUser", RELAY.to_owned()),
        ("SiteDirectory", text(site)),
        ("SitePython", text(&stack.tools.program("site", "python"))),
        ("MigrateOnDeploy", "true".to_owned()),
        ("MigrationVersion", "1".to_owned()),
    ])
}

/// The history of the stack's database, the newest run first.
async fn history(stack: &LocalStack) -> Vec<MigrationRun> {
    let mut session = PgConnection::connect(&stack.postgres.url(DATABASE))
        .await
        .unwrap();
    let runs = recent_runs(&mut session, 100).await.unwrap();
    session.close().await.unwrap();
    runs
}

/// Whatever of this stack the API still knows.
async fn left(stack: &LocalStack) -> Vec<String> {
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
fn created_updated_rolled_back_and_deleted_with_nothing_left() {
    run(async {
        let _turn = Turn::with_others().await;
        let stack = &World::get().await.stack;
        let deployer = stack.deployer();
        stack
            .postgres
            .create_database(DATABASE, None)
            .await
            .unwrap();
        let site = checkout().join("site");
        let mut wanted = parameters(stack, &site);

        let created = deployer.deploy(STACK, &wanted).await.unwrap();
        let first = history(stack).await;
        assert_eq!(first.len(), 1, "migrated before it was there");
        assert_eq!(first[0].outcome.as_deref(), Some("succeeded"));
        assert!(first[0].applied.len() > 100);
        assert!(
            !left(stack).await.is_empty(),
            "the look for what is left sees it"
        );

        deployer.deploy(STACK, &wanted).await.unwrap();
        assert_eq!(history(stack).await, first, "nothing has changed");

        wanted.insert("LogRetentionDays", "14".to_owned());
        wanted.insert("MigrationVersion", "2".to_owned());
        let updated = deployer.deploy(STACK, &wanted).await.unwrap();
        let second = history(stack).await;
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
            "the version before serves on"
        );

        stack.postgres.drop_database(DATABASE).await.unwrap();
        deployer.delete(STACK, &Progress::quiet()).await.unwrap();
        assert_eq!(left(stack).await, [""; 0]);
    });
}
