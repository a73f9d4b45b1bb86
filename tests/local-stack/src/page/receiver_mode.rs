//! The behaviors of a receiver that the page offers.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use testing::receiver::Answer;

/// The behavior of a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiverMode {
    /// Answers 204: accepts every event.
    #[default]
    Accepts,
    /// Answers 500.
    Fails,
    /// Does not answer, until deliver's timeout.
    Hangs,
    /// Answers 410 Gone, after which deliver disables the subscriber.
    Gone,
}

impl ReceiverMode {
    /// Returns the answer of a receiver in this mode.
    pub fn answer(self) -> Answer {
        match self {
            Self::Accepts => Answer::status(StatusCode::NO_CONTENT),
            Self::Fails => Answer::status(StatusCode::INTERNAL_SERVER_ERROR),
            Self::Hangs => Answer::Hang,
            Self::Gone => Answer::status(StatusCode::GONE),
        }
    }
}
