//! `template.yaml`, built and deployed into the emulator by the SAM CLI.

mod build;
mod cloud_formation;
mod corrections;
mod deployed;
mod deployer;
mod error;
mod sam;

pub use build::Build;
pub use cloud_formation::describe;
pub use deployed::Deployment;
pub use deployer::Deployer;
pub use error::DeploymentError;
pub use sam::remove_cargo_variables;

/// The name of the local stack, which is also the first part of its SSM and log group names.
pub const STACK: &str = "wagrun-local";
