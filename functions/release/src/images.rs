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
