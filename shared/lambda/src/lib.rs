//! Start-up of a function: the AWS configuration, the environment, logging and metrics.

pub mod aws;
pub mod environment;
pub mod metric;
pub mod telemetry;
