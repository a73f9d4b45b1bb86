//! Lambda: the migrate function, its image and its invocation.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{InvocationType, LastUpdateStatus, State};
use serde_json::json;

use crate::call::{CallError, refusal};
use crate::state::Image;
use crate::step::{Event, MigrateFunction, Readiness};

/// The migrate function.
#[derive(Debug, Clone)]
pub struct Migrate {
    client: Client,
    function: String,
    repository: String,
}

impl Migrate {
    /// A function by its name, and the repository of its images.
    pub fn new(client: Client, function: String, repository: String) -> Self {
        Self {
            client,
            function,
            repository,
        }
    }

    /// Its image, and whether it can be invoked.
    pub async fn look(&self) -> Result<MigrateFunction, CallError> {
        let found = self
            .client
            .get_function()
            .function_name(&self.function)
            .send()
            .await
            .map_err(|error| CallError::new("look at migrate", error))?;
        let digest = found
            .code()
            .and_then(|code| code.resolved_image_uri().or(code.image_uri()))
            .and_then(|image| image.split_once('@'))
            .map(|(_, digest)| digest.to_owned());
        Ok(MigrateFunction {
            digest,
            readiness: readiness(&found),
        })
    }

    /// Gives it an image. The same one again does no harm.
    pub async fn update(&self, image: &Image) -> Result<Event, CallError> {
        let updated = self
            .client
            .update_function_code()
            .function_name(&self.function)
            .image_uri(format!("{}@{}", self.repository, image.digest))
            .send()
            .await;
        match updated {
            Ok(_) => Ok(Event::MigrateUpdated),
            Err(error) => refusal("update migrate", error, &["ResourceConflictException"]),
        }
    }

    /// Has it migrate; how that ends, its destinations say. A second run finds nothing to do.
    pub async fn invoke(&self, image: &Image) -> Result<Event, CallError> {
        let payload = json!({"command": "migrate", "deploy": image.digest});
        let invoked = self
            .client
            .invoke()
            .function_name(&self.function)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(payload.to_string()))
            .send()
            .await;
        match invoked {
            Ok(_) => Ok(Event::MigrateInvoked),
            Err(error) => refusal(
                "invoke migrate",
                error,
                &["ResourceConflictException", "ResourceNotReadyException"],
            ),
        }
    }
}

fn readiness(function: &GetFunctionOutput) -> Readiness {
    let Some(function) = function.configuration() else {
        return Readiness::Busy("has no state".to_owned());
    };
    match (function.state(), function.last_update_status()) {
        (Some(State::Active), Some(LastUpdateStatus::Successful)) => Readiness::Ready,
        (Some(State::Failed), _) => Readiness::Failed(text(function.state_reason())),
        (_, Some(LastUpdateStatus::Failed)) => {
            Readiness::Failed(text(function.last_update_status_reason()))
        }
        (Some(State::Inactive), Some(LastUpdateStatus::Successful)) => Readiness::Asleep,
        (state, update) => Readiness::Busy(format!(
            "is {}, its update {}",
            state.map_or("without a state", |state| state.as_str()),
            update.map_or("without one", |update| update.as_str()),
        )),
    }
}

fn text(reason: Option<&str>) -> String {
    reason.unwrap_or("Lambda gives no reason").to_owned()
}
