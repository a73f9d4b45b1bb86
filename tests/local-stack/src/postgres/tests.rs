//! Tests with real servers.

mod aws_lambda;
mod fixture;
mod server;
