//! Updates and invokes the Lambda function migrate.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{InvocationType, LastUpdateStatus, State};
use serde_json::json;

use crate::aws_error::AwsError;
use crate::image::Image;
use crate::observation::{MigrateStatus, Readiness};
use crate::refusal;
use crate::signal::Signal;

/// The function migrate.
#[derive(Debug, Clone)]
pub struct MigrateFunction {
    client: Client,
    name: String,
    repository: String,
}

impl MigrateFunction {
    /// Creates the function with this name, whose images are in this repository.
    pub fn new(client: Client, name: String, repository: String) -> Self {
        Self {
            client,
            name,
            repository,
        }
    }

    /// Returns the digest of its image, and its readiness to be invoked.
    pub async fn status(&self) -> Result<MigrateStatus, AwsError> {
        let found = self
            .client
            .get_function()
            .function_name(&self.name)
            .send()
            .await
            .map_err(|error| AwsError::new("read the state of migrate", error))?;
        let digest = found
            .code()
            .and_then(|code| code.resolved_image_uri().or(code.image_uri()))
            .and_then(|image| image.split_once('@'))
            .map(|(_, digest)| digest.to_owned());
        Ok(MigrateStatus {
            digest,
            readiness: readiness(&found),
        })
    }

    /// Gives it an image. Repeating this does no harm.
    pub async fn update(&self, image: &Image) -> Result<Signal, AwsError> {
        let updated = self
            .client
            .update_function_code()
            .function_name(&self.name)
            .image_uri(image.uri(&self.repository))
            .send()
            .await;
        match updated {
            Ok(_) => Ok(Signal::MigrateUpdateAccepted),
            Err(error) => {
                refusal::signal_of("update migrate", error, &["ResourceConflictException"])
            }
        }
    }

    /// Starts a migration. Its result arrives through the function's destinations. A second run finds nothing to do.
    pub async fn invoke(&self, image: &Image) -> Result<Signal, AwsError> {
        let payload = json!({"command": "migrate", "deploy": image.digest});
        let invoked = self
            .client
            .invoke()
            .function_name(&self.name)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(payload.to_string()))
            .send()
            .await;
        match invoked {
            Ok(_) => Ok(Signal::MigrateInvocationAccepted),
            Err(error) => refusal::signal_of(
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
        (Some(State::Failed), _) => Readiness::Failed(reason_or_default(function.state_reason())),
        (_, Some(LastUpdateStatus::Failed)) => {
            Readiness::Failed(reason_or_default(function.last_update_status_reason()))
        }
        (Some(State::Inactive), Some(LastUpdateStatus::Successful)) => Readiness::Inactive,
        (state, update) => Readiness::Busy(format!(
            "is {}, its update {}",
            state.map_or("without a state", |state| state.as_str()),
            update.map_or("without one", |update| update.as_str()),
        )),
    }
}

fn reason_or_default(reason: Option<&str>) -> String {
    reason.unwrap_or("Lambda gives no reason").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use testing::replay::Replay;

    const REPOSITORY: &str = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/team/site";

    fn migrate(replay: &Replay) -> MigrateFunction {
        let client = Client::new(&replay.config());
        MigrateFunction::new(client, "wagrun-Migrate".to_owned(), REPOSITORY.to_owned())
    }

    fn image() -> Image {
        Image {
            digest: "sha256:4e3".to_owned(),
            tag: None,
        }
    }

    /// Returns the method and path of the one call, and its body.
    fn call(replay: &Replay) -> (String, Value) {
        let requests = replay.requests();
        assert_eq!(requests.len(), 1);
        let body = serde_json::from_str(&requests[0].body).unwrap_or_default();
        (requests[0].line.clone(), body)
    }

    fn refused(code: &str) -> (u16, String) {
        // Lambda sends the code in a header. The replay cannot send headers, and the SDK reads the code from the body as well.
        (409, json!({"__type": code, "Message": "no"}).to_string())
    }

    #[tokio::test]
    async fn its_image_and_state_are_read() {
        let image = format!("{REPOSITORY}@sha256:4e3");
        let found = |configuration: Value, code: Value| {
            (
                200,
                json!({"Configuration": configuration, "Code": code}).to_string(),
            )
        };
        let by_digest = || json!({"ImageUri": image, "ResolvedImageUri": image});
        let by_tag =
            || json!({"ImageUri": format!("{REPOSITORY}:prod"), "ResolvedImageUri": image});
        let table = [
            (
                json!({"State": "Active", "LastUpdateStatus": "Successful"}),
                Readiness::Ready,
            ),
            (
                json!({"State": "Inactive", "LastUpdateStatus": "Successful"}),
                Readiness::Inactive,
            ),
            (
                json!({"State": "Active", "LastUpdateStatus": "InProgress"}),
                Readiness::Busy("is Active, its update InProgress".to_owned()),
            ),
            (
                json!({"State": "Pending", "LastUpdateStatus": "Successful"}),
                Readiness::Busy("is Pending, its update Successful".to_owned()),
            ),
            (
                json!({"State": "Active", "LastUpdateStatus": "Failed", "LastUpdateStatusReason": "no image"}),
                Readiness::Failed("no image".to_owned()),
            ),
            (
                json!({"State": "Failed", "StateReason": "no role", "LastUpdateStatus": "Successful"}),
                Readiness::Failed("no role".to_owned()),
            ),
        ];
        for (configuration, readiness) in table {
            for code in [by_digest(), by_tag()] {
                let replay = Replay::new([found(configuration.clone(), code)]);
                let status = migrate(&replay).status().await.unwrap();
                assert_eq!(status.readiness, readiness);
                assert_eq!(status.digest.as_deref(), Some("sha256:4e3"));
                let line = "GET /2015-03-31/functions/wagrun-Migrate";
                assert_eq!(call(&replay).0, line);
            }
        }
    }

    #[tokio::test]
    async fn it_gets_an_image_by_its_digest() {
        let replay = Replay::new([(200, "{}")]);
        let answer = migrate(&replay).update(&image()).await.unwrap();
        assert_eq!(answer, Signal::MigrateUpdateAccepted);
        assert_eq!(
            call(&replay),
            (
                "PUT /2015-03-31/functions/wagrun-Migrate/code".to_owned(),
                json!({"ImageUri": format!("{REPOSITORY}@sha256:4e3")}),
            )
        );
    }

    #[tokio::test]
    async fn it_is_invoked_with_the_digest_by_which_its_result_is_recognised() {
        let replay = Replay::new([(202, "")]);
        let answer = migrate(&replay).invoke(&image()).await.unwrap();
        assert_eq!(answer, Signal::MigrateInvocationAccepted);
        assert_eq!(
            call(&replay),
            (
                "POST /2015-03-31/functions/wagrun-Migrate/invocations".to_owned(),
                json!({"command": "migrate", "deploy": "sha256:4e3"}),
            )
        );
    }

    #[tokio::test]
    async fn an_update_under_way_is_waited_for_and_a_bad_image_is_not() {
        let replay = Replay::new([refused("ResourceConflictException")]);
        let answer = migrate(&replay).update(&image()).await.unwrap();
        let reason = "cannot update migrate: ResourceConflictException: no";
        assert_eq!(answer, Signal::CommandDeferred(reason.to_owned()));

        let replay = Replay::new([refused("InvalidParameterValueException")]);
        let answer = migrate(&replay).update(&image()).await.unwrap();
        assert!(matches!(answer, Signal::CommandRefused(_)), "{answer:?}");

        for answer in [refused("TooManyRequestsException"), (500, String::new())] {
            let replay = Replay::new([answer]);
            assert!(migrate(&replay).update(&image()).await.is_err());
        }
    }
}
