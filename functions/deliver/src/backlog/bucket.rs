//! What is set aside: one object for each delivery, `<subscriber>/<object>/<sequence number>`.

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

/// What a name keeps as it is, so that a key stays readable.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');
/// SQS numbers the messages of a group with twenty digits and may use 128 bits, which are thirty-nine; with as many
/// digits everywhere, the order of the keys is that of the numbers.
const DIGITS: usize = 39;
/// The longest key, in bytes (S3 user guide, "Naming Amazon S3 objects").
const LONGEST_KEY: usize = 1024;

/// The bucket.
#[derive(Debug, Clone)]
pub struct Bucket {
    s3: Client,
    name: String,
}

/// A delivery that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Its object.
    pub key: String,
    /// The [`Delivery`](wagrun_delivery::Delivery)'s JSON.
    pub body: String,
}

/// The bucket does not do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// Nobody knows what is there.
    #[error("cannot list what is set aside under {prefix:?}")]
    List {
        /// Where.
        prefix: String,
        /// What S3 said.
        source: Box<SdkError<ListObjectsV2Error>>,
    },
    /// A delivery was not set aside.
    #[error("cannot set aside {key}")]
    Put {
        /// The object.
        key: String,
        /// What S3 said.
        source: Box<SdkError<PutObjectError>>,
    },
    /// A delivery can't be read.
    #[error("cannot read {key}")]
    Get {
        /// The object.
        key: String,
        /// What S3 said.
        source: Box<SdkError<GetObjectError>>,
    },
    /// A delivery can't be read to its end.
    #[error("cannot read {key}")]
    Body {
        /// The object.
        key: String,
        /// Why not.
        source: ByteStreamError,
    },
    /// A delivery is no text.
    #[error("{key} is no text")]
    NoText {
        /// The object.
        key: String,
        /// Why not.
        source: std::string::FromUtf8Error,
    },
    /// A delivery is still there.
    #[error("cannot remove {key}")]
    Remove {
        /// The object.
        key: String,
        /// What S3 said.
        source: Box<SdkError<DeleteObjectError>>,
    },
}

impl Bucket {
    /// The bucket of this name.
    pub fn new(s3: Client, name: String) -> Self {
        Self { s3, name }
    }

    /// Whether the lane's name fits into a key; one of several hundred letters does not.
    pub fn takes(&self, lane: &Lane) -> bool {
        prefix(lane).len() + DIGITS <= LONGEST_KEY
    }

    /// Adds a delivery to its lane; the same one again is no other.
    pub async fn put(
        &self,
        lane: &Lane,
        sequence_number: &str,
        body: &str,
    ) -> Result<(), BucketError> {
        let key = format!("{}{sequence_number:0>DIGITS$}", prefix(lane));
        let call = self.s3.put_object().bucket(&self.name).key(&key);
        let call = call.content_type("application/json");
        let body = ByteStream::from(body.as_bytes().to_vec());
        let answer = call.body(body).send().await;
        answer.map(drop).map_err(|source| BucketError::Put {
            key,
            source: Box::new(source),
        })
    }

    /// Whether anything of the lane is set aside.
    pub async fn holds(&self, lane: &Lane) -> Result<bool, BucketError> {
        Ok(self.first_key(lane).await?.is_some())
    }

    /// The oldest of the lane.
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

    /// Removes a delivery; it may be gone already.
    pub async fn remove(&self, key: &str) -> Result<(), BucketError> {
        let call = self.s3.delete_object().bucket(&self.name).key(key);
        let answer = call.send().await;
        answer.map(drop).map_err(|source| BucketError::Remove {
            key: key.to_owned(),
            source: Box::new(source),
        })
    }

    /// The lanes of a subscriber of which something is set aside, `most` at most, in the order of their keys; those after
    /// `after`, where that is given.
    pub async fn lanes(
        &self,
        subscriber: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<Lane>, BucketError> {
        let prefix = format!("{}/", escaped(subscriber));
        // The last key that a lane could have, and before that of every lane after it.
        let after = after.map(|subject| format!("{prefix}{}/~", escaped(subject)));
        let subjects = self.names(prefix, after, most).await?;
        let lane = |subject| Lane {
            subscriber: subscriber.to_owned(),
            subject,
        };
        Ok(subjects.into_iter().map(lane).collect())
    }

    /// The subscribers of which something is set aside.
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

    /// The names right below a prefix.
    async fn names(
        &self,
        prefix: String,
        after: Option<String>,
        most: usize,
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
            if names.len() >= most {
                names.truncate(most);
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
