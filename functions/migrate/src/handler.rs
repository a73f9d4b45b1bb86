//! The edge: Lambda's types in, the answer out, and the one place where an error is logged.

use lambda_runtime::{Error, LambdaEvent};
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
pub async fn handle(migrator: &Migrator, event: LambdaEvent<Value>) -> Result<Answer, Error> {
    match run(migrator, event.payload).await {
        Ok(answer) => {
            tracing::info!(?answer, "migrated");
            Ok(answer)
        }
        Err(error) => {
            let chain = wagrun::telemetry::chain(error.as_ref());
            tracing::error!(error = chain, "migrate failed");
            // The caller sees the whole chain too: an operator who invoked by hand should not need the log.
            Err(chain.into())
        }
    }
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
