//! Calls to the API of the emulator, by plain HTTP.
//!
//! The stack and its tests make few calls, so they need no SDK. The requests are those of the AWS CLI.

mod client;
mod error;
mod services;

pub use client::Aws;
pub use error::AwsError;
pub use services::{LogLine, QueueDepth, QueueMessage};
