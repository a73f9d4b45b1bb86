//! How a receiver behaves.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use testing::receiver::Answer;

/// What a receiver answers, as the page offers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// 204: it takes everything.
    #[default]
    Takes,
    /// 500: it has a fault.
    Fails,
    /// Nothing, until deliver has waited long enough.
    Hangs,
    /// 410: it wants no more.
    Gone,
}

impl Mode {
    /// What the receiver does then.
    pub fn answer(self) -> Answer {
        match self {
            Self::Takes => Answer::status(StatusCode::NO_CONTENT),
            Self::Fails => Answer::status(StatusCode::INTERNAL_SERVER_ERROR),
            Self::Hangs => Answer::Hang,
            Self::Gone => Answer::status(StatusCode::GONE),
        }
    }
}
