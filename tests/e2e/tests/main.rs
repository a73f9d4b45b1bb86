//! All tests that need a real PostgreSQL, and those that need the whole stack, in one binary: they share what is slow
//! to start, and each has a database, or pages, of its own.

// A test may panic, also in what it shares with others.
#![allow(clippy::unwrap_used)]

mod again;
mod bulk;
mod capture;
mod databases;
mod deliveries;
mod doorbell;
mod drain;
mod due;
mod fake_lambda;
mod fake_scheduler;
mod fake_topic;
mod faults;
mod fleet;
mod interleavings;
mod lifecycle;
mod locks;
mod log_doorbell;
mod log_retention;
mod migrate;
mod named_tables;
mod objects;
mod odd_changes;
mod odd_rows;
mod pages;
mod payloads;
mod property;
mod proxy;
mod raw;
mod relayed_site;
mod restores;
mod saved_queries;
mod schedule;
mod schema;
mod set_aside;
mod site_copy;
mod story;
mod subscriber_cache;
mod subscribers;
mod subtrees;
mod targets;
mod unreadable;
mod watching;
mod world;
