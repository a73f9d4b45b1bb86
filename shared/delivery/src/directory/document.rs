//! The directory as it is stored.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::subscriber::Rules;

/// The number of the format that this version reads and writes.
const FORMAT: u32 = 1;

/// The parameters of all subscribers, each with the version in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Directory {
    /// The number of the format.
    format: u32,
    /// The path of the parameters, such as `/wagrun/subscribers`.
    pub path: String,
    /// The time at which the last listing of all parameters began. The directory has every change before it.
    pub as_of: Timestamp,
    /// The rules by which the parameters were judged.
    pub rules: Rules,
    /// The parameters, by the subscriber's name.
    pub subscribers: BTreeMap<String, Entry>,
}

/// The parameter of one subscriber.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The number of the newest version.
    pub version: i64,
    /// The time of its last change, in milliseconds since 1970, if Parameter Store gave one.
    pub changed_at: Option<i64>,
    /// The decrypted value of the newest version. None when Parameter Store does not hand it out, as without the right to its key.
    pub value: Option<String>,
    /// True when the newest version can be used.
    pub is_usable: bool,
    /// The last usable version, when the newest one cannot be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_force: Option<InForce>,
    /// True when something could not be read for it. The next comparison reads it again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_incomplete: bool,
}

/// A version that is in force, because no newer one can be used.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InForce {
    /// The number of the version.
    pub version: i64,
    /// Its decrypted value.
    pub value: String,
}

/// The object is not a directory of this format. The error quotes nothing of it, because it holds secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The format is another one.
    #[error("the subscriber directory has format {0}; this version reads format {FORMAT}")]
    Format(u32),
    /// The object is damaged.
    #[error("the subscriber directory is damaged (line {line}, column {column})")]
    Damaged {
        /// The position, from 1.
        line: usize,
        /// The position, from 1.
        column: usize,
    },
}

/// The one field that every format has.
#[derive(Deserialize)]
struct Header {
    format: u32,
}

impl Directory {
    /// Creates a directory without subscribers.
    pub fn new(path: &str, rules: Rules, as_of: Timestamp) -> Self {
        Self {
            format: FORMAT,
            path: path.to_owned(),
            as_of,
            rules,
            subscribers: BTreeMap::new(),
        }
    }

    /// Returns the bytes of the object.
    pub fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Reads the bytes of the object.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let damaged = |error: serde_json::Error| DecodeError::Damaged {
            line: error.line(),
            column: error.column(),
        };
        match serde_json::from_slice::<Self>(bytes) {
            Ok(directory) if directory.format == FORMAT => Ok(directory),
            Ok(directory) => Err(DecodeError::Format(directory.format)),
            Err(error) => match serde_json::from_slice::<Header>(bytes) {
                Ok(header) if header.format != FORMAT => Err(DecodeError::Format(header.format)),
                Ok(_) | Err(_) => Err(damaged(error)),
            },
        }
    }

    /// Returns the whole name of a subscriber's parameter.
    pub fn parameter(&self, subscriber: &str) -> String {
        format!("{}/{subscriber}", self.path)
    }
}

// The values hold secrets.
impl fmt::Debug for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Entry")
            .field("version", &self.version)
            .field("changed_at", &self.changed_at)
            .field("is_usable", &self.is_usable)
            .field("in_force", &self.in_force)
            .field("is_incomplete", &self.is_incomplete)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for InForce {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("InForce")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}
