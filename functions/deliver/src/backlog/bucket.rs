//! The bucket of deliveries that are set aside, one object each: `<subscriber>/<event's subject>/<sequence number>`.

use std::borrow::Cow;

use aws_sdk_s3::{
    Client,
    error::SdkError,
    operation::{
        delete_object::DeleteObjectError, get_object::GetObjectError,
        list_objects_v2::ListObjectsV2Error, put_object::PutObjectError,
    },
    primitives::{ByteStream, ByteStreamError},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::lane::Lane;

/// Characters that are percent-encoded in a key. The others keep a key readable.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');
/// Digits of a sequence number in a key. SQS uses twenty and allows itself 128 bits, which are thirty-nine digits. With the
/// same number everywhere, keys sort as the numbers do.
const SEQUENCE_DIGITS: usize = 39;
/// Length limit of a key in bytes (S3 user guide, "Naming Amazon S3 objects").
const MAX_KEY_BYTES: usize = 1024;

/// The bucket and the client that reaches it.
#[derive(Debug, Clone)]
pub struct Bucket {
    s3: Client,
    name: String,
}

/// A delivery that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// The object's key.
    pub key: String,
    /// The [`Delivery`](wagrun_delivery::Delivery)'s JSON.
    pub body: String,
}

/// The bucket could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// The objects could not be listed.
    #[error("cannot list what is set aside under {prefix:?}")]
    List {
        /// The prefix of the keys.
        prefix: String,
        /// The cause.
        source: Box<SdkError<ListObjectsV2Error>>,
    },
    /// A delivery could not be set aside.
    #[error("cannot set aside {key}")]
    Put {
        /// The object.
        key: String,
        /// The cause.
        source: Box<SdkError<PutObjectError>>,
    },
    /// A delivery could not be read.
    #[error("cannot read {key}")]
    Get {
        /// The object.
        key: String,
        /// The cause.
        source: Box<SdkError<GetObjectError>>,
    },
    /// A delivery could not be read to its end.
    #[error("cannot read {key}")]
    Body {
        /// The object.
        key: String,
        /// The cause.
        source: ByteStreamError,
    },
    /// An object is not UTF-8 text.
    #[error("{key} is not UTF-8 text")]
    NoText {
        /// The object.
        key: String,
        /// The cause.
        source: std::string::FromUtf8Error,
    },
    /// An object could not be removed.
    #[error("cannot remove {key}")]
    Remove {
        /// The object.
        key: String,
        /// The cause.
        source: Box<SdkError<DeleteObjectError>>,
    },
}

impl Bucket {
    /// Creates the bucket's handle. Calls nothing yet.
    pub fn new(s3: Client, name: String) -> Self {
        Self { s3, name }
    }

    /// Returns true when the lane's name fits into a key. One with several hundred letters does not.
    pub fn can_hold(&self, lane: &Lane) -> bool {
        prefix(lane).len() + SEQUENCE_DIGITS <= MAX_KEY_BYTES
    }

    /// Adds a delivery to its lane. The same delivery again replaces its object.
    pub async fn put(
        &self,
        lane: &Lane,
        sequence_number: &str,
        body: &str,
    ) -> Result<(), BucketError> {
        let key = format!("{}{sequence_number:0>SEQUENCE_DIGITS$}", prefix(lane));
        let call = self.s3.put_object().bucket(&self.name).key(&key);
        let call = call.content_type("application/json");
        let body = ByteStream::from(body.as_bytes().to_vec());
        let answer = call.body(body).send().await;
        answer.map(drop).map_err(|source| BucketError::Put {
            key,
            source: Box::new(source),
        })
    }

    /// Returns true when the lane has objects.
    pub async fn has_objects(&self, lane: &Lane) -> Result<bool, BucketError> {
        Ok(self.first_key(lane).await?.is_some())
    }

    /// Returns the lane's oldest delivery.
    pub async fn first(&self, lane: &Lane) -> Result<Option<SetAside>, BucketError> {
        let Some(key) = self.first_key(lane).await? else {
            return Ok(None);
        };
        let call = self.s3.get_object().bucket(&self.name).key(&key);
        let answer = call.send().await.map_err(|source| BucketError::Get {
            key: key.clone(),
            source: Box::new(source),
        })?;
        let bytes = match answer.body.collect().await {
            Ok(bytes) => bytes.to_vec(),
            Err(source) => return Err(BucketError::Body { key, source }),
        };
        match String::from_utf8(bytes) {
            Ok(body) => Ok(Some(SetAside { key, body })),
            Err(source) => Err(BucketError::NoText { key, source }),
        }
    }

    /// Removes an object. One that does not exist is no error.
    pub async fn remove(&self, key: &str) -> Result<(), BucketError> {
        let call = self.s3.delete_object().bucket(&self.name).key(key);
        let answer = call.send().await;
        answer.map(drop).map_err(|source| BucketError::Remove {
            key: key.to_owned(),
            source: Box::new(source),
        })
    }

    /// Returns the lanes of a subscriber that have objects, in the order of their keys: at most `limit`, and only those
    /// behind the lane with subject `after`, if given.
    pub async fn lanes(
        &self,
        subscriber: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Lane>, BucketError> {
        let prefix = format!("{}/", escaped(subscriber));
        // Sorts behind every key of the lane, and before every key of the next lane.
        let after = after.map(|subject| format!("{prefix}{}/~", escaped(subject)));
        let subjects = self.names(prefix, after, limit).await?;
        let lane = |subject| Lane {
            subscriber: subscriber.to_owned(),
            subject,
        };
        Ok(subjects.into_iter().map(lane).collect())
    }

    /// Returns the names of the subscribers that have deliveries in the bucket.
    pub async fn subscribers(&self) -> Result<Vec<String>, BucketError> {
        self.names(String::new(), None, usize::MAX).await
    }

    async fn first_key(&self, lane: &Lane) -> Result<Option<String>, BucketError> {
        let prefix = prefix(lane);
        let call = self.s3.list_objects_v2().bucket(&self.name);
        let answer = call.prefix(&prefix).max_keys(1).send().await;
        let found = answer.map_err(|source| BucketError::List {
            prefix,
            source: Box::new(source),
        })?;
        let first = found.contents.unwrap_or_default().into_iter().next();
        Ok(first.and_then(|object| object.key))
    }

    /// Returns the names one level below a prefix, at most `limit`.
    async fn names(
        &self,
        prefix: String,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<String>, BucketError> {
        let call = self.s3.list_objects_v2().bucket(&self.name).delimiter("/");
        let mut pages = call
            .prefix(&prefix)
            .set_start_after(after)
            .into_paginator()
            .send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|source| BucketError::List {
                prefix: prefix.clone(),
                source: Box::new(source),
            })?;
            let found = page.common_prefixes.unwrap_or_default().into_iter();
            let found = found.filter_map(|found| found.prefix);
            names.extend(found.map(|found| unescaped(&found[prefix.len()..])));
            if names.len() >= limit {
                names.truncate(limit);
                break;
            }
        }
        Ok(names)
    }
}

fn prefix(lane: &Lane) -> String {
    format!("{}/{}/", escaped(&lane.subscriber), escaped(&lane.subject))
}

fn escaped(name: &str) -> Cow<'_, str> {
    utf8_percent_encode(name, ESCAPED).into()
}

fn unescaped(name: &str) -> String {
    let name = percent_decode_str(name.trim_end_matches('/'));
    name.decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod properties;
