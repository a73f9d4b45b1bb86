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
