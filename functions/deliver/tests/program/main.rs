//! The program itself, as Lambda runs it: a process that asks a runtime API for work, with AWS and a receiver played at the
//! wire.

// A test may panic, also in what it shares with others.
#![allow(clippy::unwrap_used)]

mod killed;
mod lambda;
mod log;
