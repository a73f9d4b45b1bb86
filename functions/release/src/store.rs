//! SSM: where the state is.

use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::ParameterType;

use crate::call::CallError;
use crate::state::State;

/// The parameter with the state.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    parameter: String,
}

/// The state can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SSM does not let us.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The parameter holds something else.
    #[error("parameter {parameter} is not the state of releases")]
    Malformed {
        /// Which.
        parameter: String,
        /// Why.
        source: serde_json::Error,
    },
    /// The state can't be written, which its type rules out.
    #[error("can't encode the state")]
    Encode(#[source] serde_json::Error),
}

impl Store {
    /// A parameter and the client that reaches it.
    pub fn new(client: Client, parameter: String) -> Self {
        Self { client, parameter }
    }

    /// The state; an empty one before the first release.
    pub async fn load(&self) -> Result<State, StoreError> {
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
            Err(error) => return Err(CallError::new("read the state", error).into()),
        };
        let Some(text) = text else {
            return Ok(State::default());
        };
        serde_json::from_str(&text).map_err(|source| StoreError::Malformed {
            parameter: self.parameter.clone(),
            source,
        })
    }

    /// Replaces the state.
    pub async fn save(&self, state: &State) -> Result<(), StoreError> {
        let text = serde_json::to_string(state).map_err(StoreError::Encode)?;
        self.client
            .put_parameter()
            .name(&self.parameter)
            .r#type(ParameterType::String)
            .value(text)
            .overwrite(true)
            .send()
            .await
            .map_err(|error| CallError::new("save the state", error))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use testing::replay::Replay;

    fn store(replay: &Replay) -> Store {
        Store::new(Client::new(&replay.config()), "/wagrun/release".to_owned())
    }

    #[tokio::test]
    async fn the_first_state_is_empty_and_every_other_is_what_was_saved() {
        let absent = json!({"__type": "ParameterNotFound"});
        let found = json!({"Parameter": {"Value": r#"{"sequence":7}"#}});
        let denied = json!({"__type": "AccessDeniedException"});
        let replay = Replay::new([
            (400, absent.to_string()),
            (200, found.to_string()),
            (400, denied.to_string()),
        ]);
        let store = store(&replay);
        assert_eq!(store.load().await.unwrap(), State::default());
        assert_eq!(store.load().await.unwrap().sequence, 7);
        assert!(matches!(store.load().await, Err(StoreError::Call(_))));
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
