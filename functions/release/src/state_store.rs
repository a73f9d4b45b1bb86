//! Reads and writes the state, in an SSM parameter.

use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::ParameterType;

use crate::aws_error::AwsError;
use crate::state::State;

/// The SSM parameter that holds the state.
#[derive(Debug, Clone)]
pub struct StateStore {
    client: Client,
    parameter: String,
}

/// The state cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateStoreError {
    /// SSM gave no answer, or refused the call.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The parameter holds another text than a state.
    #[error("parameter {parameter} does not hold the state of releases")]
    Malformed {
        /// The name of the parameter.
        parameter: String,
        /// The cause.
        source: serde_json::Error,
    },
    /// The state cannot be written as JSON. Its type rules this out.
    #[error("cannot encode the state")]
    Encode(#[source] serde_json::Error),
}

impl StateStore {
    /// Creates the store of the parameter with this name.
    pub fn new(client: Client, parameter: String) -> Self {
        Self { client, parameter }
    }

    /// Loads the state. Before the first release it is empty.
    pub async fn load(&self) -> Result<State, StateStoreError> {
        let found = self
            .client
            .get_parameter()
            .name(&self.parameter)
            .send()
            .await;
        let text = match found {
            Ok(found) => found.parameter.and_then(|parameter| parameter.value),
            Err(error)
                if (error.as_service_error())
                    .is_some_and(|error| error.is_parameter_not_found()) =>
            {
                None
            }
            Err(error) => return Err(AwsError::new("read the state", error).into()),
        };
        let Some(text) = text else {
            return Ok(State::default());
        };
        serde_json::from_str(&text).map_err(|source| StateStoreError::Malformed {
            parameter: self.parameter.clone(),
            source,
        })
    }

    /// Saves the state in place of the one before.
    pub async fn save(&self, state: &State) -> Result<(), StateStoreError> {
        let text = serde_json::to_string(state).map_err(StateStoreError::Encode)?;
        self.client
            .put_parameter()
            .name(&self.parameter)
            .r#type(ParameterType::String)
            .value(text)
            .overwrite(true)
            .send()
            .await
            .map_err(|error| AwsError::new("save the state", error))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use testing::replay::Replay;
    use wagrun_lambda::telemetry::chain;

    fn store(replay: &Replay) -> StateStore {
        StateStore::new(Client::new(&replay.config()), "/wagrun/release".to_owned())
    }

    #[tokio::test]
    async fn the_first_state_is_empty_and_every_other_one_is_loaded() {
        let absent = json!({"__type": "ParameterNotFound"});
        let found = json!({"Parameter": {"Value": r#"{"sequence":7}"#}});
        let denied = json!({"__type": "AccessDeniedException", "Message": "not authorized"});
        let replay = Replay::new([
            (400, absent.to_string()),
            (200, found.to_string()),
            (400, denied.to_string()),
        ]);
        let store = store(&replay);
        assert_eq!(store.load().await.unwrap(), State::default());
        assert_eq!(store.load().await.unwrap().sequence, 7);
        let error = store.load().await.unwrap_err();
        assert!(matches!(error, StateStoreError::Aws(_)));
        let error = chain(&error);
        assert!(error.starts_with("cannot read the state: "), "{error}");
        assert!(error.contains("AccessDeniedException"), "{error}");
        assert!(error.contains("not authorized"), "{error}");
        assert_eq!(replay.requests()[0].operation, "AmazonSSM.GetParameter");
    }

    #[tokio::test]
    async fn a_state_replaces_the_one_before() {
        let replay = Replay::new([(200, r#"{"Version":2}"#)]);
        let state = State {
            sequence: 8,
            ..State::default()
        };
        store(&replay).save(&state).await.unwrap();
        let request = &replay.requests()[0];
        assert_eq!(request.operation, "AmazonSSM.PutParameter");
        assert_eq!(
            serde_json::from_str::<Value>(&request.body).unwrap(),
            json!({"Name": "/wagrun/release", "Type": "String", "Value": r#"{"sequence":8}"#, "Overwrite": true})
        );
    }
}
