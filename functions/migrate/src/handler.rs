//! The edge: takes Lambda's types and returns the answer to the command.

use std::time::{Duration, SystemTime};

use lambda_runtime::{Context, Diagnostic, Error, LambdaEvent};
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use tracing::{Instrument, Span, info_span};
use wagrun_custom_resource::{self as custom_resource, RequestType, Resource, ServeError};
use wagrun_lambda::telemetry::failed;

use crate::answer::{Answer, Migrated};
use crate::invocation::Invocation;
use crate::migration::MigrateError;
use crate::migrator::Migrator;
use crate::request::{Command, Request};

/// The id of the custom resource. It never changes, because CloudFormation would delete the resource of the old id.
const PHYSICAL_ID: &str = "wagrun-migration";
/// Time before the function's deadline at which the work has to be over. It is enough to end a command, to record the run,
/// and to answer CloudFormation, which begins twenty seconds before the deadline.
const SHUTDOWN_MARGIN: Duration = Duration::from_secs(45);
/// The type of every error that Lambda's caller gets.
const ERROR_TYPE: &str = "MigrateFailed";

/// The two kinds of payload.
enum Payload {
    Command(Request),
    Stack(custom_resource::Request),
}

/// Runs one command, or serves one request of CloudFormation. CloudFormation gets an answer of its own; `None` is returned
/// then.
///
/// # Errors
/// Fails for an unknown command, and after a step that failed. The steps before it stay done, and a later run continues from there.
pub async fn handle(
    migrator: &Migrator,
    event: LambdaEvent<Value>,
) -> Result<Option<Answer>, Diagnostic> {
    let payload =
        Payload::parse(&event.payload).map_err(|error| failed(ERROR_TYPE, error.as_ref()))?;
    let span = payload.span();
    let work = async {
        let result = match payload {
            Payload::Command(request) => run(migrator, request, &event.context).await.map(Some),
            Payload::Stack(request) => {
                let served = serve_stack(migrator, &request, &event.context).await;
                served.map(|()| None).map_err(Error::from)
            }
        };
        result.map_err(|error| failed(ERROR_TYPE, error.as_ref()))
    };
    work.instrument(span).await
}

impl Payload {
    fn parse(payload: &Value) -> Result<Self, Error> {
        Ok(match custom_resource::Request::parse(payload) {
            Some(request) => Self::Stack(request?),
            None => Self::Command(Request::parse(payload)?),
        })
    }

    /// Returns the span of the run, with the fields that all of its lines have.
    fn span(&self) -> Span {
        let (command, image) = match self {
            Self::Command(request) => (request.command, request.deploy.as_deref()),
            Self::Stack(request) => (Command::Migrate, image(request)),
        };
        info_span!("run", command = command.as_str(), image)
    }
}

async fn run(migrator: &Migrator, request: Request, context: &Context) -> Result<Answer, Error> {
    let invocation = Invocation {
        id: context.request_id.clone(),
        image: request.deploy,
        capture: request.capture,
        is_stack_update: false,
        stop_at: stop_at(context),
    };
    let answer = migrator.command(request.command, &invocation).await?;
    match &answer {
        Answer::Migrated(migrated) => log_migrated(migrated),
        Answer::Plan(plan) => {
            tracing::info!(migrations = plan.migrations.len(), "migrations planned");
        }
        Answer::Status(status) => {
            let is_running = status.running.is_some();
            let installed = status.schema.installed;
            tracing::info!(is_running, installed, "status read");
        }
        Answer::Published(done) => {
            let duration_ms = as_u64(done.milliseconds);
            let (published, expired, failed) = (done.published, done.expired, done.failed);
            tracing::info!(
                published,
                expired,
                failed,
                duration_ms,
                "due content published"
            );
        }
        Answer::Detached(detached) => {
            tracing::warn!(tables = detached.tables, "wagrun removed from the database");
        }
        Answer::CommandOutput(output) => {
            let duration_ms = as_u64(output.milliseconds);
            tracing::info!(duration_ms, "command finished");
        }
    }
    Ok(answer)
}

/// Runs `migrate` for CloudFormation.
async fn serve_stack(
    migrator: &Migrator,
    request: &custom_resource::Request,
    context: &Context,
) -> Result<(), ServeError> {
    let deadline = Instant::now() + remaining(context);
    custom_resource::serve(request, PHYSICAL_ID, deadline, async |request_type| {
        if request_type == RequestType::Delete {
            // The content stays. The database itself may be deleted already.
            return Ok(resource(Map::new()));
        }
        let invocation = Invocation {
            id: context.request_id.clone(),
            image: image(request).map(str::to_owned),
            capture: None,
            is_stack_update: request_type == RequestType::Update,
            stop_at: stop_at(context),
        };
        let migrated = migrator.migrate(&invocation).await?;
        log_migrated(&migrated);
        Ok::<_, MigrateError>(resource(attributes(&migrated)))
    })
    .await
}

fn image(request: &custom_resource::Request) -> Option<&str> {
    let image = request.resource_properties.get("Image")?.as_str()?;
    (!image.is_empty()).then_some(image)
}

fn stop_at(context: &Context) -> Instant {
    Instant::now() + remaining(context).saturating_sub(SHUTDOWN_MARGIN)
}

/// Returns the time until the function's deadline.
#[expect(
    clippy::disallowed_methods,
    reason = "the edge: Lambda gives a deadline of the wall clock"
)]
fn remaining(context: &Context) -> Duration {
    context
        .deadline()
        .duration_since(SystemTime::now())
        .unwrap_or_default()
}

fn log_migrated(migrated: &Migrated) {
    tracing::info!(
        run = migrated.run,
        applied = migrated.applied_django.len(),
        watched_tables = migrated.watched_tables,
        superuser = migrated.superuser.as_str(),
        duration_ms = as_u64(migrated.milliseconds),
        "database migrated"
    );
}

fn as_u64(milliseconds: u128) -> u64 {
    u64::try_from(milliseconds).unwrap_or(u64::MAX)
}

fn resource(data: Map<String, Value>) -> Resource {
    Resource {
        physical_id: PHYSICAL_ID.to_owned(),
        data,
    }
}

/// Returns the attributes of the custom resource for `!GetAtt`.
fn attributes(migrated: &Migrated) -> Map<String, Value> {
    Map::from_iter([
        ("Applied".to_owned(), json!(migrated.applied_django.len())),
        ("WatchedTables".to_owned(), json!(migrated.watched_tables)),
        ("Superuser".to_owned(), json!(migrated.superuser)),
        ("Run".to_owned(), json!(migrated.run)),
    ])
}
