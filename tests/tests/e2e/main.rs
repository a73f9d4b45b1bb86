//! All tests that need a real PostgreSQL, and those that need the whole stack, in one binary: they share what is slow
//! to start, and each has a database, or pages, of its own.

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
mod lifecycle;
mod log_doorbell;
mod log_retention;
mod migrate;
mod objects;
mod pages;
mod payloads;
mod proxy;
mod raw;
mod schedule;
mod schema;
mod set_aside;
mod site_copy;
mod story;
mod subscriber_cache;
mod subscribers;
mod subtrees;
mod targets;
mod watching;
mod world;
