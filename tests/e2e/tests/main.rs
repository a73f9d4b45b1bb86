//! All tests that need a real PostgreSQL, and those that need the whole stack, in one binary: they share what is slow
//! to start, and each has a database, or pages, of its own.

// A test may panic, also in what it shares with others.
#![allow(clippy::unwrap_used)]

mod capture;
mod delivery;
mod drain;
mod editing;
mod migrate;
mod payloads;
mod property;
mod stack;
mod support;
