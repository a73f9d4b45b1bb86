//! Start-up of a function: the AWS configuration, the environment, logging and metrics.

#![cfg_attr(test, allow(clippy::disallowed_methods))]

pub mod aws;
pub mod environment;
pub mod metric;
pub mod telemetry;
