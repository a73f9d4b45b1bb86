//! Looks images up in the site's ECR repository.

use aws_sdk_ecr::Client;
use aws_sdk_ecr::types::ImageIdentifier;

use crate::aws_error::AwsError;
use crate::image::{Image, ImageReference};

/// The ECR repository of the site's images.
#[derive(Debug, Clone)]
pub struct ImageRepository {
    client: Client,
    name: String,
}

/// The image of a reference cannot be determined.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The reference has neither a tag nor a digest.
    #[error("deploy: needs a tag or a digest")]
    Empty,
    /// The repository has no such image.
    #[error("no image {name} in repository {repository}")]
    NotFound {
        /// The tag or digest.
        name: String,
        /// The name of the repository.
        repository: String,
    },
    /// ECR gave no answer, or refused the call.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl ImageRepository {
    /// Creates the repository with the address `<account>.dkr.ecr.<region>.amazonaws.com/<name>`.
    pub fn new(client: Client, repository: &str) -> Self {
        let name = repository
            .split_once('/')
            .map_or(repository, |(_, name)| name);
        Self {
            client,
            name: name.to_owned(),
        }
    }

    /// Returns the image with this digest, or else the one that has this tag now.
    pub async fn resolve(&self, reference: &ImageReference) -> Result<Image, ResolveError> {
        let (id, name) = match reference {
            ImageReference {
                digest: Some(digest),
                ..
            } => (ImageIdentifier::builder().image_digest(digest), digest),
            ImageReference { tag: Some(tag), .. } => {
                (ImageIdentifier::builder().image_tag(tag), tag)
            }
            _ => return Err(ResolveError::Empty),
        };
        let found = self
            .client
            .describe_images()
            .repository_name(&self.name)
            .image_ids(id.build())
            .send()
            .await;
        let digest = match found {
            Ok(found) => found
                .image_details()
                .first()
                .and_then(|image| image.image_digest())
                .map(str::to_owned),
            Err(error)
                if (error.as_service_error())
                    .is_some_and(|error| error.is_image_not_found_exception()) =>
            {
                None
            }
            Err(error) => return Err(AwsError::new("look up the image", error).into()),
        };
        match digest {
            Some(digest) => Ok(Image {
                digest,
                tag: reference.tag.clone(),
            }),
            None => Err(ResolveError::NotFound {
                name: name.clone(),
                repository: self.name.clone(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use testing::replay::Replay;
    use wagrun_lambda::telemetry::chain;

    async fn resolve(
        answer: (u16, Value),
        reference: Value,
    ) -> (Result<Image, ResolveError>, Vec<Value>) {
        let replay = Replay::new([(answer.0, answer.1.to_string())]);
        let client = Client::new(&replay.config());
        let repository = ImageRepository::new(
            client,
            "111122223333.dkr.ecr.eu-central-1.amazonaws.com/team/site",
        );
        let image = repository
            .resolve(&serde_json::from_value(reference).unwrap())
            .await;
        let requests = replay.requests();
        let bodies = requests
            .iter()
            .map(|request| serde_json::from_str(&request.body).unwrap());
        (image, bodies.collect())
    }

    #[tokio::test]
    async fn a_tag_is_resolved_to_its_present_digest_and_a_digest_to_itself() {
        let found = || {
            (
                200,
                json!({"imageDetails": [{"imageDigest": "sha256:4e3"}]}),
            )
        };
        let table = [
            (json!({"tag": "v1"}), json!({"imageTag": "v1"}), Some("v1")),
            (
                json!({"digest": "sha256:4e3"}),
                json!({"imageDigest": "sha256:4e3"}),
                None,
            ),
            (
                json!({"tag": "v1", "digest": "sha256:4e3"}),
                json!({"imageDigest": "sha256:4e3"}),
                Some("v1"),
            ),
        ];
        for (reference, id, tag) in table {
            let (image, calls) = resolve(found(), reference).await;
            let image = image.unwrap();
            assert_eq!(
                (image.digest.as_str(), image.tag.as_deref()),
                ("sha256:4e3", tag)
            );
            assert_eq!(
                calls,
                [json!({"repositoryName": "team/site", "imageIds": [id]})]
            );
        }
    }

    #[tokio::test]
    async fn an_image_that_does_not_exist_is_named() {
        let absent = (
            400,
            json!({"__type": "ImageNotFoundException", "message": "no"}),
        );
        let (image, _) = resolve(absent, json!({"tag": "v9"})).await;
        assert_eq!(
            image.unwrap_err().to_string(),
            "no image v9 in repository team/site"
        );
        let denied = (
            400,
            json!({"__type": "AccessDeniedException", "message": "not authorized"}),
        );
        let (image, _) = resolve(denied, json!({"tag": "v9"})).await;
        let error = image.unwrap_err();
        assert!(matches!(error, ResolveError::Aws(_)));
        let error = chain(&error);
        assert!(error.starts_with("cannot look up the image: "), "{error}");
        assert!(error.contains("AccessDeniedException"), "{error}");
        assert!(error.contains("not authorized"), "{error}");
    }
}
