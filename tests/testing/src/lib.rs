//! Parts of tests that need no database: replayed answers of AWS, webhook receivers, the fleet, and supervised processes.

#![allow(clippy::disallowed_methods)]

pub mod aws;
pub mod bucket_in_memory;
pub mod fleet;
pub mod process;
pub mod progress;
pub mod receiver;
pub mod replay;
pub mod secrets;

use std::path::Path;

/// Returns the root of the checkout that this program was built from.
pub fn checkout() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package)
}

/// Installs ring as the TLS provider of the process. Every `reqwest` client needs one, also for plain HTTP.
pub fn install_crypto() {
    // An error means that a provider is already installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
