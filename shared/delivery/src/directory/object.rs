//! The object that holds the directory. It is read with `If-None-Match`, and replaced with `If-Match`.

use std::fmt;

use aws_sdk_s3::{
    Client,
    error::SdkError,
    operation::{get_object::GetObjectError, put_object::PutObjectError},
    primitives::{ByteStream, ByteStreamError},
    types::ServerSideEncryption,
};

/// The key of the object. It has no slash, as every key of a delivery that is set aside has.
pub const KEY: &str = "subscriber-directory.json";

/// The version of the object's content, as S3 names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ETag(String);

/// The object and the client that reaches it.
#[derive(Debug, Clone)]
pub struct DirectoryObject {
    s3: Client,
    bucket: String,
}

/// The result of a read.
#[derive(Clone, PartialEq, Eq)]
pub enum Read {
    /// The content has the ETag that is known.
    Unchanged,
    /// The content.
    Found {
        /// The version of the content.
        etag: ETag,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// There is no such object.
    Missing,
}

/// The result of a replacement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    /// The content is replaced.
    Yes,
    /// Another writer has replaced it since it was read. Nothing was written.
    Conflict,
}

/// The object could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The call failed.
    #[error("cannot read {KEY}")]
    Get(#[source] Box<SdkError<GetObjectError>>),
    /// The content could not be read to its end.
    #[error("cannot read {KEY}")]
    Body(#[source] ByteStreamError),
    /// S3 named no version of the content, so it could not be replaced.
    #[error("the answer for {KEY} has no ETag")]
    NoETag,
}

/// The object could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {KEY}")]
pub struct WriteError(#[source] Box<SdkError<PutObjectError>>);

impl DirectoryObject {
    /// Uses the object of this bucket. Calls nothing yet.
    pub fn new(s3: Client, bucket: String) -> Self {
        Self { s3, bucket }
    }

    /// Reads the content, unless its ETag is `known`.
    pub async fn read(&self, known: Option<&ETag>) -> Result<Read, ReadError> {
        let call = self.s3.get_object().bucket(&self.bucket).key(KEY);
        let call = call.set_if_none_match(known.map(|etag| etag.0.clone()));
        let answer = match call.send().await {
            Ok(answer) => answer,
            Err(error) if status(&error) == Some(304) => return Ok(Read::Unchanged),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(GetObjectError::is_no_such_key) =>
            {
                return Ok(Read::Missing);
            }
            Err(error) => return Err(ReadError::Get(Box::new(error))),
        };
        let etag = answer.e_tag.map(ETag).ok_or(ReadError::NoETag)?;
        let bytes = answer.body.collect().await.map_err(ReadError::Body)?;
        let bytes = bytes.to_vec();
        Ok(Read::Found { etag, bytes })
    }

    /// Replaces the content that has the ETag `read`; without one, creates the object.
    ///
    /// The object is encrypted under the account's own key for S3, as a SecureString is under that for SSM.
    pub async fn replace(
        &self,
        read: Option<&ETag>,
        bytes: Vec<u8>,
    ) -> Result<Replaced, WriteError> {
        let call = self.s3.put_object().bucket(&self.bucket).key(KEY);
        let call = match read {
            Some(etag) => call.if_match(&etag.0),
            None => call.if_none_match("*"),
        };
        let call = call
            .content_type("application/json")
            .server_side_encryption(ServerSideEncryption::AwsKms)
            .body(ByteStream::from(bytes));
        match call.send().await {
            Ok(_) => Ok(Replaced::Yes),
            Err(error) if is_conflict(&error) => Ok(Replaced::Conflict),
            Err(error) => Err(WriteError(Box::new(error))),
        }
    }
}

fn is_conflict(error: &SdkError<PutObjectError>) -> bool {
    match status(error) {
        // The content is another one, or another writer writes at this moment.
        Some(412 | 409) => true,
        // The object was deleted. A bucket that does not exist has the same status.
        Some(404) => {
            error.as_service_error().and_then(|one| one.meta().code()) == Some("NoSuchKey")
        }
        _ => false,
    }
}

fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|raw| raw.status().as_u16())
}

// The content holds secrets.
impl fmt::Debug for Read {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unchanged => formatter.write_str("Unchanged"),
            Self::Missing => formatter.write_str("Missing"),
            Self::Found { etag, bytes } => formatter
                .debug_struct("Found")
                .field("etag", etag)
                .field("bytes", &bytes.len())
                .finish(),
        }
    }
}
