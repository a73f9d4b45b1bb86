//! The edge: Lambda's types in, the answer out.

use lambda_runtime::{Diagnostic, Error, LambdaEvent};
use serde::Deserialize;
use serde_json::Value;

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

/// Runs one command.
///
/// # Errors
/// On an unknown command, and when any step failed; the steps before it stay done, and a later run goes on from there.
pub async fn handle(migrator: &Migrator, event: LambdaEvent<Value>) -> Result<Answer, Diagnostic> {
    let answer = run(migrator, event.payload)
        .await
        .map_err(|error| wagrun::telemetry::failed("MigrateFailed", error.as_ref()))?;
    tracing::info!(?answer, "migrated");
    Ok(answer)
}

async fn run(migrator: &Migrator, payload: Value) -> Result<Answer, Error> {
    let request: Request = serde_json::from_value(payload)?;
    match request.command {
        Command::Migrate => Ok(migrator.migrate().await?),
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
