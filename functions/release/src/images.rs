//! ECR: which image a tag means, and whether a digest is there.

use aws_sdk_ecr::Client;
use aws_sdk_ecr::types::ImageIdentifier;

use crate::call::CallError;
use crate::state::Image;
use crate::trigger::Reference;

/// The repository of the site's images.
#[derive(Debug, Clone)]
pub struct Images {
    client: Client,
    name: String,
}

/// The image can't be named.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The request names none, or both ways that disagree.
    #[error("deploy: needs a tag or a digest")]
    Unnamed,
    /// There is no such image.
    #[error("no image {name} in repository {repository}")]
    Absent {
        /// The tag or digest.
        name: String,
        /// Where it was looked for.
        repository: String,
    },
    /// ECR did not say.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Images {
    /// `repository` is `<account>.dkr.ecr.<region>.amazonaws.com/<name>`.
    pub fn new(client: Client, repository: &str) -> Self {
        let name = repository
            .split_once('/')
            .map_or(repository, |(_, name)| name);
        Self {
            client,
            name: name.to_owned(),
        }
    }

    /// The image that is there under this digest, or else under this tag now.
    pub async fn resolve(&self, reference: &Reference) -> Result<Image, ResolveError> {
        let (id, name) = match reference {
            Reference {
                digest: Some(digest),
                ..
            } => (ImageIdentifier::builder().image_digest(digest), digest),
            Reference { tag: Some(tag), .. } => (ImageIdentifier::builder().image_tag(tag), tag),
            _ => return Err(ResolveError::Unnamed),
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
            Err(error) => return Err(CallError::new("look the image up", error).into()),
        };
        match digest {
            Some(digest) => Ok(Image {
                digest,
                tag: reference.tag.clone(),
            }),
            None => Err(ResolveError::Absent {
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

    async fn resolve(
        answer: (u16, Value),
        reference: Value,
    ) -> (Result<Image, ResolveError>, Vec<Value>) {
        let replay = Replay::new([(answer.0, answer.1.to_string())]);
        let client = Client::new(&replay.config());
        let images = Images::new(
            client,
            "111122223333.dkr.ecr.eu-central-1.amazonaws.com/team/site",
        );
        let image = images
            .resolve(&serde_json::from_value(reference).unwrap())
            .await;
        let requests = replay.requests();
        let bodies = requests
            .iter()
            .map(|request| serde_json::from_str(&request.body).unwrap());
        (image, bodies.collect())
    }

    #[tokio::test]
    async fn a_tag_means_what_it_means_now_and_a_digest_itself() {
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
    async fn an_image_that_is_not_there_is_named() {
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
            json!({"__type": "AccessDeniedException", "message": "no"}),
        );
        let (image, _) = resolve(denied, json!({"tag": "v9"})).await;
        assert!(matches!(image, Err(ResolveError::Call(_))));
    }
}
