//! The edge: Lambda's types in, the answer out.

use std::time::{Duration, SystemTime};

use lambda_runtime::{Diagnostic, Error, LambdaEvent};
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use wagrun_custom_resource::{RequestType, Resource, serve};

use crate::answer::{Answer, Migrated};
use crate::migrator::{Ask, Migrator};
use crate::request::{Command, Request};
use crate::run::MigrateError;

/// The custom resource's id: the same for ever, as another one would make CloudFormation delete the old.
const PHYSICAL_ID: &str = "wagrun-migration";
/// Time before the function's deadline at which the work has to be over: enough for a command to be asked to end and
/// killed, for the history, and for the answer to CloudFormation, which starts twenty seconds before.
const MARGIN: Duration = Duration::from_secs(45);

/// Runs one command, or serves one request of CloudFormation's, which gets its own answer; ours is then empty.
///
/// # Errors
/// On an unknown command, and when any step failed; the steps before it stay done, and a later run goes on from there.
pub async fn handle(
    migrator: &Migrator,
    event: LambdaEvent<Value>,
) -> Result<Option<Answer>, Diagnostic> {
    let answer = run(migrator, &event)
        .await
        .map_err(|error| wagrun_lambda::telemetry::failed("MigrateFailed", error.as_ref()))?;
    tracing::info!(answer = %json!(answer), "done");
    Ok(answer)
}

async fn run(migrator: &Migrator, event: &LambdaEvent<Value>) -> Result<Option<Answer>, Error> {
    let remaining = event
        .context
        .deadline()
        .duration_since(SystemTime::now())
        .unwrap_or_default();
    let now = Instant::now();
    let mut ask = Ask {
        asked_by: event.context.request_id.clone(),
        deploy: None,
        capture: None,
        may_be_rollback: false,
        stop_at: now + remaining.saturating_sub(MARGIN),
    };
    if let Some(request) = wagrun_custom_resource::Request::parse(&event.payload) {
        let request = request?;
        ask.deploy = text(&request.resource_properties, "Image");
        serve(
            &request,
            PHYSICAL_ID,
            now + remaining,
            async |kind| match kind {
                // What a deletion would undo is the database's content; the database itself may be gone already.
                RequestType::Delete => Ok(resource(Map::new())),
                RequestType::Create | RequestType::Update => {
                    ask.may_be_rollback = kind == RequestType::Update;
                    Ok::<_, MigrateError>(resource(data(&migrator.migrate(&ask).await?)))
                }
            },
        )
        .await?;
        return Ok(None);
    }
    let request = Request::parse(&event.payload)?;
    ask.deploy = request.deploy;
    ask.capture = request.capture;
    Ok(Some(match request.command {
        Command::Migrate => Answer::Migrated(migrator.migrate(&ask).await?),
        other => migrator.command(other, &ask).await?,
    }))
}

fn text(properties: &Map<String, Value>, name: &str) -> Option<String> {
    let text = properties.get(name)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

fn resource(data: Map<String, Value>) -> Resource {
    Resource {
        physical_id: PHYSICAL_ID.to_owned(),
        data,
    }
}

/// What `!GetAtt` can ask the custom resource for.
fn data(migrated: &Migrated) -> Map<String, Value> {
    Map::from_iter([
        ("Applied".to_owned(), json!(migrated.applied_django.len())),
        ("WatchedTables".to_owned(), json!(migrated.watched_tables)),
        ("Superuser".to_owned(), json!(migrated.superuser)),
        ("Run".to_owned(), json!(migrated.run)),
    ])
}
