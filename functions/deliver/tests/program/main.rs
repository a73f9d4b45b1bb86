//! Tests of the program as Lambda runs it: a process that asks a runtime API for work. AWS and the receiver are played at the
//! wire.

#![allow(clippy::disallowed_methods)]
// A test may panic, also in what it shares with others.
#![allow(clippy::unwrap_used)]

mod killed;
mod lambda;
mod log;
