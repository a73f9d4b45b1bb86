//! The local stack: a real Wagtail on a real PostgreSQL, and `template.yaml` deployed into an emulator of AWS.

pub mod admin;
pub mod aws;
pub mod browser;
pub mod bucket_in_memory;
pub mod demo;
pub mod deployment;
pub mod emulator;
pub mod fleet;
pub mod gunicorn;
pub mod history;
pub mod log;
pub mod log_export;
pub mod page;
pub mod postgres;
pub mod process;
pub mod progress;
pub mod receiver;
pub mod running;
pub mod stack;
pub mod timeline;
pub mod tools;

/// The root of the checkout this program was built from.
pub fn checkout() -> &'static std::path::Path {
    let tests = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests)
}

/// Makes ring the process's provider of TLS, which every `reqwest` client asks for, also one that only speaks plain HTTP.
pub fn install_crypto() {
    // It fails only when one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
