//! The edge: Lambda's types in, the answer out.

use std::time::SystemTime;

use lambda_runtime::{Diagnostic, Error, LambdaEvent};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::cloud_formation;
use crate::run::{Answer, Migrator};

/// What migrate can be asked to do.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Command {
    Migrate,
}

/// The invocation's payload.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    command: Command,
}

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
        .map_err(|error| wagrun::telemetry::failed("MigrateFailed", error.as_ref()))?;
    tracing::info!(?answer, "migrated");
    Ok(answer)
}

async fn run(migrator: &Migrator, event: &LambdaEvent<Value>) -> Result<Option<Answer>, Error> {
    if let Some(request) = cloud_formation::Request::parse(&event.payload) {
        let remaining = event
            .context
            .deadline()
            .duration_since(SystemTime::now())
            .unwrap_or_default();
        let deadline = Instant::now() + remaining;
        request?.serve(migrator.migrate(), deadline).await?;
        return Ok(None);
    }
    let request = Request::deserialize(&event.payload)?;
    match request.command {
        Command::Migrate => Ok(Some(migrator.migrate().await?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_it_can_not_do_it_names() {
        let table = [
            (
                json!({"command": "dance"}),
                "unknown variant `dance`, expected `migrate`",
            ),
            (
                json!({"comand": "migrate"}),
                "unknown field `comand`, expected `command`",
            ),
            (json!({}), "missing field `command`"),
        ];
        for (payload, message) in table {
            let error = serde_json::from_value::<Request>(payload).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }
}
