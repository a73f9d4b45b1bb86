//! Runs the receivers of `docs/webhooks.md` as they are printed there, and receivers with manners of their own, and sends them
//! webhooks.
//!
//! The library for Rust verifies in the unit tests; these are other languages, and other authors' HMAC and ed25519.

#![allow(clippy::disallowed_methods)]
// A test may panic, also in what it shares with others.
#![allow(clippy::unwrap_used)]

mod content_type;
mod early_answer;
mod receiver;
mod sender;
mod verification;
